"""Waits: a reaction that was made for one event goes on when another comes, or never.

Both events are of one stream, whose lock keeps the wait and what ends it from passing each other by. What
counts is when they were recorded, not when somebody looked.
"""

import json
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from sqlalchemy import ColumnElement, Connection, func, select

from app.engine.listeners import LISTENERS, Listener
from app.engine.queue import Message
from app.engine.reactions import READY, let_go, put_off
from app.engine.signal import Event
from app.engine.tables import events, reactions

#: What such a reaction waits for.
EVENT = "event"
#: A longer key is cut off and ends in its digest.
LONGEST_KEY = 200


def key_of(data: Mapping[str, Any], field: str) -> str:
    """A field's value as the key of a line or of a wait: texts as they are, other values as JSON writes them
    (7, true, null), so that 7 and "7" are one key. A field that is missing is null.
    """
    value = data.get(field)
    if isinstance(value, float) and value.is_integer():
        value = int(value)  # as a database may give it back
    key = value if isinstance(value, str) else json.dumps(value, sort_keys=True, ensure_ascii=False)
    if len(key) <= LONGEST_KEY:
        return key
    digest = sha256(key.encode()).hexdigest()
    return f"{key[: LONGEST_KEY - len(digest) - 1]}~{digest}"


def begin(db: Connection, row: dict[str, Any], listener: Listener, event: Event) -> None:
    """Let a new reaction wait, unless what it waits for has come shortly before its own event."""
    row["key"] = key_of(event.data, listener.by)
    until = event.time + timedelta(seconds=listener.patience)
    too_old = event.time - timedelta(seconds=listener.look_back)
    before = (events.c.stream == event.stream) & (events.c.sequence < event.sequence)
    newest = select(events.c.sequence).where(before, events.c.time < too_old)
    newest = newest.order_by(events.c.sequence.desc()).limit(1)
    since = events.c.sequence > func.coalesce(newest.scalar_subquery(), 0)
    came = _matching(db, listener, row["key"], event, since & (events.c.time <= until))
    if came:
        row["awaited"] = came[-1]
        return
    put_off(row, EVENT, until)


def end(db: Connection, event: Event, unwritten: Iterable[dict[str, Any]]) -> list[Message]:
    """Let every wait go on that this event ends, also those that are not written yet; returns the messages
    of the written ones. A wait whose time is over is left to the sweep.
    """
    messages: list[Message] = []
    for listener in LISTENERS.awaiting(event.type):
        key = key_of(event.data, listener.by)
        same = (reactions.c.listener == listener.name) & (reactions.c.stream == event.stream)
        waiting = same & (reactions.c.key == key) & (reactions.c.waits_for == EVENT)
        messages += let_go(db, waiting & (reactions.c.due_at >= event.time), event.time, awaited=event.id)
        for row in unwritten:
            its = (row["listener"], row["stream"], row["key"], row["waits_for"])
            if its == (listener.name, event.stream, key, EVENT):
                row.update(state=READY, waits_for=None, due_at=None, awaited=event.id)
    return messages


def missed(db: Connection, listener: Listener, key: str, event: Event, until: datetime) -> str | None:
    """The event that should have ended the wait for `event` by then, and was recorded by a process that did
    not know the listener; None when there is none.
    """
    later = (events.c.sequence > event.sequence) & (events.c.time <= until)
    came = _matching(db, listener, key, event, later)
    return came[0] if came else None


def _matching(
    db: Connection, listener: Listener, key: str, event: Event, which: ColumnElement[bool]
) -> list[str]:
    """The other events of the stream that end such a wait, oldest first."""
    query = select(events.c.id, events.c.data).where(
        events.c.stream == event.stream, events.c.type.in_(listener.until), events.c.id != event.id, which
    )
    found = db.execute(query.order_by(events.c.sequence))
    return [row.id for row in found if key_of(row.data, listener.by) == key]
