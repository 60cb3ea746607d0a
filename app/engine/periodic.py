"""What is done again and again, so many seconds after it was done before: by the process that sweeps, in each
of them.

It is declared beside what does it. It must be harmless that it is done in several processes at once.
"""

from collections.abc import Callable

import structlog

from app.engine import clock

#: Does it once; whether there is more to be done at once.
Work = Callable[[], bool]

#: Everything that was declared, by its name.
PERIODIC: dict[str, "Periodic"] = {}

log = structlog.get_logger()


class Periodic:
    """One kind of work, and when it is due in this process."""

    def __init__(self, work: Work, seconds: float) -> None:
        self.work = work
        self.seconds = seconds
        self._due = float("-inf")

    def run_if_due(self) -> None:
        """Do it when its time has come. What goes wrong is logged: it is done again at its next time."""
        ticks = clock.ticks()
        if ticks < self._due:
            return
        self._due = ticks + self.seconds
        try:
            if self.work():
                self._due = ticks
        except Exception:  # the engine's edge: no trouble of one kind of work may end the sweep, or another
            log.exception("periodic work failed", work=self.work.__name__)


def every(seconds: float) -> Callable[[Work], Work]:
    """Let a function be called whenever so many seconds have passed; at once again when it returns true."""

    def declare(work: Work) -> Work:
        PERIODIC[f"{work.__module__}.{work.__name__}"] = Periodic(work, seconds)
        return work

    return declare


def run_due() -> None:
    """Do everything whose time has come."""
    for each in PERIODIC.values():
        each.run_if_due()
