"""Reactions as rows: how they are made, read, and turned into messages."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    bindparam,
    func,
    insert,
    select,
    update,
)

from app.engine import clock, log
from app.engine.listeners import Listener
from app.engine.queue import HANDOFF_MESSAGES, Message
from app.engine.signal import Event
from app.engine.tables import events, flows, reactions

WAITING, READY, RUNNING = "waiting", "ready", "running"
DONE, DEAD, SKIPPED, CANCELLED = "done", "dead", "skipped", "cancelled"
#: Those that have not ended.
OPEN = (WAITING, READY, RUNNING)

#: A sent reaction that nobody started is sent again after so long, then twice as long, up to the longest.
RESEND_SECONDS, RESEND_LONGEST = 5, 300

#: The two parts of what has not ended, each of which an index of its own finds.
_timed = reactions.c.wake_at.is_not(None)
IN_INDEXES = (_timed, ~_timed & reactions.c.waits_for.is_not(None))

#: What a message is made of.
MESSAGE = tuple(reactions.c[name] for name in ("id", "action", "outer", "flow", "parent", "label"))
_INSERT = insert(reactions)
_of_stream = events.alias()
_LOADED = (
    reactions.c.id,
    reactions.c.listener,
    reactions.c.action,
    reactions.c.flow,
    reactions.c.scope,
    reactions.c.stream,
    reactions.c.follower,
    reactions.c.state,
    reactions.c.attempt,
    reactions.c.fence,
    reactions.c.sends,
    reactions.c.wake_at,
    reactions.c.due_at,
    reactions.c.started_at,
    reactions.c.worker,
    reactions.c.generation,
    reactions.c.key,
    reactions.c.stops,
    reactions.c.waits_for,
    reactions.c.awaited,
    flows.c.cancel_at,
    flows.c.deadline_at.is_(None),
    select(func.coalesce(func.max(_of_stream.c.sequence), 0))
    .where(_of_stream.c.stream == reactions.c.stream)
    .scalar_subquery(),
)
_LOAD = (
    select(*log.EVENT_COLUMNS, *_LOADED)
    .join_from(reactions, events, events.c.id == reactions.c.event)
    .outerjoin(flows, flows.c.id == reactions.c.flow)
    .where(reactions.c.id == bindparam("id"))
)


@dataclass(frozen=True, slots=True)
class Loaded:
    """A reaction and the event that it answers, as one query read them; the columns are those of the
    table.
    """

    event: Event
    id: str
    listener: str
    action: str
    flow: str
    scope: str | None
    stream: str
    follower: bool
    state: str
    attempt: int
    fence: int
    sends: int
    wake_at: datetime | None
    due_at: datetime | None
    started_at: datetime | None
    worker: str | None
    generation: int
    key: str | None
    stops: bool
    waits_for: str | None
    awaited: str | None
    #: When its flow's cancel is forced; None when nobody asked for a cancel.
    cancel_at: datetime | None
    #: Whether its flow was found to be stalled, and the sweep will not look at it again by itself.
    stalled: bool
    #: How many events the stream has: certain only when it was locked before.
    counted: int

    @property
    def is_open(self) -> bool:
        """Whether it has not ended."""
        return self.state in OPEN


@dataclass(frozen=True, slots=True)
class Alike:
    """What reactions are to have in common; None is any."""

    listener: str | None = None
    action: str | None = None
    flow: str | None = None
    #: The code of the failure.
    code: str | None = None
    #: They ended at this moment or later.
    since: datetime | None = None

    def conditions(self) -> list[ColumnElement[bool]]:
        """The same in SQL."""
        names = ("listener", "action", "flow")
        found = [reactions.c[name] == value for name in names if (value := getattr(self, name)) is not None]
        if self.code is not None:
            found.append(reactions.c.failure["code"].as_string() == self.code)
        if self.since is not None:
            found.append(reactions.c.ended_at >= self.since)
        return found


def row_for(listener: Listener, event: Event, *, scope: str | None, parent: str | None) -> dict[str, Any]:
    """A new reaction, ready to be handed over once `insert_many` has given it its times."""
    return {
        "id": clock.new_id(),
        "event": event.id,
        "listener": listener.name,
        "generation": 0,
        "action": listener.action,
        "outer": listener.outer,
        "flow": event.flow,
        "scope": scope,
        "stream": event.stream,
        "label": event.label,
        "parent": parent,
        "follower": listener.follower or event.follower,
        "depth": event.depth,
        "state": READY,
        "outcome": None,
        "attempt": 0,
        "fence": 0,
        "sends": 0,
        "wake_at": None,
        "due_at": None,
        "failure": None,
        "ended_at": None,
        "key": None,
        "stops": listener.on_dead == "stop",
        "waits_for": None,
        "awaited": None,
        "place": None,
    }


def skip(row: dict[str, Any], why: str) -> None:
    """Turn a new reaction into one that will never run, and say why."""
    row.update(state=SKIPPED, outcome="loop", failure={"code": "loop", "message": why})


def cancel(row: dict[str, Any]) -> None:
    """Turn a new reaction into one that its flow's cancel has prevented."""
    row.update(state=CANCELLED, outcome=CANCELLED)


def put_off(row: dict[str, Any], waits_for: str, until: datetime | None) -> None:
    """Let a new reaction wait: until an instant, or until another reaction lets it go."""
    row.update(state=WAITING, waits_for=waits_for, due_at=until, wake_at=until)


def insert_many(db: Connection, rows: Sequence[dict[str, Any]], now: datetime) -> list[Message]:
    """Insert new reactions and return the messages of those that are ready; a commit sends only the first of
    them.
    """
    messages: list[Message] = []
    for row in rows:
        row["created_at"] = now
        if row["state"] == READY:
            sent_now = len(messages) < HANDOFF_MESSAGES
            row["wake_at"] = now + timedelta(seconds=RESEND_SECONDS) if sent_now else now
            messages.append(message_of(row))
        elif row["state"] in (SKIPPED, CANCELLED):
            row["ended_at"] = now
    if rows:
        db.execute(_INSERT, rows)
    return messages


def locked(query: Select[Any], *, skip_locked: bool = False) -> ColumnElement[bool]:
    """The reactions that a query of ids finds, for an update, locked in its order, as everybody does.

    As a common table it is read once, whatever its limit; SQLite counts no rows of it: count what it returns.
    """
    found = query.with_for_update(skip_locked=skip_locked).cte("found")
    return reactions.c.id.in_(select(found.c.id))


def let_go(db: Connection, which: ColumnElement[bool], now: datetime, **also: Any) -> list[Message]:
    """Make reactions ready that waited; returns their messages, to be sent after the commit."""
    soon = now + timedelta(seconds=RESEND_SECONDS)
    ready = {"state": READY, "waits_for": None, "due_at": now, "wake_at": soon, **also}
    gone = update(reactions).where(which, reactions.c.state == WAITING).values(ready).returning(*MESSAGE)
    messages = [message_of(row._mapping) for row in db.execute(gone)]
    return sorted(messages, key=lambda message: message.reaction)  # the oldest first


def message_of(row: Any) -> Message:
    """The message for a reaction's row (a mapping)."""
    return Message(row["id"], row["action"], row["outer"], row["flow"], row["parent"], row["label"])


def load(db: Connection, reaction: str) -> Loaded | None:
    """A reaction with its event, None when there is no such reaction."""
    row = db.execute(_LOAD, {"id": reaction}).one_or_none()
    return None if row is None else Loaded(log.event_of(row), *row[len(log.EVENT_COLUMNS) :])
