"""Rows as the dataclasses of the models, and the parts of lists."""

from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Connection, Select

Kind = TypeVar("Kind")


def one(db: Connection, kind: type[Kind], query: Select[Any]) -> Kind | None:
    """The only row that a query finds, if any; `kind` takes its columns in their order."""
    row = db.execute(query).one_or_none()
    return None if row is None else kind(*row)


def newest(query: Select[Any], column: ColumnElement[Any], limit: int, after: Any = None) -> Select[Any]:
    """The part of a list that begins behind the one whose `column` is `after`, the newest first."""
    behind = query if after is None else query.where(column < after)
    return behind.order_by(column.desc()).limit(limit)
