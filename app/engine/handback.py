"""A worker that is told to end hands back what it has at work: at once, not when the leases run out.

Celery kills the bodies when the soft shutdown's time is over; from that moment on the reactions are ready for
other workers. It all happens in the worker's main process, which uses the database for nothing else.
"""

import threading
from typing import Any

import structlog
from celery import bootsteps
from celery.worker import state
from celery.worker.request import Request

from app.engine import claims, queue
from app.engine.database import writing

#: How long the end of a worker waits for a database that is busy or away; then the leases decide.
PATIENCE = 3.0

log = structlog.get_logger()


class _Given:
    """What was taken from the children, until it is handed back."""

    def __init__(self) -> None:
        self._pending: dict[str, str] = {}
        self._one_at_a_time = threading.Lock()

    def add(self, request: Any) -> None:
        """Hand this back with the rest."""
        if request.worker_pid:
            self._pending[request.id] = claims.worker_name(request.worker_pid)

    def begin(self) -> threading.Thread:
        """Hand back in a thread: a signal's handler, which may stand in the middle of anything, must not wait
        for locks.
        """
        thread = threading.Thread(target=self._hand_back, name="hand-back", daemon=True)
        thread.start()
        return thread

    def _hand_back(self) -> None:
        with self._one_at_a_time:
            for reaction, worker in list(self._pending.items()):
                if _is_given_back(reaction, worker):
                    del self._pending[reaction]


def _is_given_back(reaction: str, worker: str) -> bool:
    try:
        return _give_back(reaction, worker)
    except Exception as error:  # the engine's edge: then the lease is what brings it back
        log.warning("reaction could not be handed back", reaction=reaction, error=repr(error))
        return False


def _give_back(reaction: str, worker: str) -> bool:
    with writing() as db:
        message = claims.hand_back(db, reaction, worker)
    if message is None:
        return False
    queue.hand_off(None, [message])
    log.info("reaction was handed back", reaction=reaction, action=message.action)
    return True


_given = _Given()


class AtWork(Request):  # type: ignore[misc]  # celery ships no types
    """A message at work in a child of this worker."""

    def cancel(self, *args: Any, **kwargs: Any) -> None:
        """The worker ends before the body does: the body is killed, its reaction handed back."""
        super().cancel(*args, **kwargs)
        _given.add(self)
        _given.begin()


class HandBack(bootsteps.StartStopStep):  # type: ignore[misc]  # celery ships no types
    """The last look before a worker that was told to hurry kills its children and is gone."""

    requires = ("celery.worker.components:Pool",)

    def start(self, _worker: Any) -> None:
        """There is nothing to hand back yet."""

    def stop(self, _worker: Any) -> None:
        """A warm shutdown lets everything end."""

    def terminate(self, _worker: Any) -> None:
        """Hand back what a child took up at the very end, and what nobody had the time to cancel."""
        for request in tuple(state.active_requests):
            _given.add(request)
        _given.begin().join(PATIENCE)
