"""How often a listener that does not exist would have answered: the newest events first, and not too many of
them. Nothing is stored.
"""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select

from app.engine.hearing import Hearing
from app.engine.log import EVENT_COLUMNS, event_of
from app.engine.past import Bound, between, bounds, of_types
from app.engine.signal import Event
from app.engine.tables import events

#: So many events are looked at in all, and read together.
MOST, BATCH = 20_000, 500


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
    here = (between(after, until), of_types(hearing.listener.types))
    newest = select(*EVENT_COLUMNS).where(*here).order_by(events.c.position.desc()).limit(MOST + 1)
    looked_at, oldest, more = 0, None, False
    by_type, shown = Counter[str](), list[Event]()
    with db.execute(newest.execution_options(yield_per=BATCH)) as rows:
        for row in rows:
            if more := looked_at == MOST:
                break
            event = event_of(row)
            looked_at, oldest = looked_at + 1, event.time
            if hearing.accepts(event):
                by_type[event.type] += 1
                shown += [event][: samples - len(shown)]
    found = dict(by_type.most_common())
    return Retrospect(after, until, looked_at, more, oldest, by_type.total(), found, shown)
