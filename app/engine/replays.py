"""Replays: past events are given to one listener again, or to a new one for the first time, as reactions of
another generation. Here they are asked for, looked at and cancelled; `replaying` works them off.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, func, insert, literal_column, select, update

from app.engine import clock
from app.engine.facts import ReplayCancelled, ReplayStarted, replay_stream
from app.engine.past import Wish, resolve
from app.engine.reactions import CANCELLED, READY, RUNNING, WAITING, locked
from app.engine.recording import Recording
from app.engine.signal import Signal
from app.engine.tables import events, flows, reactions, replays
from app.errors import Conflict, NotFound


@dataclass(frozen=True, slots=True)
class Replay:
    """A row of `replays`: positions `after` < p <= `until`, worked off up to `cursor`."""

    id: str
    listener: str
    state: str
    generation: int
    after: int
    until: int
    cursor: int
    rate: float | None
    again: bool
    #: Events that the listener accepts, reactions made of them, and those left out as answered before.
    matched: int
    made: int
    suppressed: int
    actor: str
    started_at: datetime
    ended_at: datetime | None
    #: At most so many are made: then it ends where it is, and what is behind `cursor` was not looked at.
    most: int | None


_REPLAY = select(*(replays.c[name] for name in Replay.__slots__))


def start(work: Recording, wish: Wish) -> Replay:
    """Begin a replay; the sweep makes its reactions.

    NotFound `listener_not_found`; Conflict `listener_disabled`; InvalidInput `range_invalid`, `range_empty`,
    `rate_invalid`.
    """
    hearing, after, until = resolve(work.db, wish)
    listener = hearing.listener
    work.lock(replay_stream(listener.name))
    before = select(func.max(replays.c.generation)).where(replays.c.listener == listener.name)
    generation = int(work.db.execute(before).scalar() or 0) + 1
    replay = Replay(
        id=clock.new_id(), listener=listener.name, state=RUNNING, generation=generation, after=after,
        until=until, cursor=after, rate=wish.rate, again=wish.again, matched=0, made=0, suppressed=0,
        actor=work.origin.actor, started_at=work.now, ended_at=None, most=wish.most,
    )  # fmt: skip
    values = {name: getattr(replay, name) for name in Replay.__slots__}
    work.db.execute(insert(replays).values(wake_at=work.now, **values))
    asked = {
        name: values[name] for name in ("listener", "generation", "after", "until", "rate", "again", "most")
    }
    work.hold(work.record(ReplayStarted(replay=replay.id, **asked)).flow)
    return replay


def cancel(work: Recording, replay_id: str) -> Replay:
    """End a replay: no more reactions are made, and those that are not at work are cancelled.

    NotFound `replay_not_found`; Conflict `replay_ended`.
    """
    row = work.db.execute(select(replays).where(replays.c.id == replay_id).with_for_update()).one_or_none()
    if row is None:
        raise NotFound("replay_not_found", "There is no such replay.", "See the list of replays.")
    if row.state != RUNNING:
        raise Conflict("replay_ended", f"The replay is {row.state}.", "There is nothing left to cancel.")
    cancelled = _cancel_open(work, row)
    ends = {"state": CANCELLED, "ended_at": work.now, "wake_at": None}
    work.db.execute(update(replays).where(replays.c.id == row.id).values(ends))
    end(work, row, ReplayCancelled(**counts(row), cancelled=cancelled))
    return require(work.db, replay_id)


def end(work: Recording, row: Row[Any], how: Signal) -> None:
    """Record how a replay ended, in its flow, which ends with it."""
    flow, event = beginning(work.db, row.id)
    work.record(how.within(flow, event))
    work.let_end(flow)


def of_flow(db: Connection, flow: str) -> Replay | None:
    """The replay that a flow is about; None when it is about something else."""
    its = _REPLAY.join(flows, flows.c.subject == replays.c.id)
    row = db.execute(its.where(flows.c.id == flow, flows.c.kind == ReplayStarted.starts)).one_or_none()
    return None if row is None else Replay(*row)


def page(db: Connection, limit: int, after: str | None = None) -> list[Replay]:
    """Replays, newest first, behind the one with the id `after`."""
    query = _REPLAY if after is None else _REPLAY.where(replays.c.id < after)
    return [Replay(*row) for row in db.execute(query.order_by(replays.c.id.desc()).limit(limit))]


def require(db: Connection, replay_id: str) -> Replay:
    """A replay by its id. NotFound `replay_not_found`."""
    row = db.execute(_REPLAY.where(replays.c.id == replay_id)).one_or_none()
    if row is None:
        raise NotFound("replay_not_found", "There is no such replay.", "See the list of replays.")
    return Replay(*row)


def states(db: Connection, replay: Replay) -> dict[str, int]:
    """How many of a replay's reactions are in which state."""
    query = select(reactions.c.state, func.count()).where(generation_of(replay)).group_by(reactions.c.state)
    return {row[0]: row[1] for row in db.execute(query.order_by(reactions.c.state))}


def generation_of(replay: Any) -> ColumnElement[bool]:
    """The condition that holds for a replay's reactions."""
    of_replays = reactions.c.generation > literal_column("0")  # spelt out, for the index of them
    of_this = reactions.c.listener == replay.listener, reactions.c.generation == replay.generation
    return and_(of_replays, *of_this)


def left_after(replay: Any) -> int | None:
    """The position behind which nothing was looked at, since the most that were wanted had been made."""
    full = replay.most is not None and replay.made >= replay.most
    return replay.cursor if full and replay.cursor < replay.until else None


def counts(row: Row[Any]) -> dict[str, Any]:
    """What the end of a replay says of it."""
    return {
        name: getattr(row, name) for name in ("listener", "generation", "matched", "made", "suppressed")
    } | {"replay": row.id}


def beginning(db: Connection, replay_id: str) -> tuple[str, str]:
    """The flow of a replay, and the event that it began with."""
    first = events.c.subject == replay_id, events.c.type == ReplayStarted.type
    flow, event = db.execute(select(events.c.flow, events.c.id).where(*first)).one()
    return flow, event


def _cancel_open(work: Recording, row: Row[Any]) -> int:
    """Cancel what is not at work; a raised fence keeps out the result of one that is just being taken up."""
    idle = and_(generation_of(row), reactions.c.state.in_((WAITING, READY)))
    of_streams = work.db.execute(select(reactions.c.stream).where(idle).distinct()).scalars()
    work.lock(replay_stream(row.listener), *of_streams)
    ends = {
        "state": CANCELLED, "outcome": CANCELLED, "fence": reactions.c.fence + 1, "wake_at": None,
        "due_at": None, "waits_for": None, "ended_at": work.now,
    }  # fmt: skip
    line = (reactions.c.listener, reactions.c.stream, reactions.c.key)
    here = locked(select(reactions.c.id).where(idle).order_by(reactions.c.id))
    ended = work.db.execute(update(reactions).where(here).values(ends).returning(*line)).all()
    for listener, stream, key in {tuple(each) for each in ended if each.key is not None}:
        work.go_on((listener, stream, key))
    work.free_slots(row.listener)
    return len(ended)
