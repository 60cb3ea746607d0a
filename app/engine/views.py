"""Looking at what goes on: flows, reactions and causes, as people and faces ask for them."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    Table,
    case,
    func,
    literal,
    select,
    tuple_,
    union_all,
)

from app.engine import ordering
from app.engine.flows import RUNNING
from app.engine.log import EVENT_COLUMNS, event_of
from app.engine.reactions import IN_INDEXES, OPEN, WAITING, Alike
from app.engine.signal import Event
from app.engine.tables import coverage_gaps, events, flows, reactions
from app.engine.timeouts import HAS_STALLED


@dataclass(frozen=True, slots=True)
class Flow:
    """One row of `flows`; `state` is `waiting` while all that is open waits for its time."""

    id: str
    kind: str
    subject: str
    label: str
    stream: str
    state: str
    open: int
    started_at: datetime
    ended_at: datetime | None
    #: When its cancel, which somebody has asked for, is forced.
    cancel_at: datetime | None
    #: Until when something must happen in it.
    deadline_at: datetime | None

    @property
    def stalled(self) -> bool:
        """Whether nothing has happened in it for so long that this was told."""
        return self.open > 0 and self.deadline_at is None


@dataclass(frozen=True, slots=True)
class Reaction:
    """What of a row of `reactions` matters to people. `key` is what orders it, or what it waits for."""

    id: str
    event: str
    listener: str
    generation: int
    action: str
    flow: str
    stream: str
    label: str
    follower: bool
    state: str
    outcome: str | None
    attempt: int
    due_at: datetime | None
    failure: dict[str, Any] | None
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    key: str | None = None
    worker: str | None = None
    waits_for: str | None = None


@dataclass(frozen=True, slots=True)
class Gap:
    """A reaction that ought to be there and is not."""

    event: str
    listener: str
    found_at: datetime


ANY = Alike()
_FLOW = select(*(flows.c[name] for name in Flow.__slots__))
_WAITS_FOR = case((reactions.c.state == WAITING, reactions.c.waits_for)).label("waits_for")
_REACTION: Select[Any] = select(
    *(reactions.c[name] for name in Reaction.__slots__ if name != "waits_for"), _WAITS_FOR
)


#: The open reactions that flows wait for: each part has an index of its own.
_awaited = union_all(
    *(select(reactions.c.flow, reactions.c.state).where(each, ~reactions.c.follower) for each in IN_INDEXES)
).subquery()
_GO_ON = select(_awaited.c.flow)
_GO_ON_AT_ONCE = select(_awaited.c.flow).where(_awaited.c.state != WAITING)


def flow_page(
    db: Connection, limit: int, after: str | None = None, stalled: bool | None = None, **equal: str | None
) -> list[Flow]:
    """Flows, newest first, behind the one with the id `after`. `equal` compares columns; None is any."""
    state = equal.pop("state", None)
    query = _FLOW.where(*_in_state(state)) if state else _FLOW
    if stalled is not None:
        query = query.where(HAS_STALLED if stalled else ~HAS_STALLED)
    rows = db.execute(_newest_first(query, flows, after, equal).limit(limit)).all()
    resting = _resting(db, [row.id for row in rows if row.state == RUNNING])
    return [_flow(row, resting) for row in rows]


def get_flow(db: Connection, flow_id: str) -> Flow | None:
    """A flow by its id."""
    row = db.execute(_FLOW.where(flows.c.id == flow_id)).one_or_none()
    return None if row is None else _flow(row, _resting(db, [flow_id]))


def _in_state(state: str) -> tuple[ColumnElement[bool], ...]:
    if state not in (RUNNING, WAITING):
        return (flows.c.state == state,)
    waits = flows.c.id.in_(_GO_ON) & flows.c.id.not_in(_GO_ON_AT_ONCE)
    return (flows.c.state == RUNNING, ~waits if state == RUNNING else waits)


def reaction_page(
    db: Connection, limit: int, after: str | None = None, alike: Alike = ANY, **equal: str | None
) -> list[Reaction]:
    """Reactions, newest first, behind the one with the id `after`. `equal` compares columns; None is any."""
    query = _REACTION.where(*alike.conditions())
    if state := equal.pop("state", None):  # spelt out: the index of the dead has it so
        query = query.where(reactions.c.state == literal(state, literal_execute=True))
    query = _newest_first(query, reactions, after, equal).limit(limit)
    return [Reaction(*row) for row in db.execute(query)]


def get_reaction(db: Connection, reaction_id: str) -> Reaction | None:
    """A reaction by its id."""
    row = db.execute(_REACTION.where(reactions.c.id == reaction_id)).one_or_none()
    return None if row is None else Reaction(*row)


def held_back_by(db: Connection, reaction: Reaction) -> str | None:
    """The reaction at the head of the line in which this one waits for its turn."""
    if reaction.waits_for != ordering.KEY or reaction.key is None:
        return None
    return ordering.head_of(db, (reaction.listener, reaction.stream, reaction.key))


def reactions_of_flow(db: Connection, flow: str) -> list[Reaction]:
    """All reactions of a flow, oldest first."""
    return _oldest_first(db, reactions.c.flow == flow)


def answers_to(db: Connection, event_id: str) -> list[Reaction]:
    """The reactions that listeners made of an event, oldest first."""
    return _oldest_first(db, reactions.c.event == event_id)


def caused_by(db: Connection, event: Event) -> list[Event]:
    """The events that an event led to directly, oldest first."""
    query = select(*EVENT_COLUMNS).where(events.c.flow == event.flow, events.c.cause == event.id)
    return [event_of(row) for row in db.execute(query.order_by(events.c.serial))]


def gap_page(db: Connection, limit: int, after: tuple[str, str], stream: str | None = None) -> list[Gap]:
    """Gaps by event and listener, behind the pair `after`; with `stream`, those of its events."""
    pair = tuple_(coverage_gaps.c.event, coverage_gaps.c.listener)
    query = select(coverage_gaps).where(pair > after).order_by(*pair.clauses).limit(limit)
    if stream is not None:
        query = query.join(events, events.c.id == coverage_gaps.c.event).where(events.c.stream == stream)
    return [Gap(*row) for row in db.execute(query)]


def _oldest_first(db: Connection, which: ColumnElement[bool]) -> list[Reaction]:
    return [Reaction(*row) for row in db.execute(_REACTION.where(which).order_by(reactions.c.id))]


def _newest_first(
    query: Select[Any], table: Table, after: str | None, equal: dict[str, str | None]
) -> Select[Any]:
    for name, wanted in equal.items():
        if wanted is not None:
            query = query.where(table.c[name] == wanted)
    if after is not None:
        query = query.where(table.c.id < after)
    return query.order_by(table.c.id.desc())


def _resting(db: Connection, running: Iterable[str]) -> set[str]:
    """Those of the flows in which every open reaction waits for its time."""
    awaited = (reactions.c.flow.in_(list(running)), reactions.c.state.in_(OPEN), ~reactions.c.follower)
    state = reactions.c.state
    states = select(reactions.c.flow).where(*awaited).group_by(reactions.c.flow)
    return set(db.execute(states.having(func.min(state) == WAITING, func.max(state) == WAITING)).scalars())


def _flow(row: Any, resting: set[str]) -> Flow:
    found = Flow(*row)
    return replace(found, state=WAITING) if found.state == RUNNING and found.id in resting else found
