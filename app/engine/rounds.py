"""Whether listeners go round: whoever answers again and again along one line of causes is ended."""

from collections import Counter

from sqlalchemy import Connection, literal_column, select

from app.engine.listeners import LISTENERS
from app.engine.signal import Event
from app.engine.tables import reactions

#: How often one listener may answer in one stream along one line of causes, and how long such a line may be.
MOST_REPEATS, DEEPEST = 8, 100
#: The same in all streams, of a listener that people configured, where only followers led there: those who
#: tell hear each other at every turn, and each further turn would be many more reactions.
MOST_ECHOES = 2


class Rounds:
    """The lines of causes that lead to what one transaction records."""

    def __init__(self, db: Connection) -> None:
        self._db = db
        self._lines: dict[str, Counter[tuple[str, str]]] = {}

    def cut(self, listener: str, event: Event, parent: str | None) -> str | None:
        """Why a listener may not answer an event that the reaction `parent` recorded; None when it may."""
        echo = event.follower and LISTENERS.get(listener) is None
        most = MOST_ECHOES if echo else MOST_REPEATS
        if event.depth < most:
            return None
        if event.depth > DEEPEST:
            return f"{event.depth} reactions led here one by one; at most {DEEPEST} may"
        if parent is None:
            return None
        if parent not in self._lines:
            self._lines[parent] = _line(self._db, parent)
        line = self._lines[parent]
        times = line[listener, event.stream]
        if echo:
            times = sum(often for (name, _), often in line.items() if name == listener)
        return None if times < most else f"{listener} has answered {most} times along this line of causes"


def _line(db: Connection, reaction: str) -> Counter[tuple[str, str]]:
    """How often each (listener, stream) stands in the line of reactions that led to this one, and in it."""
    up = (
        select(reactions.c.parent, reactions.c.listener, reactions.c.stream)
        .where(reactions.c.id == reaction)
        .cte("up", recursive=True)
    )
    older = reactions.alias()
    up = up.union_all(
        select(older.c.parent, older.c.listener, older.c.stream).where(older.c.id == up.c.parent)
    )
    found = db.execute(select(up.c.listener, up.c.stream).limit(literal_column(str(DEEPEST + 1))))
    return Counter((listener, stream) for listener, stream in found)
