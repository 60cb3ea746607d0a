"""What models have in common: rows as their dataclasses, the parts of lists, and deadlines."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Connection, Select

from app.engine import Signal

Kind = TypeVar("Kind")


def one(db: Connection, kind: type[Kind], query: Select[Any]) -> Kind | None:
    """The only row that a query finds, if any; `kind` takes its columns in their order."""
    row = db.execute(query).one_or_none()
    return None if row is None else kind(*row)


def newest(query: Select[Any], column: ColumnElement[Any], limit: int, after: Any = None) -> Select[Any]:
    """The part of a list that begins behind the one whose `column` is `after`, the newest first."""
    behind = query if after is None else query.where(column < after)
    return behind.order_by(column.desc()).limit(limit)


def later(event: Signal, seconds: float) -> datetime:
    """The moment so long after a fact was recorded: folds read no clock."""
    return event.recorded.time + timedelta(seconds=seconds)


def pause_after(pauses: Sequence[int], tries: int) -> int:
    """The pause (seconds) after so many tries; the last one goes on for ever."""
    return pauses[min(tries, len(pauses) - 1)]
