"""What was written while the clock was ahead, and would be due only when the clock is there again: it gets
the time that it was meant to have, counted from when it is found.

Only what was written in the future by a clock of now tells that it was; a long wait alone does not.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from itertools import compress
from operator import gt
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    Table,
    bindparam,
    exists,
    func,
    select,
    update,
)

from app.engine import clock, flows
from app.engine.database import Timestamp, reading, writing
from app.engine.folds import DEADLINES, ExpireFunction
from app.engine.limits import RATE, pause_of
from app.engine.listeners import LISTENERS
from app.engine.reactions import READY, WAITING, locked
from app.engine.tables import events, limits, reactions, scopes

#: Clocks of several machines may differ by so much without one of them being wrong.
SLACK = timedelta(minutes=1)
#: It is looked for once in so many seconds, so many rows at a time.
PAUSE_SECONDS, BATCH = 60.0, 500

_newest = events.alias()
Compare = Callable[[Any, Any], Any]
Declared = tuple[Table, ExpireFunction]


@dataclass(frozen=True, slots=True)
class Late:
    """A row of a fold that did not leave its state in time."""

    table: Table
    expire: ExpireFunction
    key: Any
    stream: str
    due: datetime

    def again(self) -> Select[Any]:
        """The query that finds the row if its deadline is still the same."""
        key = next(iter(self.table.primary_key))
        return select(self.table).where(key == self.key, self.table.c.deadline_at == self.due)


def with_deadlines(db: Connection, compare: Compare, instant: datetime) -> list[Declared]:
    """The tables in which some deadline is so (`<=` or `>` an instant): one question for all, since each pass
    asks it and there is most often nothing.
    """
    if not DEADLINES:
        return []
    found = db.execute(_question(compare, *(table for table, _ in DEADLINES)), {"instant": instant}).one()
    return list(compress(DEADLINES, found))


@lru_cache(maxsize=100)
def _question(compare: Compare, *tables: Table) -> Select[*tuple[bool, ...]]:
    instant = bindparam("instant", type_=Timestamp())
    return select(*(exists().where(compare(each.c.deadline_at, instant)).label(each.name) for each in tables))


class Ahead:
    """Remembers when it looked, and since when it knows of the deadlines that lie too far ahead: the rows of
    folds cannot be changed.
    """

    def __init__(self) -> None:
        self._next_look = 0.0
        #: Each with when it was found here, and how long it may take from then on.
        self._found: dict[Late, tuple[float, timedelta]] = {}

    def look(self, now: datetime) -> int:
        """Set right what stands too far ahead; returns how many rows that were."""
        ticks = clock.ticks()
        if self._next_look - PAUSE_SECONDS <= ticks < self._next_look:
            return 0
        self._next_look = ticks + PAUSE_SECONDS
        with reading() as db:
            found = list(_deadlines(db, now))
        self._found = {late: self._found.get(late, (ticks, meant)) for late, meant in found}
        return _bring_waits_back(now) + _let_rates_begin_anew(now) + _bring_scopes_back(now)

    def overdue(self) -> list[Late]:
        """Rows whose deadline lies ahead and whose time has passed here."""
        ticks = clock.ticks()
        return [
            late for late, (since, meant) in self._found.items() if ticks - since >= meant.total_seconds()
        ]


AHEAD = Ahead()


def _deadlines(db: Connection, now: datetime) -> Iterator[tuple[Late, timedelta]]:
    """Rows with a deadline ahead whose stream's last event is ahead too, and the time between the two."""
    for table, expire in with_deadlines(db, gt, now + SLACK):
        key = next(iter(table.primary_key))
        newest = select(_newest.c.time).where(_newest.c.stream == table.c.stream)
        since = newest.order_by(_newest.c.sequence.desc()).limit(1).scalar_subquery()
        ahead = (table.c.deadline_at > now + SLACK) & (since > now + SLACK)
        query = select(key, table.c.stream, table.c.deadline_at, since).where(ahead)
        for found, stream, due, last in db.execute(query.order_by(table.c.deadline_at, key).limit(BATCH)):
            yield Late(table, expire, found, stream, due), max(due - last, timedelta())


def _nearer(now: datetime, written: datetime, due: datetime) -> datetime | None:
    """An instant as far from now as it was from when it was written; None when that is no nearer, or when
    it was not written ahead.
    """
    meant = due - written
    return now + meant if timedelta() <= meant < written - now else None


def _far(now: datetime) -> ColumnElement[bool]:
    return (reactions.c.state == WAITING) & (reactions.c.wake_at > now + SLACK)


def _bring_waits_back(now: datetime) -> int:
    """Delays, and waits for an event."""
    waits = _far(now) & reactions.c.waits_for.in_(("delay", "event"))
    query = select(reactions.c.id, reactions.c.created_at, reactions.c.due_at)
    with reading() as db:
        found = db.execute(query.where(waits, reactions.c.created_at > now + SLACK).limit(BATCH)).all()
    moved = 0
    for reaction, created, due in found:
        nearer = _nearer(now, created, due)
        if nearer is not None:
            same = (reactions.c.id == reaction, reactions.c.state == WAITING, reactions.c.due_at == due)
            with writing() as db:
                moved += db.execute(
                    update(reactions).where(*same).values(due_at=nearer, wake_at=nearer)
                ).rowcount
    return moved


def _let_rates_begin_anew(now: datetime) -> int:
    """Places in a rate before which nobody has one: they were given out ahead."""
    have_places = (reactions.c.state == WAITING) & (reactions.c.waits_for == RATE)
    firsts = select(reactions.c.listener, func.min(reactions.c.due_at)).where(have_places)
    with reading() as db:
        found = db.execute(firsts.group_by(reactions.c.listener)).all()
    moved = 0
    for name, first in found:
        listener = LISTENERS.get(name)  # of one that is not known here the slack must do
        if first <= now + SLACK + (pause_of(listener) if listener else timedelta()):
            continue
        theirs = select(reactions.c.id).where(have_places, reactions.c.listener == name)
        anew = {"state": READY, "waits_for": None, "due_at": None, "wake_at": now}
        with writing() as db:
            here = locked(theirs.order_by(reactions.c.id))
            moving = update(reactions).where(here, have_places).values(anew).returning(reactions.c.id)
            moved += len(db.execute(moving).all())
            nobody_has_one = {"next_at": None, "begun_until": None}
            db.execute(update(limits).where(limits.c.listener == name).values(nobody_has_one))
    return moved


def _bring_scopes_back(now: datetime) -> int:
    """Listeners that wait for something to settle."""
    query = select(scopes.c.id, events.c.time).join_from(scopes, events, events.c.id == scopes.c.id)
    ahead = query.where(scopes.c.deadline_at > now + SLACK, events.c.time > now + SLACK)
    with reading() as db:
        found = db.execute(ahead.order_by(scopes.c.deadline_at).limit(BATCH)).all()
    moved = 0
    for scope, written in found:
        with writing() as db:
            waiting = flows.lock_scope(db, scope).waiting
            nearer = {
                name: _nearer(now, written, datetime.fromisoformat(due)) for name, due in waiting.items()
            }
            if any(nearer.values()):
                until = {name: due.isoformat() if due else waiting[name] for name, due in nearer.items()}
                flows.still_waiting(db, scope, until)
                moved += 1
    return moved
