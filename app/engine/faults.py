"""Named places where a crash would hurt most. Nothing happens at them unless a test asks for it: in process
by `on_fault`, in another process by the environment variable `ANTIPHON_FAULT=<point>[@<nth>]`, which kills
that process with SIGKILL the n-th time it gets there (once over all processes when `ANTIPHON_FAULT_ONCE`
names a marker file).
"""

import os
import signal as os_signal
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

#: Every point there is, in the order in which a reaction meets them.
POINTS: tuple[str, ...] = (
    "delivery.received",  # after the broker's pop, before anything was read
    "claim.before_commit",  # the attempt is counted, not yet committed
    "claim.after_commit",  # the attempt is counted, nothing was done
    "outer.after_effect",  # the outside world has changed, nobody wrote it down
    "result.before_commit",  # facts, folds and reactions are written, not committed
    "result.after_commit",  # committed; the hand-off has not begun
    "handoff.before_send",  # about to push a message
    "handoff.after_send",  # some messages pushed
    "delivery.before_ack",  # all done, the broker does not know yet
    "failure.before_commit",  # a retry, a failure or a burial is written, not committed
    "failure.after_commit",  # committed; the hand-off has not begun
    "command.before_commit",  # a person's request is written, not committed
    "command.after_commit",  # a person's request is committed, its hand-off has not begun
    "sweep.after_seal",  # positions are committed
    "sweep.before_send",  # rows are marked as sent again, nothing was pushed
    "sweep.after_send",  # pushed
    "sweep.before_expire",  # a lease is about to be taken away
    "sweep.before_deadline",  # a deadline has passed, nothing was recorded
)

_handler: Callable[[str], None] | None = None


def point(name: str) -> None:
    """Do what a test wants to happen here; without a test, nothing."""
    if _handler is not None:
        _handler(name)


@contextmanager
def on_fault(handler: Callable[[str], None]) -> Iterator[None]:
    """Call `handler(point)` at every point of this process while the block runs."""
    global _handler
    before, _handler = _handler, handler
    try:
        yield
    finally:
        _handler = before


def install_from_environment() -> None:
    """Arm the fault that `ANTIPHON_FAULT` names, if it names one.

    Raises ValueError for a point that does not exist: a test of a fault that never comes would prove nothing.
    """
    wanted = os.environ.get("ANTIPHON_FAULT", "")
    if not wanted:
        return
    name, _, nth = wanted.partition("@")
    if name not in POINTS:
        raise ValueError(f"ANTIPHON_FAULT names {name!r}; the fault points are: {', '.join(POINTS)}")
    global _handler
    _handler = _killer(name, int(nth or 1), os.environ.get("ANTIPHON_FAULT_ONCE"))


def _killer(name: str, nth: int, marker: str | None) -> Callable[[str], None]:
    seen: Counter[str] = Counter()

    def kill(reached: str) -> None:
        seen[reached] += 1
        if reached != name or seen[reached] < nth:
            return
        if marker is not None:
            try:
                os.close(os.open(marker, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
            except FileExistsError:
                return
        os.kill(os.getpid(), os_signal.SIGKILL)

    return kill
