"""Waits: a reaction that was made for one event goes on when another comes, or never.

Both events are of one stream, whose lock keeps the wait and what ends it from passing each other by.
"""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, select

from app.engine.listeners import LISTENERS, Listener
from app.engine.queue import Message
from app.engine.reactions import READY, let_go, put_off
from app.engine.signal import Event
from app.engine.tables import events, reactions

#: What such a reaction waits for.
EVENT = "event"


def key_of(data: Mapping[str, Any], field: str) -> str:
    """A field's value as the key of a line or of a wait; a field that is missing is the empty one."""
    value = data.get(field)
    return "" if value is None else str(value)[:200]


def begin(db: Connection, row: dict[str, Any], listener: Listener, event: Event) -> None:
    """Let a new reaction wait, unless what it waits for has come shortly before its own event."""
    row["key"] = key_of(event.data, listener.by)
    since = event.time - timedelta(seconds=listener.look_back)
    if (came := _last(db, listener, row["key"], event, since=since)) is not None:
        row["awaited"] = came
        return
    put_off(row, EVENT, event.time + timedelta(seconds=listener.patience))


def end(db: Connection, event: Event, unwritten: Iterable[dict[str, Any]]) -> list[Message]:
    """Let every wait go on that this event ends, also those that are not written yet; returns the messages
    of the written ones.
    """
    messages: list[Message] = []
    for listener in LISTENERS.awaiting(event.type):
        key = key_of(event.data, listener.by)
        same = (reactions.c.listener == listener.name) & (reactions.c.stream == event.stream)
        waiting = same & (reactions.c.key == key) & (reactions.c.waits_for == EVENT)
        messages += let_go(db, waiting, event.time, awaited=event.id)
        for row in unwritten:
            its = (row["listener"], row["stream"], row["key"], row["waits_for"])
            if its == (listener.name, event.stream, key, EVENT):
                row.update(state=READY, waits_for=None, due_at=None, awaited=event.id)
    return messages


def missed(db: Connection, listener: Listener, key: str, event: Event) -> str | None:
    """The event that should have ended the wait for `event` and was recorded by a process that did not know
    the listener; None when there is none.
    """
    return _last(db, listener, key, event, since=None)


def _last(db: Connection, listener: Listener, key: str, event: Event, *, since: Any) -> str | None:
    query = select(events.c.id, events.c.data).where(
        events.c.stream == event.stream,
        events.c.type.in_(listener.until),
        events.c.time >= since if since is not None else events.c.serial > event.serial,
        events.c.id != event.id,
    )
    for row in db.execute(query.order_by(events.c.serial.desc())):
        if key_of(row.data, listener.by) == key:
            return str(row.id)
    return None
