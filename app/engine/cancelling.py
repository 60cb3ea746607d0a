"""Cancelling a flow: what has not begun ends at once, what is at work ends at its next check-point.

After a grace time its fence is raised, so that whatever it still does is not recorded.
"""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any, TypeVar

from sqlalchemy import Connection, Row, exists, select, update

from app.engine import flows
from app.engine.database import reading
from app.engine.facts import FlowCancelled, FlowCancelRequested
from app.engine.reactions import CANCELLED, READY, RUNNING, WAITING
from app.engine.recording import Recording, recording
from app.engine.recovery import apart
from app.engine.signal import Signal
from app.engine.tables import events, reactions, scopes
from app.engine.tables import flows as flow_rows
from app.errors import Conflict, NotFound

#: How long what is at work may take to end by itself.
GRACE = timedelta(seconds=30)

#: What a kind of flow says of its end, besides: `(db, flow, forced) -> Signal | None`.
Acknowledge = Callable[[Connection, str, bool], Signal | None]
AnyAcknowledge = TypeVar("AnyAcknowledge", bound=Callable[..., Any])
_acknowledges: dict[str, Acknowledge] = {}

_OPEN = (WAITING, READY, RUNNING)


def acknowledges(kind: str) -> Callable[[AnyAcknowledge], AnyAcknowledge]:
    """Let the decorated `(db, flow id, forced) -> Signal | None` say what the end of a cancelled flow of this
    kind means; its signal is recorded in the same transaction, in that flow.
    """

    def register(function: AnyAcknowledge) -> AnyAcknowledge:
        _acknowledges[kind] = function
        return function

    return register


def request_cancel(work: Recording, flow: str) -> None:
    """Ask for the end of a flow; asking again changes nothing.

    NotFound `flow_not_found`; Conflict `flow_ended` when nothing of it is open.
    """
    row = _lock(work, flow)
    if row is None:
        raise NotFound("flow_not_found", "There is no such flow.", "See the list of flows.")
    if row.cancel_at is not None:
        return
    if row.open <= 0:
        hint = "There is nothing to cancel. What it did can be undone by another flow, such as a rollback."
        raise Conflict("flow_ended", f"The flow has ended: it {row.state}.", hint)
    said = {"flow": row.id, "of_stream": row.stream, "of_label": row.label}
    asked = FlowCancelRequested(**said).within(flow, flow)
    work.record(asked)
    until = work.now + GRACE
    work.db.execute(update(flow_rows).where(flow_rows.c.id == flow).values(cancel_at=until))
    _go_on(work, row, asked.recorded.id, forced=False)


def end_cancelled(now: datetime) -> int:
    """Look after the flows that are being cancelled: acknowledge the end of those in which nothing is at work
    any more, and force it where the grace time is over. Returns how many have ended.
    """
    with reading() as db:
        query = select(flow_rows.c.id).where(flow_rows.c.cancel_at.is_not(None))
        found = list(db.execute(query.order_by(flow_rows.c.cancel_at).limit(500)).scalars())
    ended = 0
    for flow in found:
        with apart(flow), recording(stage="failure") as work:
            row = _lock(work, flow)
            if row is not None and row.cancel_at is not None:
                asked = _asked(work.db, flow)
                ended += _go_on(work, row, asked, forced=row.cancel_at <= now)
    return ended


def _lock(work: Recording, flow: str) -> Row[Any] | None:
    """A flow's row, read when the streams of all that is open in it are locked."""
    query = select(flow_rows).where(flow_rows.c.id == flow)
    row = work.db.execute(query).one_or_none()
    if row is None:
        return None
    of_flow = select(reactions.c.stream).where(reactions.c.flow == flow, reactions.c.state.in_(_OPEN))
    work.lock(row.stream, *work.db.execute(of_flow.distinct()).scalars())
    return work.db.execute(query).one()


def _go_on(work: Recording, flow: Row[Any], cause: str, *, forced: bool) -> bool:
    """Cancel what may be cancelled by now; when nothing is open any more, say so and return True."""
    _forget_waiting(work, flow.id)
    states = _OPEN if forced else (WAITING, READY)
    was_at_work = forced and _any(work.db, flow.id, (RUNNING,))
    _end(work, flow.id, states)
    if _any(work.db, flow.id, _OPEN):
        return False
    ended = {"flow": flow.id, "of_stream": flow.stream, "of_label": flow.label, "forced": was_at_work}
    last: list[Signal | None] = [FlowCancelled(**ended)]
    if flow.kind in _acknowledges:
        last.append(_acknowledges[flow.kind](work.db, flow.id, was_at_work))
    for signal in filter(None, last):
        work.record(signal.within(flow.id, cause))
    work.db.execute(update(flow_rows).where(flow_rows.c.id == flow.id).values(cancel_at=None))
    return True


def _end(work: Recording, flow: str, states: Iterable[str]) -> None:
    """End reactions of a flow, whoever has them: a fence that was raised keeps their results out."""
    ends = {
        "state": CANCELLED,
        "outcome": CANCELLED,
        "fence": reactions.c.fence + 1,
        "wake_at": None,
        "due_at": None,
        "waits_for": None,
        "ended_at": work.now,
    }
    mine = _of(flow, states) & reactions.c.stream.in_(work.locked)
    columns = (reactions.c[name] for name in ("id", "flow", "scope", "listener", "stream", "key", "follower"))
    for row in work.db.execute(update(reactions).where(mine).values(ends).returning(*columns)).all():
        work.end_reaction(row)


def _of(flow: str, states: Iterable[str]) -> Any:
    return (reactions.c.flow == flow) & reactions.c.state.in_(list(states)) & ~reactions.c.follower


def _any(db: Connection, flow: str, states: Iterable[str]) -> bool:
    return bool(db.execute(select(exists().where(_of(flow, states)))).scalar_one())


def _forget_waiting(work: Recording, flow: str) -> None:
    """Listeners that waited for a part of the flow to settle will not answer; that is written down."""
    of_flow = scopes.c.id.in_(select(events.c.id).where(events.c.flow == flow))
    for row in work.db.execute(select(scopes).where(of_flow, scopes.c.deadline_at.is_not(None))).all():
        work.give_up(row.id, list(row.waiting))
        flows.still_waiting(work.db, row.id, {})


def _asked(db: Connection, flow: str) -> str:
    """The event that asked for the cancel of a flow."""
    query = select(events.c.id).where(events.c.flow == flow, events.c.type == FlowCancelRequested.type)
    return str(db.execute(query.order_by(events.c.serial.desc()).limit(1)).scalar_one())
