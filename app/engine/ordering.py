"""One after the other: reactions of a listener with a key, of one stream and value, in the order of events.

Only the head is ready; the transaction that ends it lets the next one go. What that costs grows neither with
what waits in the line nor with what has ended in it.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, exists, or_, select

from app.engine.queue import Message
from app.engine.reactions import DEAD, READY, RUNNING, WAITING, let_go, put_off
from app.engine.tables import reactions

#: What a reaction in the line waits for.
KEY = "key"
#: What else one may wait for: then it is the head, and goes on by itself.
IN_ITS_TURN = ("retry", "slot", "rate", "delay", "event", "paused")

_BEHIND = (reactions.c.state == WAITING) & (reactions.c.waits_for == KEY)
#: One by one, so that each is looked up in the index of lines.
_HEADS = (
    reactions.c.state.in_((READY, RUNNING)),
    (reactions.c.state == WAITING) & reactions.c.waits_for.in_(IN_ITS_TURN),
    (reactions.c.state == DEAD) & reactions.c.stops,
)


def line_up(db: Connection, rows: Iterable[dict[str, Any]]) -> None:
    """Put new reactions behind those of their line that have not ended; their streams are locked."""
    taken: set[tuple[str, str, str]] = set()
    for row in rows:
        line = (row["listener"], row["stream"], row["key"])
        if line in taken or _any(db, line, *_HEADS, _BEHIND):
            put_off(row, KEY, None)
        taken.add(line)


def next_in_line(db: Connection, line: tuple[str, str, str], now: datetime) -> list[Message]:
    """Let the next one of a line go whose head has just ended, and nobody while the line still has one; the
    stream is locked. Returns its message.
    """
    if has_head(db, line):
        return []
    first = select(reactions.c.id).where(_in_line(line), _BEHIND)
    first = first.order_by(reactions.c.place, reactions.c.generation).limit(1)
    return let_go(db, reactions.c.id == first.scalar_subquery(), now)


def has_head(db: Connection, line: tuple[str, str, str], *, besides: str = "") -> bool:
    """Whether a line has one that may go or that holds back the others, other than the reaction `besides`."""
    others = reactions.c.id != besides
    return _any(db, line, *(each & others for each in _HEADS))


def head_of(db: Connection, line: tuple[str, str, str]) -> str | None:
    """The reaction that may go in a line, or that holds back the others; None when there is none."""
    for which in _HEADS:
        found = db.execute(select(reactions.c.id).where(_in_line(line), which).limit(1)).scalar()
        if found is not None:
            return str(found)
    return None


def _any(db: Connection, line: tuple[str, str, str], *which: ColumnElement[bool]) -> bool:
    return bool(db.execute(select(or_(*(exists().where(_in_line(line), each) for each in which)))).scalar())


def _in_line(line: tuple[str, str, str]) -> ColumnElement[bool]:
    listener, stream, key = line
    return (reactions.c.listener == listener) & (reactions.c.stream == stream) & (reactions.c.key == key)
