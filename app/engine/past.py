"""Past events and one listener: which of them it would answer, and which it has answered already."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from difflib import get_close_matches

from sqlalchemy import ColumnElement, Connection, func, select

from app.engine import configured, declared, log
from app.engine.hearing import DISABLED, NOTE, Hearing
from app.engine.listeners import LISTENERS, Listener
from app.engine.reactions import DONE, READY, RUNNING, WAITING
from app.engine.signal import Event
from app.engine.tables import events, reactions, scopes
from app.errors import Conflict, InvalidInput, NotFound

#: So many events are looked at together, and so many are shown of a replay that is only tried out.
BATCH, SAMPLES = 200, 10
#: So many types are looked up in their index.
FEW_TYPES = 3

SLOWEST, FASTEST = 0.001, 1e6

#: A place in the log, or a moment.
Bound = int | datetime


@dataclass(frozen=True, slots=True)
class Wish:
    """Which events a listener is to answer: from the first to the last, both included; None is the log's."""

    #: The name of a built-in one, or the id of one that is configured, which answers as it is now.
    listener: str
    first: Bound | None = None
    last: Bound | None = None
    #: At most so many reactions per second.
    rate: float | None = None
    #: Whether it answers also what it has answered before, or is about to.
    again: bool = False
    #: At most so many reactions in all; what lies behind the last of them is not looked at.
    most: int | None = None


@dataclass(frozen=True, slots=True)
class Preview:
    """What a replay would do: of `matched` events `made` get a reaction; `samples` are the first of them."""

    after: int
    until: int
    matched: int
    made: int
    suppressed: int
    samples: list[Event]


def resolve(db: Connection, wish: Wish) -> tuple[Hearing, int, int]:
    """The listener, and the range as positions: behind the first, up to the second.

    NotFound `listener_not_found`; Conflict `listener_disabled`, `listener_has_condition`; InvalidInput
    `rate_invalid`, `range_invalid`, `range_empty`.
    """
    hearing = configured.find(db, wish.listener)
    if hearing is None:
        raise _unknown(db, wish.listener)
    if hearing.state == DISABLED:
        raise Conflict(
            "listener_disabled", "This listener is disabled and answers nothing.", "Resume it first."
        )
    if hearing.listener.action == NOTE:
        what = "This listener waits for several events, and each counts when it happens."
        hint = "Past events cannot be given to it again. Preview its `on` to see how often they came."
        raise Conflict("listener_has_condition", what, hint)
    if wish.rate is not None and not SLOWEST <= wish.rate <= FASTEST:
        hint = f"Say from {SLOWEST:g} to {FASTEST:g} reactions per second, or nothing for no limit."
        raise InvalidInput("rate_invalid", f"{wish.rate:g} reactions per second is no rate.", hint)
    after, until = bounds(db, wish.first, wish.last)
    if after >= until:
        what = f"No event lies in this range: the log has the positions 1 to {log.last_position(db)}."
        raise InvalidInput("range_empty", what, "Give other bounds, or none for the whole log.")
    return hearing, after, until


def bounds(db: Connection, first: Bound | None, last: Bound | None) -> tuple[int, int]:
    """A range as positions: behind the first, up to the second, which lies before it when there is no event.
    InvalidInput `range_invalid`.
    """
    if type(first) is type(last) and first is not None and first > last:  # type: ignore[operator]  # of one type
        raise InvalidInput("range_invalid", "The range ends before it begins.", "Swap its ends.")
    newest = log.last_position(db)
    return _before(db, first, newest), _up_to(db, last, newest)


def preview(db: Connection, wish: Wish) -> Preview:
    """What a replay would do now; raises what `resolve` raises."""
    hearing, after, until = resolve(db, wish)
    matched, suppressed, cursor, samples = 0, 0, after, list[Event]()
    while cursor < until:
        found = read(db, hearing.listener, cursor, until)
        accepted = [event for event in found if hearing.accepts(event)]
        known = set[str]() if wish.again else answered(db, hearing.listener, accepted)
        matched, suppressed = matched + len(accepted), suppressed + len(known)
        samples += [event for event in accepted if event.id not in known][: SAMPLES - len(samples)]
        cursor = until if len(found) < BATCH else place(found[-1])
    return Preview(after, until, matched, matched - suppressed, suppressed, samples)


def read(db: Connection, listener: Listener, after: int, until: int, limit: int = BATCH) -> list[Event]:
    """The next events of the listener's types; fewer than `limit` are the last ones."""
    query = select(*log.EVENT_COLUMNS).where(between(after, until), of_types(listener.types))
    return [log.event_of(row) for row in db.execute(query.order_by(events.c.position).limit(limit))]


def between(after: int, until: int) -> ColumnElement[bool]:
    """The condition of a range of positions: behind the first, up to the second."""
    return (events.c.position > after) & (events.c.position <= until)


def of_types(types: Sequence[str]) -> ColumnElement[bool]:
    """The condition of some types. Of many it is said so that no index of types is used: all their events
    would be sorted to find the next few, and there are hardly any others.
    """
    return (events.c.type if len(types) <= FEW_TYPES else func.coalesce(events.c.type, "")).in_(types)


def place(event: Event) -> int:
    """The position of a sealed event."""
    return event.position or 0


def answered(db: Connection, listener: Listener, some: Sequence[Event]) -> set[str]:
    """Those of the events that the listener has answered, is about to, or will when something has settled."""
    ids = [event.id for event in some]
    counting = (WAITING, READY, RUNNING, DONE)
    query = select(reactions.c.event).where(
        reactions.c.event.in_(ids), reactions.c.listener == listener.name, reactions.c.state.in_(counting)
    )
    found = set(db.execute(query).scalars())
    if listener.within is not None:
        waiting = select(scopes.c.id, scopes.c.waiting).where(scopes.c.id.in_(ids))
        found |= {row.id for row in db.execute(waiting) if listener.name in row.waiting}
    return found


def _before(db: Connection, first: Bound | None, newest: int) -> int:
    if isinstance(first, datetime):
        found = db.execute(select(func.min(events.c.position)).where(events.c.time >= first)).scalar()
        return newest if found is None else found - 1
    return 0 if first is None else max(0, min(first - 1, newest))


def _up_to(db: Connection, last: Bound | None, newest: int) -> int:
    if isinstance(last, datetime):
        return db.execute(select(func.max(events.c.position)).where(events.c.time <= last)).scalar() or 0
    return newest if last is None else min(last, newest)


def _unknown(db: Connection, name: str) -> NotFound:
    if configured.is_deleted(db, name):
        return NotFound(
            "listener_not_found", f"The listener {name} is deleted.", "See the list of listeners."
        )
    if any(listener.name == name for listener in declared.elsewhere(db).listeners):
        what = f"The listener {name!r} is declared by other processes, not by this one."
        return NotFound("listener_not_found", what, "Ask one of their version, or bring this one to it.")
    if declared.was_ever(db, name):
        hint = "Only what is declared can answer. What became of it: flask events explain EVENT."
        return NotFound("listener_not_found", f"The listener {name!r} is not declared any more.", hint)
    known = [listener.name for listener in LISTENERS.all()]
    like = [each for each in known if name and name in each] or get_close_matches(name, known, 3, 0.4)
    hint = f"Did you mean {' or '.join(like[:3])}?" if like else "The map shows all: flask graph show."
    return NotFound("listener_not_found", f"There is no listener {name!r}.", hint)
