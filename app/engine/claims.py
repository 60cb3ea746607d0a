"""Who works a reaction off: attempts are claimed under a lease and a fence, kept by heartbeats, and ended."""

import socket
import traceback
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Any

from sqlalchemy import Connection, bindparam, select, update

from app.engine import clock, limits, pausing
from app.engine.database import is_postgres, storable
from app.engine.queue import Message
from app.engine.reactions import MESSAGE, READY, RESEND_SECONDS, RUNNING, Loaded, load, message_of
from app.engine.signal import Failure
from app.engine.tables import flows, reactions

_THERE = (reactions.c.id == bindparam("claimed")) & (reactions.c.state == READY)
#: Not waiting for another transaction that has it: that one claims it, cancels it or sends it again.
_UNHELD = select(reactions.c.id).where(_THERE).with_for_update(skip_locked=True).scalar_subquery()
_TAKE = update(reactions).values(
    state=RUNNING,
    attempt=reactions.c.attempt + 1,
    fence=reactions.c.fence + 1,
    sends=0,
    wake_at=bindparam("lease"),
    due_at=None,
    worker=bindparam("by"),
    started_at=bindparam("at"),
    waits_for=None,
)
_CLAIM, _CLAIM_UNHELD = _TAKE.where(_THERE), _TAKE.where(reactions.c.id == _UNHELD)
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
        waits_for=bindparam("for_what", type_=reactions.c.waits_for.type),
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
    .returning(
        reactions.c.follower,
        select(flows.c.cancel_at).where(flows.c.id == reactions.c.flow).scalar_subquery(),
    )
)
_HAND_BACK = (
    update(reactions)
    .where(
        reactions.c.id == bindparam("given_up"),
        reactions.c.state == RUNNING,
        reactions.c.worker == bindparam("by"),
    )
    .values(
        state=READY,
        attempt=reactions.c.attempt - 1,
        fence=reactions.c.fence + 1,
        due_at=bindparam("at"),
        wake_at=bindparam("again"),
    )
    .returning(*MESSAGE)
)


class Hold(Enum):
    """What a heartbeat hears of its reaction."""

    #: It is ours.
    KEPT = 1
    #: It is ours still, and the cancel of its flow was asked for: it should end where it can.
    CANCELLED = 2
    #: Another attempt has it, or it has ended: what this one does is for nothing.
    LOST = 3


def worker_name(pid: int) -> str:
    """What a claim says of its holder: the host, and the process that runs the action."""
    return f"{socket.gethostname()}:{pid}"


def claim(db: Connection, reaction: str, *, action: str, worker: str, lease: timedelta) -> Loaded | None:
    """Count an attempt before its work and take the lease; None when the reaction is not there to be taken,
    or must wait because its listener is paused or has limits.
    """
    if pausing.holds_back(db, reaction) or not limits.admit(db, reaction, action):
        return None
    now = clock.now()
    values = {"claimed": reaction, "by": worker, "lease": now + lease, "at": now}
    taken = db.execute(_CLAIM_UNHELD if is_postgres(db) else _CLAIM, values)
    return load(db, reaction) if taken.rowcount == 1 else None


def extend_lease(db: Connection, reaction: str, fence: int, lease: timedelta) -> Hold:
    """Keep a running reaction for another while, if it is ours; returns what was found."""
    values = {"held_id": reaction, "held": fence, "lease": clock.now() + lease}
    found = db.execute(_EXTEND, values).one_or_none()
    if found is None:
        return Hold.LOST
    follower, cancel_at = found
    return Hold.KEPT if follower or cancel_at is None else Hold.CANCELLED


def hand_back(db: Connection, reaction: str, worker: str) -> Message | None:
    """Make a reaction ready that this worker has at work and will not end: nothing was wrong with it, so the
    attempt does not count, and what is left of it cannot commit. Its message; None when the worker does not
    have it.
    """
    now = clock.now()
    values = {"given_up": reaction, "by": worker, "at": now, "again": now + timedelta(seconds=RESEND_SECONDS)}
    row = db.execute(_HAND_BACK, values).one_or_none()
    return None if row is None else message_of(row._mapping)


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
        "for_what": "retry" if ending.due_at else None,
        "began": loaded.started_at or began,
        "at": None if ending.due_at else now,
    }
    return db.execute(_FINISH, values).rowcount == 1
