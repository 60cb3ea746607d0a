"""Workers of different versions side by side: a reaction that reaches one that does not know its action or
its event is put back, uncounted, until it reaches one that does.

Here an idle worker, which records nothing, also tells what it declares.
"""

import threading
from datetime import timedelta
from queue import Empty, SimpleQueue
from typing import Any

import structlog
from celery import bootsteps, signals
from sqlalchemy import update

from app.engine import clock, declared
from app.engine.database import get_engine, writing
from app.engine.reactions import READY
from app.engine.tables import reactions

#: A reaction that was put back is sent again after so many seconds: half of them reach the right worker then.
SOON = timedelta(seconds=1)

log = structlog.get_logger()


def put_back(reaction: str, action: str, why: str) -> None:
    """Let a reaction be sent again soon that cannot be worked off here. A database that is away leaves it to
    the sweep, which sends it again a little later.
    """
    there = (reactions.c.id == reaction, reactions.c.state == READY)
    # neither unsent, so that one that kills workers is counted first, nor ever further put off
    again = {"sends": 1, "wake_at": clock.now() + SOON}
    try:
        with writing() as db:
            db.execute(update(reactions).where(*there).values(again))
    except Exception as error:  # the engine's edge: the row is as it was
        why = f"{why}; {error!r}"
    log.warning("reaction was put back", reaction=reaction, action=action, error=why)


class Passing(bootsteps.StartStopStep):  # type: ignore[misc]  # celery ships no types
    """Of a worker's main process: puts back what it gets messages for and does not know, and says now and
    then what the worker declares.

    In a thread, since the main process has messages to read, and without keeping a connection, since children
    may be forked at any time.
    """

    requires = ("celery.worker.components:Pool",)

    def __init__(self, worker: Any, **options: Any) -> None:
        super().__init__(worker, **options)
        self._unknown: SimpleQueue[tuple[str, str]] = SimpleQueue()

    def start(self, _worker: Any) -> None:
        """Listen for what Celery calls an unknown task."""
        signals.task_unknown.connect(self._note, weak=False, dispatch_uid="antiphon.passing")
        threading.Thread(target=self._work, name="passing", daemon=True).start()

    def _note(self, *, name: str, id: str, **_: Any) -> None:
        self._unknown.put((id, name))

    def _work(self) -> None:
        while True:
            _announce()
            get_engine().dispose()
            try:
                reaction, action = self._unknown.get(timeout=declared.AGAIN)
            except Empty:
                continue
            put_back(reaction, action, "this worker does not know the action")


def _announce() -> None:
    try:
        declared.announce()
    except Exception as error:  # the engine's edge: it is said again before anything is recorded
        log.warning("what is declared could not be written down", error=repr(error))
