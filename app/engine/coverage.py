"""The coverage invariant: every listener that an event matched has answered it, or waits for what it causes.

The sweep looks at each sealed event once, under the revision that stands on it; what is missing is kept,
shown as a metric that must read 0, and looked at again.
"""

import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import Connection, Select, bindparam, delete, func, select, tuple_, update

from app.engine import configured, declared, log
from app.engine.database import inserting, reading, writing
from app.engine.facts import ReplayCompleted
from app.engine.replays import generation_of
from app.engine.tables import coverage_gaps, engine_state, events, reactions, replays, scopes

#: So many events are looked at together, and so many gaps again in one pass, for so many seconds.
BATCH = 500
PASS_SECONDS = 2.0
CURSOR = "coverage"
#: The gap of an event whose listeners nobody has written down: it cannot be shown to be covered.
UNKNOWN = "(unknown revision)"

#: An event's id and a listener's name.
Pair = tuple[str, str]

_EVENTS = select(*log.EVENT_COLUMNS, events.c.revision, events.c.configured)
_NEXT = _EVENTS.where(events.c.position > bindparam("cursor")).order_by(events.c.position).limit(BATCH)
_OF_GAPS = _EVENTS.where(events.c.id.in_(bindparam("ids", expanding=True)))
_CURSOR = select(engine_state.c.value).where(engine_state.c.name == CURSOR)
_MOVE = (
    update(engine_state)
    .where(engine_state.c.name == CURSOR, engine_state.c.value == bindparam("before"))
    .values(value=bindparam("until"))
)
_pair = tuple_(coverage_gaps.c.event, coverage_gaps.c.listener)
_GAPS = select(coverage_gaps.c.event, coverage_gaps.c.listener).order_by(*_pair.clauses).limit(BATCH)
_WAITING = select(scopes.c.id, scopes.c.waiting).where(scopes.c.id.in_(bindparam("ids", expanding=True)))
#: Reactions of any generation, and of the live events alone.
_MADE = select(reactions.c.event, reactions.c.listener).where(
    reactions.c.event.in_(bindparam("ids", expanding=True))
)
_MADE_LIVE = _MADE.where(reactions.c.generation == 0)
_logger = structlog.get_logger()
#: The last gap that this process looked at again.
_place: Pair = ("", "")


def check(now: datetime) -> int:
    """Look at the events that were sealed since the last pass, and at known gaps; returns how many reactions
    were found to be missing in this pass.
    """
    declared.announce()
    _look_again(now)
    found, give_up = 0, time.monotonic() + PASS_SECONDS
    while time.monotonic() < give_up:
        with reading() as db:
            configured.here().refresh(db)
            before = cursor(db)
            batch = db.execute(_NEXT, {"cursor": before}).all()
            missing = _missing(db, batch, _MADE_LIVE)
        if not batch or not _note(before, batch[-1].position, missing, now):
            break  # there is nothing new, or another sweep was faster
        found += len(missing)
    return found


def cursor(db: Connection) -> int:
    """The position up to which events were looked at."""
    return int(db.execute(_CURSOR).scalar() or 0)


def missing_now(db: Connection) -> int:
    """How many reactions are missing."""
    return int(db.execute(select(func.count()).select_from(coverage_gaps)).scalar_one())


def _missing(db: Connection, batch: Sequence[Any], made: Select[Any]) -> list[Pair]:
    expected = list(_expected(db, batch))
    there = _answered(db, {event for event, _ in expected}, made)
    return [(event, name) for event, name in expected if name not in there[event]]


def _expected(db: Connection, batch: Iterable[Any]) -> Iterator[Pair]:
    """Which listeners ought to have answered; of events from before any set was written down nobody knows."""
    for row in batch:
        known = declared.set_of(db, row.revision)
        if known is not None:
            by_people = configured.here().matching(log.event_of(row), row.configured)
            matching = (*known.matching(row.type, row.data), *by_people)
            yield from ((row.id, listener.name) for listener in matching)
        elif row.time >= declared.since(db):
            yield row.id, UNKNOWN
        if row.type == ReplayCompleted.type and not _is_whole(db, row.data):
            yield row.id, f"{row.data['listener']} (replay {row.data['generation']})"[:200]


def _is_whole(db: Connection, ended: Mapping[str, Any]) -> bool:
    """Whether a replay that ended has made a reaction for each event that it matched and did not suppress."""
    row = db.execute(select(replays).where(replays.c.id == ended["replay"])).one_or_none()
    if row is None or row.matched != row.made + row.suppressed:
        return False
    count = select(func.count()).select_from(reactions).where(generation_of(row))
    return bool(db.execute(count).scalar_one() == row.made)


def _answered(db: Connection, ids: set[str], made: Select[Any]) -> defaultdict[str, set[str]]:
    """By event, the listeners that have answered it or wait for what it causes. The waiting are read first:
    one that fires meanwhile has its reaction when these are read.
    """
    found: defaultdict[str, set[str]] = defaultdict(set)
    if not ids:
        return found
    asked = {"ids": list(ids)}
    for row in db.execute(_WAITING, asked):
        found[row.id] |= set(row.waiting)
    for event, listener in db.execute(made, asked):
        found[event].add(listener)
    return found


def _note(before: int, until: int, missing: Sequence[Pair], now: datetime) -> bool:
    """Move the cursor, with what was missing before it; False when another sweep has moved it."""
    with writing() as db:
        if before == 0:
            first = inserting(db, engine_state).values(name=CURSOR, value="0")
            db.execute(first.on_conflict_do_nothing())
        if db.execute(_MOVE, {"before": str(before), "until": str(until)}).rowcount == 0:
            return False
        _keep(db, missing, now)
    if missing:
        _logger.error("reactions are missing", count=len(missing), first=missing[:5])
    return True


def _look_again(now: datetime) -> None:
    """Forget gaps that are none any more, also those that a replay has filled."""
    global _place
    with reading() as db:
        query = _GAPS.where(_pair > _place) if any(_place) else _GAPS
        gaps = [(event, name) for event, name in db.execute(query)]
        ids = list({event for event, _ in gaps})
        still = set(_missing(db, db.execute(_OF_GAPS, {"ids": ids}).all(), _MADE)) if gaps else set()
    _place = gaps[-1] if len(gaps) == BATCH else ("", "")
    closed = set(gaps) - still
    if not closed:
        return
    known_now = {event for event, name in closed if name == UNKNOWN}
    with writing() as db:
        db.execute(delete(coverage_gaps).where(_pair.in_(closed)))
        _keep(db, [pair for pair in still if pair[0] in known_now], now)
    _logger.info("reactions turned up", count=len(closed))


def _keep(db: Connection, missing: Iterable[Pair], now: datetime) -> None:
    rows = [{"event": event, "listener": name, "found_at": now} for event, name in missing]
    if rows:
        db.execute(inserting(db, coverage_gaps).on_conflict_do_nothing(), rows)
