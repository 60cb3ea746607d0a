"""Backpressure: who would begin a flow is refused while there is more work than the platform takes on."""

import time
from threading import Lock

from flask import current_app

from app.api.auth import asker
from app.api.commands import Repeatable
from app.engine import reading
from app.engine.backlog import open_work
from app.errors import TooBusy
from app.models import idempotency

#: Seconds for which a count is good, and the shortest and longest time after which somebody may ask again.
GOOD_FOR, SOON, LATE = 1.0, 5, 60


class Backlog:
    """How much work is open, counted for all requests of this process together."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._lock = Lock()
        self._counted = self._full_since = float("-inf")
        self._full = False

    def wait(self) -> int:
        """Seconds after which it is worth asking again, 0 when there is room: as long again as it has been
        full.
        """
        with self._lock:
            now = time.monotonic()
            if now - self._counted >= GOOD_FOR:
                with reading() as db:
                    full = open_work(db, self.most + 1) > self.most
                self._full_since = now if full and not self._full else self._full_since
                self._full, self._counted = full, now
            return min(max(SOON, round(now - self._full_since)), LATE) if self._full else 0


def refuse_when_full(header: Repeatable) -> None:
    """Raise TooBusy `backlog_full` while more work is open than MAX_BACKLOG, but not to who repeats a request
    that was accepted. It comes before a body is read.
    """
    backlog: Backlog = current_app.extensions["backlog"]
    seconds = backlog.wait()
    if not seconds or _is_repeat(header):
        return
    what = f"More than {backlog.most:,} reactions are to be worked off: nothing new is taken on."
    hint = f"Ask again in {seconds} s. If it lasts, add workers, or raise MAX_BACKLOG."
    raise TooBusy("backlog_full", what, hint, evidence={"limit": backlog.most, "retry_after": seconds})


def _is_repeat(header: Repeatable) -> bool:
    if header.key is None:
        return False
    with reading() as db:
        return idempotency.find(db, asker().owner, header.key) is not None
