"""The heartbeat: one thread per process that keeps the leases of the outer actions at work, and tells them
what it hears: that the lease is lost, or that the flow is being cancelled.
"""

import os
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import structlog

from app.engine import claims
from app.engine.actions import Attempt
from app.engine.claims import Hold
from app.engine.database import writing
from app.engine.interrupts import interrupt, interruptible
from app.engine.queue import lease

#: Beats per lease. A body that goes on after one beat without its lease is interrupted, and again after so
#: many: what it does to end well has its time.
BEATS = 3

log = structlog.get_logger()


class Heartbeat:
    """Extends the leases it was given, until they are handed back; interrupts who works on without one."""

    def __init__(self) -> None:
        self._held: dict[tuple[str, int], Attempt] = {}
        #: Beats since a lease was found to be lost.
        self._lost: Counter[tuple[str, int]] = Counter()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    @contextmanager
    def keeping(self, attempt: Attempt, fence: int) -> Iterator[None]:
        """Keep the lease of an attempt while the block runs."""
        key = (attempt.reaction_id, fence)
        with self._changed:
            self._held[key] = attempt
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)
                self._thread.start()
            self._changed.notify()
        try:
            with interruptible(attempt):
                yield
        finally:
            with self._changed:
                self._held.pop(key, None)
                self._lost.pop(key, None)

    def _beat(self) -> None:
        while True:
            with self._changed:
                while not self._held:
                    self._changed.wait()
            time.sleep(lease().total_seconds() / BEATS)
            with self._changed:
                held = list(self._held.items())
            try:
                self.extend(held)
            except Exception as error:  # the engine's edge: without this thread every lease is lost
                log.warning("lease could not be extended", error=repr(error))

    def extend(self, held: list[tuple[tuple[str, int], Attempt]]) -> None:
        """Extend leases once, and tell each attempt what was found."""
        for (reaction, fence), attempt in held:
            if attempt.lost.is_set():
                self._hurry((reaction, fence), attempt)
                continue
            with writing() as db:
                found = claims.extend_lease(db, reaction, fence, lease())
            if found is Hold.LOST:
                attempt.lost.set()
            elif found is Hold.CANCELLED:
                attempt.cancelled.set()

    def _hurry(self, key: tuple[str, int], attempt: Attempt) -> None:
        with self._changed:
            if key in self._held:
                if self._lost[key] % BEATS == 0:
                    interrupt(attempt)
                self._lost[key] += 1


HEARTBEAT = Heartbeat()


def _forget() -> None:
    HEARTBEAT.__init__()  # type: ignore[misc]  # a forked child has the parent's thread only in name


os.register_at_fork(after_in_child=_forget)
