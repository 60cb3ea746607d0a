"""Conditions over several events: so many within a time, one after another, one that stays away.

What a condition counts is noted event by event, each in a reaction of its own; when it is met that is a fact,
and what the listener does answers the fact.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import Connection, Row, delete, select, text

from app.engine import clock
from app.engine.cloudevents import attributes
from app.engine.configured import newest
from app.engine.database import inserting, is_postgres, reading, writing
from app.engine.facts import ConditionMet
from app.engine.hearing import Condition, condition_of
from app.engine.log import events_of_types
from app.engine.periodic import every
from app.engine.signal import Event
from app.engine.tables import condition_matches as matches
from app.engine.waits import key_of

Kind = Literal["count", "sequence", "absence"]
FIRST, THEN = "first", "then"
#: Of one entity so many events of each role are kept at most: no condition counts more.
MOST = 1000
#: Events may be noted so much later than others that came after them, at least.
SLACK = timedelta(minutes=1)
#: So many are forgotten together, and that often.
BATCH, FORGET_SECONDS = 1000, 60
#: PostgreSQL's advisory locks under which what is noted of one entity is judged one after the other.
_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended(:what, 5))")


@dataclass(frozen=True, slots=True)
class _Of:
    """One entity of a listener, and the condition that is to be met for it."""

    db: Connection
    listener: str
    entity: str
    condition: Condition
    #: What is stored of it.
    these: tuple[Any, ...] = field(init=False)

    def __post_init__(self) -> None:
        its = (matches.c.listener == self.listener, matches.c.entity == self.entity)
        object.__setattr__(self, "these", its)

    def roles(self, event: Event) -> list[str]:
        """As what an event counts: as the one that others follow, as one that follows."""
        first, other = self.condition.first.hears(event), self.condition.then
        return [*([FIRST] if first else []), *([THEN] if other and other.hears(event) else [])]

    def keep(self, event: Event, roles: Iterable[str]) -> None:
        """Note an event; noted twice it counts once."""
        within = max(self.condition.within, SLACK)
        same = {"listener": self.listener, "entity": self.entity, "event": event.id, "serial": event.serial}
        rows = [{**same, "role": role, "at": event.time, "until": event.time + 2 * within} for role in roles]
        self.db.execute(inserting(self.db, matches).on_conflict_do_nothing(), rows)
        self._forget(matches.c.at < event.time - 2 * within)

    def read(self, role: str) -> list[Row[Any]]:
        """What counts as this, in the order in which it happened: the newest of it."""
        of_role = select(matches).where(*self.these, matches.c.role == role)
        newest_first = of_role.order_by(matches.c.serial.desc()).limit(MOST)
        return list(reversed(self.db.execute(newest_first).all()))

    def met(self, by: list[Row[Any]], kind: Kind) -> ConditionMet:
        """What is met by these events, which count no more, nor does what came before the last of them."""
        self._forget(matches.c.serial <= by[-1].serial)
        return _met(self, kind, [row.event for row in by], by[0].at, by[-1].at)

    def _forget(self, which: Any) -> None:
        self.db.execute(delete(matches).where(*self.these, which))


def note(db: Connection, listener: str, event: Event) -> ConditionMet | None:
    """Note an event for a listener's condition, as it is now; what is met by it, if so.

    For one that waits for what stays away, it is the time at which it has stayed away. The same event twice
    changes nothing.
    """
    row = newest(db, listener)
    condition = None if row is None or row.until is not None else condition_of(row)
    entity = None if condition is None else _entity(event, condition)
    if condition is None or entity is None:
        return None  # it is removed or changed, or the event is about nothing
    if is_postgres(db):
        db.execute(_LOCK, {"what": f"{listener} {entity}"})
    one = _Of(db, listener, entity, condition)
    if condition.unless is not None:
        return None if _came(one, event) else _met(one, "absence", [event.id], event.time, event.time)
    if not (roles := one.roles(event)):
        return None
    one.keep(event, roles)
    return _sequence(one) if condition.then is not None else _count(one)


@every(FORGET_SECONDS)
def forget_old() -> bool:
    """Forget noted events that no condition can count any more; returns whether there may be more of them."""
    now = clock.now()
    old = select(matches.c.event).where(matches.c.until < now).limit(BATCH)
    with reading() as db:
        found = list(db.execute(old).scalars())
    if found:
        with writing() as db:
            db.execute(delete(matches).where(matches.c.event.in_(found), matches.c.until < now))
    return len(found) == BATCH


def _entity(event: Event, condition: Condition) -> str | None:
    """What an event is about; None when it is about nothing that the condition tells apart."""
    found: Any = attributes(event)
    for name in condition.path:
        found = found.get(name) if isinstance(found, dict) else None
    return None if condition.path and found is None else key_of({"": found} if condition.path else {}, "")


def _count(one: _Of) -> ConditionMet | None:
    """So many within the time, the earliest that are."""
    noted, times = sorted(one.read(FIRST), key=lambda row: (row.at, row.serial)), one.condition.times
    for begin in range(len(noted) - times + 1):
        these = noted[begin : begin + times]
        if these[-1].at - these[0].at <= one.condition.within:
            return one.met(these, "count")
    return None


def _sequence(one: _Of) -> ConditionMet | None:
    """The earliest that followed another in time, with the nearest that it followed."""
    first = one.read(FIRST)
    for then in one.read(THEN):
        before = [row for row in first if row.serial < then.serial and _near(one, row, then)]
        if before:
            return one.met([before[-1], then], "sequence")
    return None


def _near(one: _Of, row: Row[Any], then: Row[Any]) -> bool:
    return bool(then.at - row.at <= one.condition.within)


def _came(one: _Of, event: Event) -> bool:
    """Whether what was to stay away came in time."""
    unless, last = one.condition.unless, event.time + one.condition.within
    assert unless is not None  # noqa: S101 - narrows the type
    return any(
        unless.accepts(each) and _entity(each, one.condition) == one.entity
        for each in events_of_types(one.db, unless.listener.types, after=event.serial, until=last)
    )


def _met(one: _Of, kind: Kind, events: list[str], first: datetime, last: datetime) -> ConditionMet:
    told = one.entity if one.condition.path else ""
    return ConditionMet(
        listener_id=one.listener,
        name=one.condition.name,
        kind=kind,
        entity=told,
        events=tuple(events),
        first_at=first,
        last_at=last,
        within_s=one.condition.within.total_seconds(),
    )
