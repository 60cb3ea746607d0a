"""The time and the ids of the platform: UTC instants and uuid7s, drawn here and nowhere else."""

import time
from datetime import UTC, datetime

from uuid_utils import uuid7


def now() -> datetime:
    """The present instant, aware, in UTC."""
    return datetime.now(UTC)


def ticks() -> float:
    """Seconds by a clock that nobody sets; only how many lie between two of them means something."""
    return time.monotonic()


def new_id() -> str:
    """A new uuid7 in its 36-character text form: sorts by the millisecond in which it was drawn."""
    return str(uuid7())
