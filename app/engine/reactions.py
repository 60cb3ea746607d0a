"""Reactions as rows: how they are made, claimed, finished, put off and sent again. Each statement is written
once.
"""

import traceback
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, bindparam, func, insert, literal_column, select, update

from app.engine import clock, log
from app.engine.database import storable
from app.engine.listeners import Listener
from app.engine.queue import HANDOFF_MESSAGES, Message
from app.engine.signal import Event, Failure
from app.engine.tables import events, reactions

WAITING, READY, RUNNING, DONE, DEAD, SKIPPED = "waiting", "ready", "running", "done", "dead", "skipped"

#: A sent reaction that nobody started is sent again after so long, then twice as long, up to the longest.
RESEND_SECONDS, RESEND_LONGEST = 5, 300
#: How often one listener may answer in one stream along one line of causes, and how long such a line may be.
MOST_REPEATS, DEEPEST = 8, 100

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
    reactions.c.started_at,
    reactions.c.worker,
    select(func.coalesce(func.max(_of_stream.c.sequence), 0))
    .where(_of_stream.c.stream == reactions.c.stream)
    .scalar_subquery(),
)
_LOAD = (
    select(*log.EVENT_COLUMNS, *_LOADED)
    .join_from(reactions, events, events.c.id == reactions.c.event)
    .where(reactions.c.id == bindparam("id"))
)
_CLAIM = (
    update(reactions)
    .where(reactions.c.id == bindparam("claimed"), reactions.c.state == READY)
    .values(
        state=RUNNING,
        attempt=reactions.c.attempt + 1,
        fence=reactions.c.fence + 1,
        sends=0,
        wake_at=bindparam("lease"),
        due_at=None,
        worker=bindparam("by"),
        started_at=bindparam("at"),
    )
)
_FINISH = (
    update(reactions)
    .where(reactions.c.id == bindparam("ended"), reactions.c.fence == bindparam("held"))
    .values(
        state=bindparam("new_state"),
        outcome=bindparam("new_outcome"),
        attempt=bindparam("tries"),
        failure=bindparam("why", type_=reactions.c.failure.type),
        wake_at=bindparam("next", type_=reactions.c.wake_at.type),
        due_at=bindparam("next", type_=reactions.c.due_at.type),
        started_at=bindparam("began", type_=reactions.c.started_at.type),
        ended_at=bindparam("at", type_=reactions.c.ended_at.type),
    )
)
_EXTEND = (
    update(reactions)
    .where(
        reactions.c.id == bindparam("held_id"),
        reactions.c.fence == bindparam("held"),
        reactions.c.state == RUNNING,
    )
    .values(wake_at=bindparam("lease"))
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
    started_at: datetime | None
    worker: str | None
    #: How many events the stream has: certain only when it was locked before.
    counted: int


def row_for(
    listener: Listener, event: Event, *, scope: str | None, parent: str | None, now: datetime
) -> dict[str, Any]:
    """A new reaction, ready to be handed over."""
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
        "wake_at": now + timedelta(seconds=RESEND_SECONDS),
        "due_at": None,
        "failure": None,
        "created_at": now,
        "ended_at": None,
    }


def skip(row: dict[str, Any], why: str, now: datetime) -> None:
    """Turn a new reaction into one that will never run, and say why."""
    row.update(
        state=SKIPPED, outcome="loop", wake_at=None, ended_at=now, failure={"code": "loop", "message": why}
    )


def insert_many(db: Connection, rows: Sequence[dict[str, Any]], now: datetime) -> list[Message]:
    """Insert new reactions and return the messages of those that are ready; a commit sends only the first of
    them.
    """
    messages: list[Message] = []
    for row in rows:
        if row["state"] != READY:
            continue
        if len(messages) >= HANDOFF_MESSAGES:
            row["wake_at"] = now
        messages.append(message_of(row))
    if rows:
        db.execute(_INSERT, rows)
    return messages


def message_of(row: Any) -> Message:
    """The message for a reaction's row (a mapping)."""
    return Message(row["id"], row["action"], row["outer"], row["flow"], row["parent"], row["label"])


def load(db: Connection, reaction: str) -> Loaded | None:
    """A reaction with its event, None when there is no such reaction."""
    row = db.execute(_LOAD, {"id": reaction}).one_or_none()
    return None if row is None else Loaded(log.event_of(row), *row[len(log.EVENT_COLUMNS) :])


def claim(db: Connection, reaction: str, *, worker: str, lease: timedelta) -> Loaded | None:
    """Count an attempt before its work and take the lease; None when the reaction is not there to be
    taken.
    """
    now = clock.now()
    values = {"claimed": reaction, "by": worker, "lease": now + lease, "at": now}
    return load(db, reaction) if db.execute(_CLAIM, values).rowcount == 1 else None


def extend_lease(db: Connection, reaction: str, fence: int, lease: timedelta) -> bool:
    """Keep a running reaction for another while; False when it is not ours any more."""
    values = {"held_id": reaction, "held": fence, "lease": clock.now() + lease}
    return db.execute(_EXTEND, values).rowcount == 1


@dataclass(frozen=True, slots=True)
class Ending:
    """How an attempt ended: the reaction is done or dead, or waits until `due_at` for its next attempt."""

    state: str
    outcome: str | None = None
    failure: Failure | None = None
    #: What was raised, for the traceback that stands beside the failure.
    error: Exception | None = None
    due_at: datetime | None = None

    def shown(self) -> dict[str, Any] | None:
        """The failure as it is kept with the reaction."""
        if self.failure is None:
            return None
        lines = {"traceback": storable(traceback.format_exception(self.error)[-8:])} if self.error else {}
        return self.failure.model_dump(mode="json") | lines


def finish(db: Connection, loaded: Loaded, ending: Ending, began: datetime) -> bool:
    """Write down how an attempt ended that began then, unless it had been claimed before.

    False when another attempt has taken the reaction meanwhile: then the transaction must not be committed.
    """
    now = clock.now()
    values = {
        "ended": loaded.id,
        "held": loaded.fence,
        "new_state": ending.state,
        "new_outcome": ending.outcome,
        "tries": max(1, loaded.attempt),
        "why": ending.shown(),
        "next": ending.due_at,
        "began": loaded.started_at or began,
        "at": None if ending.due_at else now,
    }
    return db.execute(_FINISH, values).rowcount == 1


def repeats(db: Connection, reaction: str) -> Counter[tuple[str, str]]:
    """How often each (listener, stream) stands in the line of reactions that led to this one, and in it."""
    up = (
        select(reactions.c.parent, reactions.c.listener, reactions.c.stream)
        .where(reactions.c.id == reaction)
        .cte("up", recursive=True)
    )
    older = reactions.alias()
    up = up.union_all(
        select(older.c.parent, older.c.listener, older.c.stream).where(older.c.id == up.c.parent)
    )
    lines = db.execute(select(up.c.listener, up.c.stream).limit(literal_column(str(DEEPEST + 1))))
    return Counter((listener, stream) for listener, stream in lines)
