"""Waits that nothing has ended in time, and flows that are open and in which nothing happens any more."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, case, func, select, union_all, update

from app.engine import clock, log, replays, waits
from app.engine.claims import Ending
from app.engine.database import reading, writing
from app.engine.facts import FlowRecovered, FlowStalled, ReplayStarted
from app.engine.failing import DatabaseTrouble, bury, finish
from app.engine.flows import PATIENCE
from app.engine.jumps import WATCH
from app.engine.listeners import LISTENERS
from app.engine.reactions import DONE, IN_INDEXES, OPEN, RESEND_SECONDS, RUNNING, SKIPPED, WAITING, Loaded
from app.engine.recording import Recording, recording
from app.engine.recovery import apart
from app.engine.signal import SIGNALS, Failure, UnknownSignal, revive
from app.engine.tables import events, flows, reactions

#: One pass handles at most so many rows of each kind.
BATCH = 500
#: A stalled flow names so many of the reactions that it waits for.
SHOWN = 10
#: A flow is looked at once in so long at least. One that is to be looked at later was written by a clock that
#: was ahead.
FARTHEST = timedelta(days=1)
TIMED_OUT = "timed_out"

#: What flows wait for; what a replay waits for is in the flows of the past events.
_awaited = (select(reactions.c.flow).where(each, ~reactions.c.follower) for each in IN_INDEXES)
_REPLAYS = select(flows.c.id).where(flows.c.kind == ReplayStarted.starts)
#: Whether nothing happens in a flow any more, as was told.
HAS_STALLED = and_(
    flows.c.deadline_at.is_(None), flows.c.open > 0, flows.c.id.in_(union_all(*_awaited, _REPLAYS))
)

_TOLD = (FlowStalled.type, FlowRecovered.type)


def end_waits(now: datetime) -> int:
    """Record what listeners say of waits that nothing has ended until `now`; returns how many that are."""
    over = (
        reactions.c.waits_for == waits.EVENT,
        reactions.c.state == WAITING,
        WATCH.over(reactions.c.wake_at, now, work=False),
    )
    query = select(reactions.c.id, reactions.c.stream).where(*over)
    with reading() as db:
        found = db.execute(query.order_by(reactions.c.wake_at, reactions.c.id).limit(BATCH)).all()
    ended = 0
    for reaction, stream in found:
        with apart(reaction):
            try:
                ended += _end_wait(reaction, stream)
            except DatabaseTrouble:
                raise
            except UnknownSignal:  # of another version: a process that knows it says what follows
                _put_off(reaction)
            except Exception as error:  # or it would be tried by every pass, for ever
                _give_up(reaction, error)
    return ended


def _end_wait(reaction: str, stream: str) -> bool:
    with recording(stage="failure") as work:
        if not log.lock_if_free(work.db, stream):
            return False
        loaded = work.open_reaction(reaction)
        if loaded is None or loaded.waits_for != waits.EVENT:
            return False
        if loaded.due_at is None or loaded.due_at > work.now:
            return False
        return _time_out(work, loaded, loaded.due_at)


def _time_out(work: Recording, loaded: Loaded, until: datetime) -> bool:
    listener = LISTENERS.get(loaded.listener)
    this_one = reactions.c.id == loaded.id
    if listener is None or (listener.otherwise and listener.otherwise not in SIGNALS):
        raise UnknownSignal(f"{loaded.listener} is not a listener that this process knows")
    came = waits.missed(work.db, listener, loaded.key or "", loaded.event, until)
    if came is not None:
        work.let_go(this_one, awaited=came)
        return False
    if listener.otherwise is None:
        finish(work, loaded, Ending(SKIPPED, TIMED_OUT))
    else:
        _say_otherwise(work, loaded, listener.otherwise)
    return True


def _put_off(reaction: str) -> None:
    later = clock.now() + timedelta(seconds=RESEND_SECONDS)
    this_one = reactions.c.id == reaction, reactions.c.waits_for == waits.EVENT
    with writing() as db:
        db.execute(update(reactions).where(*this_one).values(wake_at=later))


def _say_otherwise(work: Recording, loaded: Loaded, otherwise: str) -> None:
    instead, event = SIGNALS[otherwise], revive(loaded.event)
    shared = {name: getattr(event, name) for name in instead.model_fields if name in type(event).model_fields}
    work.record(instead.model_validate(shared))
    finish(work, loaded, Ending(DONE, TIMED_OUT))


def _give_up(reaction: str, error: Exception) -> None:
    """Bury a wait whose end could not be recorded."""
    with recording(stage="failure") as work:
        loaded = work.open_reaction(reaction)
        if loaded is None or loaded.waits_for != waits.EVENT:
            return
        message = f"That nothing ended the wait could not be recorded: {type(error).__name__}: {error}"
        hint = "This is a bug in that signal or in its folds: mend it, then try the reaction again."
        bury(work, loaded, Failure(code="internal", stage="wait", message=message, hint=hint), error)


def tell_stalled_flows(now: datetime) -> int:
    """Record the flows in which nothing has happened for too long, and those that have gone on; returns how
    many.
    """
    # one that has ended had stalled: that it went on is told at once
    ended = (flows.c.open <= 0) & (flows.c.deadline_at <= now)
    due = ended | WATCH.over(flows.c.deadline_at, now) | (flows.c.deadline_at > now + FARTHEST)
    query = select(flows.c.id, flows.c.stream).where(due)
    with reading() as db:
        found = db.execute(query.order_by(flows.c.deadline_at, flows.c.id).limit(BATCH)).all()
    told = 0
    for flow, stream in found:
        with apart(flow), recording(stage="failure") as work:
            if log.lock_if_free(work.db, stream):
                work.lock(stream)
                told += _look_at(work, flow)
    return told


@dataclass(frozen=True, slots=True)
class _Stall:
    """What was told of a flow that has stalled: when, and since when nothing had happened."""

    at: datetime
    since: datetime


def _look_at(work: Recording, flow: str) -> bool:
    """Tell what there is to tell of a flow, and set it the deadline by which something must happen again."""
    this_one = flows.c.id == flow
    due = (flows.c.deadline_at <= work.now) | (flows.c.deadline_at > work.now + FARTHEST)
    row = work.db.execute(select(flows).where(this_one, due).with_for_update()).one_or_none()
    if row is None:
        return False
    stall, progress = _stall(work.db, flow), _progress(work.db, row, work.now)
    has_stalled, deadline = False, None
    if row.open > 0:
        until = max(progress, _next_moment(work.db, flow, work.now) or progress) + PATIENCE
        has_stalled = until <= work.now
        deadline = None if has_stalled else min(until, work.now + FARTHEST)
    work.db.execute(update(flows).where(this_one).values(deadline_at=deadline))
    goes_on = stall is not None and progress > stall.at
    said = {"flow": row.id, "of_stream": row.stream, "of_label": row.label}
    if stall is not None and goes_on:
        after = round((progress - stall.since).total_seconds())
        work.record(FlowRecovered(after_s=after, **said).within(flow, flow))
    tell = has_stalled and (stall is None or goes_on)
    if tell:
        work.record(_stalled(work.db, said, work.now - progress).within(flow, flow))
    return tell or goes_on


def _stall(db: Connection, flow: str) -> _Stall | None:
    """What was told last of a flow, if it was that it has stalled."""
    query = select(events.c.type, events.c.time, events.c.data).where(
        events.c.flow == flow, events.c.type.in_(_TOLD)
    )
    last = db.execute(query.order_by(events.c.serial.desc()).limit(1)).one_or_none()
    if last is None or last.type != FlowStalled.type:
        return None
    return _Stall(last.time, last.time - timedelta(seconds=last.data["age_s"]))


def _progress(db: Connection, flow: Row[Any], now: datetime) -> datetime:
    """When something has happened in a flow, which may be that something could go on. What followers do, and
    what is said here, is no progress.
    """
    recorded = select(func.max(events.c.time)).where(
        events.c.flow == flow.id, ~events.c.follower, events.c.type.not_in(_TOLD)
    )
    due = case((reactions.c.due_at <= now, reactions.c.due_at))
    worked = select(*(func.max(each) for each in (reactions.c.started_at, reactions.c.ended_at, due)))
    worked = worked.where(_work_of(db, flow.id))
    moments = (flow.started_at, db.execute(recorded).scalar(), *db.execute(worked).one())
    latest: datetime = min(now, max(moment for moment in moments if moment is not None))
    return latest


def _work_of(db: Connection, flow: str) -> ColumnElement[bool]:
    """The reactions that a flow waits for: those of a replay are in the flows of the past events."""
    replay = replays.of_flow(db, flow)
    if replay is not None:
        return replays.generation_of(replay)
    return (reactions.c.flow == flow) & ~reactions.c.follower


def _next_moment(db: Connection, flow: str, now: datetime) -> datetime | None:
    """When the next thing of a flow goes on by itself: a wait ends, or the lease of what is at work."""
    moment = func.coalesce(reactions.c.due_at, reactions.c.wake_at)
    coming = (_work_of(db, flow), reactions.c.state.in_((WAITING, RUNNING)), moment > now)
    found: datetime | None = db.execute(select(func.min(moment)).where(*coming)).scalar()
    return found


def _stalled(db: Connection, said: dict[str, str], age: timedelta) -> FlowStalled:
    columns = (reactions.c.id, reactions.c.action, reactions.c.state, reactions.c.waits_for, reactions.c.key)
    query = select(*columns).where(_work_of(db, said["flow"]), reactions.c.state.in_(OPEN))
    waiting_on = [dict(row._mapping) for row in db.execute(query.order_by(reactions.c.id).limit(SHOWN))]
    actions = ", ".join(sorted({row["action"] for row in waiting_on})) or "nothing"
    failure = Failure(
        code="stage_timeout",
        stage="flow",
        message=f"Nothing has happened for {age.total_seconds() / 60:.0f} minutes; open: {actions}.",
        hint="Look whether workers run that know these actions, and for dead ones that hold back others.",
    )
    return FlowStalled(failure=failure, waiting_on=waiting_on, age_s=round(age.total_seconds()), **said)
