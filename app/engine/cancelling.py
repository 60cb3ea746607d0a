"""Cancelling a flow: what has not begun ends at once, what is at work ends at its next check-point.

After a grace time its fence is raised, so that whatever it still does is not recorded. Followers go on.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Connection, Row, exists, select, update

from app.engine import flows, log
from app.engine.database import reading
from app.engine.facts import FlowCancelled, FlowCancelMissed, FlowCancelRequested
from app.engine.jumps import WATCH
from app.engine.reactions import CANCELLED, OPEN, READY, RUNNING, WAITING
from app.engine.recording import Recording, recording
from app.engine.recovery import apart
from app.engine.signal import Event, Signal
from app.engine.tables import events, reactions, scopes
from app.engine.tables import flows as flow_rows
from app.errors import NotFound

#: How long what is at work may take to end by itself.
GRACE = timedelta(seconds=30)
#: One pass looks after at most so many flows; so many reactions are ended by one statement.
BATCH = 500


@dataclass(frozen=True, slots=True)
class CancelledFlow:
    """A flow of which nothing is open any more, because its cancel was asked for or all the same."""

    id: str
    #: Who asked.
    by: str
    #: Whether something that was at work had to be left behind.
    forced: bool


#: What a kind of flow says of such an end.
Acknowledge = Callable[[Connection, CancelledFlow], Signal | None]
AnyAcknowledge = TypeVar("AnyAcknowledge", bound=Callable[..., Any])
_acknowledges: dict[str, Acknowledge] = {}

_ENDS = {
    "state": CANCELLED,
    "outcome": CANCELLED,
    "fence": reactions.c.fence + 1,
    **dict.fromkeys(("wake_at", "due_at", "waits_for")),
}
_ENDED = ("id", "state", "flow", "scope", "listener", "stream", "key", "follower")


def acknowledges(kind: str) -> Callable[[AnyAcknowledge], AnyAcknowledge]:
    """Let the decorated `(db, CancelledFlow) -> Signal | None` say what the end of a flow of this kind means;
    its signal is recorded in that flow and in the transaction that ends the cancel.
    """

    def register(function: AnyAcknowledge) -> AnyAcknowledge:
        _acknowledges[kind] = function
        return function

    return register


def lock_flow(work: Recording, flow: str) -> Row[Any]:
    """A flow's row, read when its stream is locked and those of all that is open in it; NotFound
    `flow_not_found`. In a transaction that has locked its stream before, the others are left to the sweep.
    """
    found = work.db.execute(_row(flow)).one_or_none()
    if found is None:
        raise NotFound("flow_not_found", "There is no such flow.", "See the list of flows.")
    if found.stream not in work.locked:
        work.lock(found.stream, *_streams(work.db, flow))
    return work.db.execute(_row(flow)).one()


def request_cancel(work: Recording, flow: str, *told: Signal) -> bool:
    """Ask for the end of a flow and record `told` with it; asking again changes nothing and records nothing.

    False when nothing of the flow is open. NotFound `flow_not_found`.
    """
    row = lock_flow(work, flow)
    if row.cancel_at is not None:
        return True
    if row.open <= 0:
        return False
    work.cancel_flow(flow, work.now + GRACE)
    asked = FlowCancelRequested(**_about(row)).within(flow, flow)
    for signal in (*told, asked):
        work.record(signal)
    _go_on(work, row, asked.recorded, forced=False)
    return True


def end_cancelled(now: datetime) -> int:
    """Look after the flows that are being cancelled: acknowledge the end of those in which nothing is at work
    any more, and force it where the grace time is over. Returns how many have ended.
    """
    with reading() as db:
        query = select(flow_rows.c.id).where(flow_rows.c.cancel_at.is_not(None))
        found = list(db.execute(query.order_by(flow_rows.c.cancel_at, flow_rows.c.id).limit(BATCH)).scalars())
    ended = 0
    for flow in found:
        with apart(flow), recording(stage="failure") as work:
            row = _lock_if_free(work, flow)
            if row is not None and row.cancel_at is not None:
                work.cancel_flow(flow, row.cancel_at)
                ended += _go_on(work, row, _asked(work.db, flow), forced=WATCH.is_over(row.cancel_at, now))
    return ended


def _row(flow: str) -> Any:
    return select(flow_rows).where(flow_rows.c.id == flow)


def _streams(db: Connection, flow: str) -> list[str]:
    """The streams of all that is open in a flow."""
    return list(db.execute(select(reactions.c.stream).where(_of(flow, OPEN)).distinct()).scalars())


def _lock_if_free(work: Recording, flow: str) -> Row[Any] | None:
    """The same for the sweep, which waits for nobody."""
    found = work.db.execute(_row(flow)).one()
    streams = {found.stream, *_streams(work.db, flow)}
    if not all(log.lock_if_free(work.db, stream) for stream in sorted(streams)):
        return None
    work.lock(*streams)
    return work.db.execute(_row(flow)).one()


def _go_on(work: Recording, flow: Row[Any], asked: Event, *, forced: bool) -> bool:
    """Cancel what may be cancelled by now; when nothing is open any more, say so and return True."""
    prevented = _forget_waiting(work, flow.id)
    ended = _end(work, _of(flow.id, OPEN if forced else (WAITING, READY)))
    if _any(work.db, flow.id, OPEN):
        return False
    prevented |= _any(work.db, flow.id, (CANCELLED,))
    work.cancel_flow(flow.id, None)
    acknowledge = _acknowledges.get(flow.kind)
    cancelled = CancelledFlow(flow.id, asked.actor, RUNNING in ended)
    said = acknowledge(work.db, cancelled) if acknowledge else None
    if prevented or (said is not None and said.ends == CANCELLED):
        work.record(FlowCancelled(**_about(flow), forced=cancelled.forced).within(flow.id, asked.id))
    else:
        work.record(FlowCancelMissed(**_about(flow)).within(flow.id, asked.id))
    if said is not None:
        work.record(said.within(flow.id, asked.id))
    return True


def _end(work: Recording, which: ColumnElement[bool]) -> set[str]:
    """End reactions, whoever has them: a fence that was raised keeps their results out. Returns the states
    that they were in.
    """
    here = which & reactions.c.stream.in_(work.locked)
    query = select(*(reactions.c[name] for name in _ENDED)).where(here).order_by(reactions.c.id)
    states: set[str] = set()
    while rows := work.db.execute(query.limit(BATCH).with_for_update()).all():
        these = reactions.c.id.in_([row.id for row in rows])
        work.db.execute(update(reactions).where(these).values(**_ENDS, ended_at=work.now))
        for row in sorted(rows, key=lambda row: row.scope or "", reverse=True):  # inner scopes come first
            work.end_reaction(row)
        states |= {row.state for row in rows}
    return states


def _of(flow: str, states: Iterable[str]) -> ColumnElement[bool]:
    return (reactions.c.flow == flow) & reactions.c.state.in_(list(states)) & ~reactions.c.follower


def _any(db: Connection, flow: str, states: Iterable[str]) -> bool:
    return bool(db.execute(select(exists().where(_of(flow, states)))).scalar_one())


def _forget_waiting(work: Recording, flow: str) -> bool:
    """Listeners that waited for a part of the flow to settle will not answer; that is written down. Returns
    whether there were any.
    """
    query = select(scopes).where(scopes.c.flow == flow, scopes.c.deadline_at.is_not(None))
    waiting = work.db.execute(query.order_by(scopes.c.id.desc()).with_for_update()).all()
    for row in waiting:
        work.give_up(row.id, list(row.waiting))
        flows.still_waiting(work.db, row.id, {})
    return bool(waiting)


def _about(flow: Row[Any]) -> dict[str, str]:
    return {"flow": flow.id, "of_stream": flow.stream, "of_label": flow.label}


def _asked(db: Connection, flow: str) -> Event:
    """The event that asked for the cancel of a flow."""
    query = select(events.c.id).where(events.c.flow == flow, events.c.type == FlowCancelRequested.type)
    newest = query.order_by(events.c.serial.desc()).limit(1)
    return log.require_event(db, db.execute(newest).scalar_one())
