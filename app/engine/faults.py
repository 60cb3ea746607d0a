"""Named places where a crash would hurt most. Nothing happens at them unless a test asks for it: in its
own process by `on_fault`; in other processes by a file of the point's name in the folder that
`ANTIPHON_FAULTS` names. Whoever reaches the point takes the file away and kills itself, so each fault
strikes once over all processes.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from signal import SIGKILL

#: Every point there is, in the order in which a reaction meets them.
POINTS: tuple[str, ...] = (
    "message.received",  # after the broker's pop, before anything was read
    "claim.before_commit",  # the attempt is counted, not yet committed
    "claim.after_commit",  # the attempt is counted, nothing was done
    "outer.after_effect",  # the outside world has changed, nobody wrote it down
    "result.before_commit",  # facts, folds and reactions are written, not committed
    "result.after_commit",  # committed; the hand-off has not begun
    "handoff.before_send",  # about to push a message
    "handoff.after_send",  # some messages pushed
    "message.before_ack",  # all done, the broker does not know yet
    "failure.before_commit",  # a retry, a failure or a burial is written, not committed
    "failure.after_commit",  # committed; the hand-off has not begun
    "command.before_commit",  # a person's request is written, not committed
    "command.after_commit",  # a person's request is committed, its hand-off has not begun
    "sweep.after_seal",  # positions are committed
    "sweep.before_send",  # rows are marked as sent again, nothing was pushed
    "sweep.after_send",  # pushed
    "sweep.before_expire",  # a lease is about to be taken away
    "sweep.before_deadline",  # a deadline has passed, nothing was recorded
    "replay.before_commit",  # a part of a replay is written, not committed
    "replay.after_commit",  # committed; the hand-off has not begun
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
    """Watch for faults in the folder that `ANTIPHON_FAULTS` names, if it names one."""
    folder = os.environ.get("ANTIPHON_FAULTS", "")
    if folder:
        global _handler
        _handler = partial(_kill_if_armed, Path(folder))


def arm(folder: Path, name: str) -> None:
    """Let the next process that reaches the point `name` die there.

    Raises ValueError for a point that does not exist: a test of a fault that never comes would prove nothing.
    """
    if name not in POINTS:
        raise ValueError(f"{name!r} is no fault point; there are: {', '.join(POINTS)}")
    (folder / name).touch()


def _kill_if_armed(folder: Path, name: str) -> None:
    try:
        (folder / name).unlink()  # only one process can do this
    except FileNotFoundError:
        return
    os.kill(os.getpid(), SIGKILL)
