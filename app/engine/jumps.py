"""The clock of the machine may be set, the machine sleep, or the platform be off: then hours pass in which
nobody could do anything, and every lease and deadline with them. Who sweeps compares the clock with one that
nobody sets, and lets what was running before have the time that it was meant to have.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import compress

import structlog
from sqlalchemy import ColumnElement, and_, or_

from app.engine import clock

#: What two clocks may differ by between two looks without one having been set.
LEAST = timedelta(seconds=2)
#: When nobody has looked for so long, the platform was off, or its database away.
BLIND = timedelta(seconds=10)

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Jump:
    """Time that went by unseen: how much, and the instant after it."""

    after: datetime
    by: timedelta
    #: Whether the clock was set; else time has passed, and nobody was there.
    clock: bool


class Watch:
    """The jumps forward that still matter."""

    def __init__(self) -> None:
        self._jumps: list[Jump] = []
        self._looked: tuple[datetime, float] | None = None

    def look(self, last_pass: Callable[[], datetime | None] = lambda: None) -> datetime:
        """The present; what went by unseen is noticed by looking often. `last_pass` says when any process has
        last ended a pass: it is asked when this one has not looked for long.
        """
        now, ticks = clock.now(), clock.ticks()
        gap = timedelta.max
        if self._looked is not None:
            before, ticks_before = self._looked
            gap = timedelta(seconds=ticks - ticks_before)
            self._note(now, now - before - gap)
        if gap > BLIND and (last := last_pass()) is not None:
            self._note_absence(now, min(gap, now - last))
        self._looked = (now, ticks)
        return now

    def _note_absence(self, now: datetime, time: timedelta) -> None:
        if time > BLIND:
            self._jumps.append(Jump(now, time, clock=False))
            log.warning("nobody has looked for a while", seconds=round(time.total_seconds()))

    def _note(self, now: datetime, by: timedelta) -> None:
        if by > LEAST:
            self._jumps.append(Jump(now, by, clock=True))
        if abs(by) > LEAST:
            log.warning("clock was set", seconds=round(by.total_seconds()))
        self._forget(now)

    def _forget(self, now: datetime) -> None:
        # a jump that lies ahead was taken back; and behind all lags nothing is left that was set before
        kept = [after <= now < after + lag for after, lag in self._lags()]
        self._jumps = list(compress(self._jumps, kept))

    def over(
        self,
        due: ColumnElement[datetime],
        now: datetime,
        *,
        most: timedelta = timedelta.max,
        work: bool = True,
    ) -> ColumnElement[bool]:
        """Whether an instant has passed: one that was set before a jump, when the time until it has, or
        `most` since the jump. What is no time for `work` passes as well while nobody is there.
        """
        lags = [(after, lag) for after, lag in self._lags(work=work) if now - after < most]
        return and_(due <= now, *(or_(due > after, due <= now - lag) for after, lag in lags))

    def is_over(self, due: datetime, now: datetime) -> bool:
        """The same of an instant that is at hand."""
        return due <= now and all(due > after or due <= now - lag for after, lag in self._lags())

    def _lags(self, *, work: bool = True) -> list[tuple[datetime, timedelta]]:
        """By how much what was due before each jump is late: by this one and those after it."""
        jumps = [jump for jump in self._jumps if jump.clock or work]
        return [
            (jump.after, sum((each.by for each in jumps[place:]), timedelta()))
            for place, jump in enumerate(jumps)
        ]


WATCH = Watch()
