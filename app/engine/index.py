"""Finding, among very many listeners, those that an event matches under a revision: it costs what it finds,
not what there is. Closed ones are kept apart from the open ones, so that history costs the present nothing.
"""

from collections.abc import Mapping
from heapq import heappop, heappush
from itertools import count
from threading import Lock
from typing import Any, Generic

from app.engine.shelf import Entry, L, Shelf


class Index(Generic[L]):
    """Entries, the open ones each of another id. Threads may share it; all changes of a revision are made
    before anything is matched under it.
    """

    def __init__(self) -> None:
        self._lock, self._numbers = Lock(), count()
        self._open, self._closed = Shelf[L](), Shelf[L]()
        self._by_id: dict[str, Entry[L]] = {}
        self._types: dict[frozenset[str], frozenset[str]] = {}
        #: The closed ones by their end, the earliest first.
        self._ends: list[tuple[int, int, Entry[L]]] = []
        self._last_end = 0

    def __len__(self) -> int:
        return len(self._by_id) + len(self._ends)

    def add(self, entry: Entry[L]) -> None:
        """Let an entry be found from now on. Raises ValueError when one of its id is open already."""
        with self._lock:
            entry.number = next(self._numbers)
            entry.types = self._types.setdefault(entry.types, entry.types)  # thousands have the same
            if entry.until is not None:
                self._keep_closed(entry, entry.until)
            elif entry.id in self._by_id:
                raise ValueError(f"{entry.id} is in the index already: close it first")
            else:
                self._by_id[entry.id] = entry
                self._open.put(entry)

    def close(self, id_: str, until: int) -> None:
        """Let the open entry of that id end: it answers under revisions before `until` only. Raises KeyError
        when none is open.
        """
        with self._lock:
            entry = self._by_id.pop(id_)
            self._open.take(entry)
            entry.until = until
            self._keep_closed(entry, until)

    def prune(self, before: int) -> None:
        """Forget what answers under no revision from `before` on."""
        with self._lock:
            while self._ends and self._ends[0][0] <= before:
                self._closed.take(heappop(self._ends)[2])

    def matching(self, view: Mapping[str, Any], revision: int) -> list[L]:
        """The listeners that answer an event that looks like this (`type`, `data`, ...) under a revision, in
        the order in which they were added.
        """
        with self._lock:
            found = self._open.candidates(view)
            if revision < self._last_end:
                found |= self._closed.candidates(view)
        return [found[number].listener for number in sorted(found) if found[number].answers(view, revision)]

    def _keep_closed(self, entry: Entry[L], until: int) -> None:
        self._closed.put(entry)
        self._last_end = max(self._last_end, until)
        heappush(self._ends, (until, entry.number, entry))
