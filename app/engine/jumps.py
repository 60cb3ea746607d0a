"""The clock of the machine may be set, or the machine sleep: then hours pass in no time, and every lease and
deadline with them. Who sweeps compares it with one that nobody sets, and lets what was running before have
the time that it was meant to have.
"""

from datetime import datetime, timedelta
from itertools import compress

import structlog
from sqlalchemy import ColumnElement, and_, or_

from app.engine import clock

#: What two clocks may differ by between two looks without one having been set.
LEAST = timedelta(seconds=2)

log = structlog.get_logger()


class Watch:
    """The jumps forward of this machine's clock that still matter: the instant after each, and how far."""

    def __init__(self) -> None:
        self._jumps: list[tuple[datetime, timedelta]] = []
        self._looked: tuple[datetime, float] | None = None

    def look(self) -> datetime:
        """The present; whether the clock jumped is noticed by looking often."""
        now, ticks = clock.now(), clock.ticks()
        if self._looked is not None:
            before, ticks_before = self._looked
            self._note(now, now - before - timedelta(seconds=ticks - ticks_before))
        self._looked = (now, ticks)
        return now

    def _note(self, now: datetime, by: timedelta) -> None:
        if by > LEAST:
            self._jumps.append((now, by))
        if abs(by) > LEAST:
            log.warning("clock was set", seconds=round(by.total_seconds()))
        # a jump that lies ahead was taken back; and behind all lags nothing is left that was set before
        kept = [after <= now < after + lag for after, lag in self._lags()]
        self._jumps = list(compress(self._jumps, kept))

    def over(self, due: ColumnElement[datetime], now: datetime) -> ColumnElement[bool]:
        """Whether an instant has passed: one that was set before a jump, when the time until it has."""
        lags = self._lags()
        return and_(due <= now, *(or_(due > after, due <= now - lag) for after, lag in lags))

    def is_over(self, due: datetime, now: datetime) -> bool:
        """The same of an instant that is at hand."""
        return due <= now and all(due > after or due <= now - lag for after, lag in self._lags())

    def _lags(self) -> list[tuple[datetime, timedelta]]:
        """By how much what was due before each jump is late: by this one and those after it."""
        return [
            (after, sum((lag for _, lag in self._jumps[place:]), timedelta()))
            for place, (after, _) in enumerate(self._jumps)
        ]


WATCH = Watch()
