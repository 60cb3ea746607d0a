"""The heartbeat: one thread per process that keeps the leases of the outer actions at work, and tells them
when lost.
"""

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import structlog

from app.engine import claims
from app.engine.actions import Attempt
from app.engine.database import writing
from app.engine.queue import lease

log = structlog.get_logger()


class Heartbeat:
    """Extends the leases it was given, three times per lease, until they are handed back or lost."""

    def __init__(self) -> None:
        self._held: dict[tuple[str, int], Attempt] = {}
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
            yield
        finally:
            with self._changed:
                self._held.pop(key, None)

    def _beat(self) -> None:
        while True:
            with self._changed:
                while not self._held:
                    self._changed.wait()
            time.sleep(lease().total_seconds() / 3)
            with self._changed:
                held = list(self._held.items())
            try:
                self.extend(held)
            except Exception as error:  # the engine's edge: without this thread every lease is lost
                log.warning("lease could not be extended", error=repr(error))

    def extend(self, held: list[tuple[tuple[str, int], Attempt]]) -> None:
        """Extend leases once; an attempt whose lease is gone is told so."""
        for (reaction, fence), attempt in held:
            with writing() as db:
                if not claims.extend_lease(db, reaction, fence, lease()):
                    attempt.lost.set()
                    self._held.pop((reaction, fence), None)


HEARTBEAT = Heartbeat()


def _forget() -> None:
    HEARTBEAT.__init__()  # type: ignore[misc]  # a forked child has the parent's thread only in name


os.register_at_fork(after_in_child=_forget)
