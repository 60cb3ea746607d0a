"""Interrupting a body that works for nothing, as Celery does when its time is over: by a signal to the main
thread of the worker's child. Nothing else can be interrupted, and never anything but that very body.
"""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from celery import signals

from app.engine.actions import Attempt, LostLease

#: Not the one of Celery's soft time limit: the two must not be taken for each other.
SIGNAL = signal.SIGUSR2

_at_work: Attempt | None = None
_in_child = False


@contextmanager
def interruptible(attempt: Attempt) -> Iterator[None]:
    """While the block runs, `interrupt` raises LostLease in it."""
    global _at_work
    if not _in_child or threading.current_thread() is not threading.main_thread():
        yield
        return
    signal.signal(SIGNAL, _on_signal)
    try:
        _at_work = attempt
        yield
    finally:
        _at_work = None


def interrupt(attempt: Attempt) -> None:
    """Interrupt this attempt's body, if it is the one at work here; called by another thread."""
    if _at_work is attempt:
        signal.pthread_kill(threading.main_thread().ident or 0, SIGNAL)


def _on_signal(_number: int, _frame: Any) -> None:
    # It runs in the main thread, so what it looks at cannot change: a signal that comes when its attempt has
    # ended meets another attempt, which has lost nothing, or none.
    if _at_work is not None and _at_work.lost.is_set():
        raise LostLease(f"reaction {_at_work.reaction_id} was taken over by another attempt")


def _begin_child(**_: Any) -> None:
    """This process is a child of a worker: its main thread does nothing but run actions."""
    global _in_child
    _in_child = True


signals.worker_process_init.connect(_begin_child, weak=False)
