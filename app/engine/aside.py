"""Doing what may take too long in a thread, and waiting for it only so long. A timeout per socket is not
enough: one message to a slow broker is a dozen round trips.
"""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from typing import Any, TypeVar

Result = TypeVar("Result")


class Aside:
    """One thread, started when it is first needed, that does one thing after the other."""

    def __init__(self) -> None:
        self._errands: SimpleQueue[tuple[Future[Any], Callable[[], Any]]] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()

    def run(self, errand: Callable[[], Result], *, seconds: float) -> Result:
        """What `errand` returns or raises; TimeoutError when that takes longer. What was begun by then goes
        on; what was not never is.
        """
        future: Future[Result] = Future()
        with self._starting:
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._work, name="aside", daemon=True)
                self._thread.start()
        self._errands.put((future, errand))
        try:
            return future.result(seconds)
        finally:
            future.cancel()

    def _work(self) -> None:
        while True:
            future, errand = self._errands.get()
            if not future.set_running_or_notify_cancel():
                continue
            try:
                future.set_result(errand())
            except BaseException as error:  # whoever waits for it gets it
                future.set_exception(error)
            del future, errand  # else it is kept until the next one comes
