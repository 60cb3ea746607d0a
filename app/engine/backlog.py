"""How much work is open: what is ready, at work or waiting for its turn, in all flows together."""

from typing import Any

from sqlalchemy import Connection, Select, func, literal_column, select

from app.engine.pausing import PAUSED
from app.engine.tables import reactions

_ONE: Select[Any] = select(literal_column("1"))
#: What has a time at which the sweep looks at it, but for what waits for people or for a date.
_TIMED = _ONE.where(
    reactions.c.wake_at.is_not(None),
    (reactions.c.state != "waiting") | func.coalesce(reactions.c.waits_for, "").not_in(("event", "delay")),
)
#: What another reaction will let go, not people who have paused a listener.
_IN_LINE = _ONE.where(
    reactions.c.waits_for.is_not(None),
    reactions.c.waits_for != PAUSED,
    reactions.c.wake_at.is_(None),
    reactions.c.state == "waiting",
)


def open_work(db: Connection, at_most: int) -> int:
    """How many reactions there are to work off, counted no further than `at_most`."""
    some = _TIMED.union_all(_IN_LINE).limit(at_most).subquery()
    return int(db.execute(select(func.count()).select_from(some)).scalar_one())
