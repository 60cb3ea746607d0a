"""One after the other: reactions of a listener with a key, of one stream and value, in the order of events.

Only the head is ready; the transaction that ends it lets the next one go.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, exists, select

from app.engine.queue import Message
from app.engine.reactions import DEAD, READY, RUNNING, WAITING, let_go, put_off
from app.engine.tables import events, reactions

#: What a reaction in the line waits for.
KEY = "key"


def line_up(db: Connection, rows: Iterable[dict[str, Any]]) -> None:
    """Put new reactions behind those of their line that have not ended; their streams are locked."""
    taken: dict[tuple[str, str, str], bool] = {}
    for row in rows:
        line = (row["listener"], row["stream"], row["key"])
        if line not in taken:
            taken[line] = _has_head(db, line)
        if taken[line]:
            put_off(row, KEY, None)
        taken[line] = True


def _has_head(db: Connection, line: tuple[str, str, str]) -> bool:
    open_now = reactions.c.state.in_((WAITING, READY, RUNNING))
    holding = (reactions.c.state == DEAD) & reactions.c.stops
    return bool(db.execute(select(exists().where(_in_line(line), open_now | holding))).scalar_one())


def next_in_line(db: Connection, line: tuple[str, str, str], now: datetime) -> list[Message]:
    """Let the next one of a line go whose head has just ended, and nobody while the line still has one; the
    stream is locked. Returns its message.
    """
    if has_head(db, line):
        return []
    first = (
        select(reactions.c.id)
        .join_from(reactions, events, events.c.id == reactions.c.event)
        .where(_in_line(line), reactions.c.state == WAITING, reactions.c.waits_for == KEY)
        .order_by(events.c.serial, reactions.c.generation)
        .limit(1)
    )
    return let_go(db, reactions.c.id == first.scalar_subquery(), now)


def has_head(db: Connection, line: tuple[str, str, str], *, besides: str = "") -> bool:
    """Whether a line has one that may go or that holds back the others, other than the reaction `besides`."""
    heads = (
        reactions.c.state.in_((READY, RUNNING))
        | ((reactions.c.state == WAITING) & (reactions.c.waits_for != KEY))
        | ((reactions.c.state == DEAD) & reactions.c.stops)
    )
    others = _in_line(line) & (reactions.c.id != besides)
    return bool(db.execute(select(exists().where(others, heads))).scalar_one())


def _in_line(line: tuple[str, str, str]) -> ColumnElement[bool]:
    listener, stream, key = line
    return (
        (reactions.c.listener == listener) & (reactions.c.stream == stream) & (reactions.c.key == key)
    )
