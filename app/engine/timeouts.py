"""Waits that nothing has ended in time, and flows that are open and in which nothing happens any more."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, func, select, update

from app.engine import log, waits
from app.engine.claims import Ending
from app.engine.database import reading
from app.engine.facts import FlowStalled
from app.engine.failing import finish
from app.engine.flows import PATIENCE
from app.engine.listeners import LISTENERS, Listener
from app.engine.reactions import DONE, READY, RESEND_SECONDS, RUNNING, SKIPPED, WAITING, Loaded
from app.engine.recording import Recording, recording
from app.engine.recovery import apart
from app.engine.signal import SIGNALS, Failure, revive
from app.engine.tables import events, flows, reactions

#: One pass handles at most so many rows of each kind.
BATCH = 500
#: A stalled flow names so many of the reactions that it waits for.
SHOWN = 10
TIMED_OUT = "timed_out"

_OPEN = (WAITING, READY, RUNNING)


def end_waits(now: datetime) -> int:
    """Record what listeners say of waits that nothing has ended until `now`; returns how many that are."""
    over = (
        reactions.c.waits_for == waits.EVENT,
        reactions.c.state == WAITING,
        reactions.c.wake_at <= now,
    )
    query = select(reactions.c.id, reactions.c.stream).where(*over).order_by(reactions.c.wake_at)
    with reading() as db:
        found = db.execute(query.limit(BATCH)).all()
    ended = 0
    for reaction, stream in found:
        with apart(reaction), recording(stage="failure") as work:
            if not log.lock_if_free(work.db, stream):
                continue
            loaded = work.open_reaction(reaction)
            if loaded and loaded.waits_for == waits.EVENT and loaded.wake_at and loaded.wake_at <= work.now:
                ended += _end_wait(work, loaded)
    return ended


def _end_wait(work: Recording, loaded: Loaded) -> bool:
    listener = LISTENERS.get(loaded.listener)
    this_one = reactions.c.id == loaded.id
    if listener is None:  # a process that knows it will say what follows
        later = work.now + timedelta(seconds=RESEND_SECONDS)
        work.db.execute(update(reactions).where(this_one).values(wake_at=later))
        return False
    came = waits.missed(work.db, listener, loaded.key or "", loaded.event)
    if came is not None:
        work.let_go(this_one, awaited=came)
        return False
    _say_otherwise(work, loaded, listener)
    return True


def _say_otherwise(work: Recording, loaded: Loaded, listener: Listener) -> None:
    if listener.otherwise is None:
        finish(work, loaded, Ending(SKIPPED, TIMED_OUT))
        return
    instead, event = SIGNALS[listener.otherwise], revive(loaded.event)
    shared = {name: getattr(event, name) for name in instead.model_fields if name in type(event).model_fields}
    work.record(instead.model_validate(shared))
    finish(work, loaded, Ending(DONE, TIMED_OUT))


def tell_stalled_flows(now: datetime) -> int:
    """Record the flows in which nothing has happened for too long; returns how many."""
    query = select(flows.c.id, flows.c.stream).where(flows.c.deadline_at <= now)
    with reading() as db:
        found = db.execute(query.order_by(flows.c.deadline_at).limit(BATCH)).all()
    told = 0
    for flow, stream in found:
        with apart(flow), recording(stage="failure") as work:
            if log.lock_if_free(work.db, stream):
                work.lock(stream)
                told += _tell_if_stalled(work, flow)
    return told


def _tell_if_stalled(work: Recording, flow: str) -> bool:
    """Set a flow another deadline, or tell that it stalls: then it has none until it goes on."""
    this_one = flows.c.id == flow
    row = work.db.execute(select(flows).where(this_one, flows.c.deadline_at <= work.now)).one_or_none()
    if row is None:
        return False
    since = _last_progress(work.db, row)
    following = _next_moment(work.db, flow, work.now)
    until = max(since, following or since) + PATIENCE
    stalled = until <= work.now
    work.db.execute(update(flows).where(this_one).values(deadline_at=None if stalled else until))
    if stalled:
        work.record(_stalled(work.db, row, work.now - since).within(flow, flow))
    return stalled


def _last_progress(db: Connection, flow: Row[Any]) -> datetime:
    recorded = db.execute(select(func.max(events.c.time)).where(events.c.flow == flow.id)).scalar()
    moments = select(func.max(reactions.c.started_at), func.max(reactions.c.ended_at))
    begun, ended = db.execute(moments.where(reactions.c.flow == flow.id)).one()
    known = [moment for moment in (flow.started_at, recorded, begun, ended) if moment is not None]
    latest: datetime = max(known)
    return latest


def _next_moment(db: Connection, flow: str, now: datetime) -> datetime | None:
    """When something of a flow will go on by itself: a wait ends, or a lease of what is at work."""
    coming = (
        reactions.c.flow == flow,
        reactions.c.state.in_((WAITING, RUNNING)),
        reactions.c.wake_at > now,
        ~reactions.c.follower,
    )
    found: datetime | None = db.execute(select(func.max(reactions.c.wake_at)).where(*coming)).scalar()
    return found


def _stalled(db: Connection, flow: Row[Any], age: timedelta) -> FlowStalled:
    columns = (reactions.c.id, reactions.c.action, reactions.c.state, reactions.c.waits_for)
    query = select(*columns).where(
        reactions.c.flow == flow.id, reactions.c.state.in_(_OPEN), ~reactions.c.follower
    )
    waiting_on = [dict(row._mapping) for row in db.execute(query.order_by(reactions.c.id).limit(SHOWN))]
    actions = ", ".join(sorted({row["action"] for row in waiting_on}))
    failure = Failure(
        code="stage_timeout",
        stage="flow",
        message=f"Nothing has happened for {age.total_seconds() / 60:.0f} minutes; open: {actions}.",
        hint="Look whether workers run that know these actions, and for dead ones that hold back others.",
    )
    return FlowStalled(
        flow=flow.id,
        of_stream=flow.stream,
        of_label=flow.label,
        failure=failure,
        waiting_on=waiting_on,
        age_s=round(age.total_seconds()),
    )
