"""Work that would hold up everybody: under gevent it goes to a real thread, while the loop goes on."""

from collections.abc import Callable
from typing import TypeVar

from gevent import get_hub
from gevent.monkey import is_module_patched

from app.errors import PlatformError

Result = TypeVar("Result")


def aside(work: Callable[[], Result]) -> Result:
    """What `work` returns or raises; it must not touch the database."""
    if not is_module_patched("threading"):
        return work()
    result, error = get_hub().threadpool.apply(_outcome, (work,))
    if error is not None:
        raise error
    return result  # type: ignore[no-any-return]  # gevent ships no types


def _outcome(work: Callable[[], Result]) -> tuple[Result | None, PlatformError | None]:
    """A refusal as a value: the pool would print what is raised in it."""
    try:
        return work(), None
    except PlatformError as error:
        return None, error
