"""How often a listener that does not exist would have answered: the newest events first, and not too many of
them. Nothing is stored.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select

from app.engine.hearing import Hearing
from app.engine.log import EVENT_COLUMNS, event_of
from app.engine.past import Bound, bounds, place
from app.engine.signal import Event
from app.engine.tables import events

#: So many events are looked at in all, and together.
MOST, BATCH = 20_000, 1000


@dataclass(frozen=True, slots=True)
class Retrospect:
    """What was found among the events behind `after` up to `until`."""

    after: int
    until: int
    #: How many events of the wanted types were looked at; `capped` if the range has more, older ones.
    looked_at: int
    capped: bool
    #: When the oldest of them was recorded; None when there is none.
    oldest: datetime | None
    matched: int
    #: How many were matched of each type, the most frequent first.
    by_type: dict[str, int]
    #: The newest of those.
    samples: list[Event]


def look_back(db: Connection, hearing: Hearing, first: Bound, last: Bound | None, samples: int) -> Retrospect:
    """What a listener would have answered from the first to the last, both included, whatever would have
    kept it from doing so. InvalidInput `range_invalid`.
    """
    after, until = bounds(db, first, last)
    cursor, looked_at, oldest, more = until + 1, 0, None, True
    by_type, shown = Counter[str](), list[Event]()
    while more and looked_at < MOST:
        limit = min(BATCH, MOST - looked_at)
        found = _before(db, hearing.listener.types, after, cursor, limit)
        accepted = [event for event in found if hearing.accepts(event)]
        by_type.update(event.type for event in accepted)
        shown += accepted[: samples - len(shown)]
        looked_at, more = looked_at + len(found), len(found) == limit
        if found:
            cursor, oldest = place(found[-1]), found[-1].time
    capped = looked_at >= MOST and bool(_before(db, hearing.listener.types, after, cursor, 1))
    found_of = dict(by_type.most_common())
    return Retrospect(after, until, looked_at, capped, oldest, by_type.total(), found_of, shown)


def _before(db: Connection, types: Sequence[str], after: int, cursor: int, limit: int) -> list[Event]:
    """The newest events of these types before the cursor, the newest first."""
    here = (events.c.position > after, events.c.position < cursor, events.c.type.in_(types))
    query = select(*EVENT_COLUMNS).where(*here).order_by(events.c.position.desc()).limit(limit)
    return [event_of(row) for row in db.execute(query)]
