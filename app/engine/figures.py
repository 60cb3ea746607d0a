"""The engine in figures, for those who watch over it: computed from the database when they are asked for.

Each query costs what is open, dead or late, never what has happened in all.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, literal, select, union_all

from app.engine import configured, coverage, log
from app.engine.reactions import DEAD, IN_INDEXES, OPEN, READY
from app.engine.tables import events, flows, reactions, replays, scopes
from app.engine.timeouts import HAS_STALLED


@dataclass(frozen=True, slots=True)
class Figures:
    """What is going on."""

    #: Reactions that ought to be there and are not.
    missing: int
    #: Reactions that are open or dead, by state.
    reactions: dict[str, int]
    #: Seconds since the oldest reaction that is ready was made, or fell due; 0 when none is.
    oldest_ready: float
    flows_running: int
    #: Those of them in which nothing has happened for long.
    flows_stalled: int
    #: Events in all, those without a place in the log yet, and those not looked at for `missing` yet.
    events: int
    unsealed: int
    unchecked: int
    #: Configured listeners that this process cannot read.
    unread: int
    #: By how many seconds the sweep is late with what it should have looked at first.
    lag: float


_open = union_all(
    *(
        select(
            reactions.c.state,
            reactions.c.flow,
            reactions.c.follower,
            func.coalesce(reactions.c.due_at, reactions.c.created_at).label("since"),
        ).where(each)
        for each in IN_INDEXES
    )
).subquery()
_BY_STATE = select(_open.c.state, func.count(), func.min(_open.c.since)).group_by(_open.c.state)
_RUNNING = select(func.count(_open.c.flow.distinct())).where(~_open.c.follower)
_STALLED = select(func.count()).select_from(flows).where(HAS_STALLED)
_dead = reactions.c.state == literal(DEAD, literal_execute=True)  # spelt out: the index has it so
_DEAD = select(func.count()).select_from(reactions).where(_dead)
_UNSEALED = select(func.count()).select_from(events).where(events.c.position.is_(None))
_DUE = (reactions.c.wake_at, scopes.c.deadline_at, flows.c.cancel_at, flows.c.deadline_at, replays.c.wake_at)
_EARLIEST = union_all(*(select(func.min(each).label("at")).where(each.is_not(None)) for each in _DUE))


def figures(db: Connection, now: datetime) -> Figures:
    """The figures of this moment."""
    by_state = {state: (count, since) for state, count, since in db.execute(_BY_STATE)}
    newest, unsealed = log.last_position(db), _count(db, _UNSEALED)
    configured.here().refresh(db)
    ready = [since for state, (_, since) in by_state.items() if state == READY]
    return Figures(
        missing=coverage.missing_now(db),
        reactions={state: by_state.get(state, (0,))[0] for state in OPEN} | {DEAD: _count(db, _DEAD)},
        oldest_ready=_age(ready, now),
        flows_running=_count(db, _RUNNING),
        flows_stalled=_count(db, _STALLED),
        events=newest + unsealed,
        unsealed=unsealed,
        unchecked=max(0, newest - coverage.cursor(db)),
        unread=len(configured.here().unread),
        lag=_age([row.at for row in db.execute(_EARLIEST) if row.at is not None], now),
    )


def _count(db: Connection, query: Any) -> int:
    return int(db.execute(query).scalar_one())


def _age(instants: Sequence[datetime], now: datetime) -> float:
    """Seconds since the earliest of some instants; 0 when there is none in the past."""
    return max(0.0, (now - min(instants, default=now)).total_seconds())
