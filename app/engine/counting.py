"""The counts of one recording: what it opens and ends in flows and scopes, written in a fixed order."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import datetime

from sqlalchemy import Connection

from app.engine import flows
from app.engine.signal import Event, Signal

#: Makes the reactions of listeners that waited for a scope: (scope, its parent, names) -> those unknown here.
Fire = Callable[[str, str | None, list[str]], list[str]]


class Counts:
    """Changes of counts that one transaction has collected."""

    def __init__(self, db: Connection) -> None:
        self._db = db
        self._first: dict[str, Signal] = {}
        self._ends: dict[str, str] = {}
        self._opened: defaultdict[str, int] = defaultdict(int)
        self._in_scopes: defaultdict[str | None, int] = defaultdict(int)
        self._new_scopes: list[str] = []
        self._touched: set[str] = set()
        self._outcomes: dict[str, str | None] = {}
        self._cancels: dict[str, datetime | None] = {}

    def begin_flow(self, flow: str, first: Signal) -> None:
        """A flow begins with this signal."""
        self._first[flow] = first

    def end_flow(self, flow: str, state: str) -> None:
        """Once nothing of the flow is open, this is how it ended."""
        self._ends[flow] = state

    def reopen(self, flow: str, outcome: str | None) -> None:
        """A flow goes on that had ended; this is how it would have ended without what is done again."""
        self._outcomes[flow] = outcome

    def cancel(self, flow: str, until: datetime | None) -> None:
        """From that instant on the cancel of a flow is forced; None when it is over."""
        self._cancels[flow] = until

    def change(self, flow: str, scope: str | None, by: int) -> None:
        """So many more reactions (or fewer) are open in a flow, directly in a scope of it."""
        self._opened[flow] += by
        self._in_scopes[scope] += by

    def touch(self, of_flows: Iterable[str]) -> None:
        """Something happens in these flows, even if as much ends as begins: the sweep must know by when to
        look at them.
        """
        self._touched.update(of_flows)

    def begin_scope(self, event: Event, parent: str | None, waiting: dict[str, str]) -> None:
        """Listeners wait for what an event causes, each until an instant (ISO)."""
        flows.insert_scope(self._db, event, parent, waiting)
        self._new_scopes.append(event.id)

    def settle(self, fire: Fire, now: datetime) -> None:
        """Write the scopes' counts; what has settled fires, which may open more."""
        for scope in reversed(self._new_scopes):
            self._settle(scope, fire, now)
        while self._in_scopes:
            self._settle(next(iter(self._in_scopes)), fire, now)

    def _settle(self, scope: str | None, fire: Fire, now: datetime) -> None:
        """Write a scope's count. Children come before their parents, or a parent would seem settled too
        early.
        """
        delta = self._in_scopes.pop(scope, 0)
        if not delta or scope is None:
            return
        row = flows.count_scope(self._db, scope, delta)
        before = row.open - delta
        if before <= 0 < row.open:
            self._in_scopes[row.parent] += 1
        elif row.open <= 0 < before:
            self._in_scopes[row.parent] -= 1
            if row.waiting:
                unknown = fire(scope, row.parent, list(row.waiting))
                flows.still_waiting(self._db, scope, dict.fromkeys(unknown, now.isoformat()))

    def write(self, now: datetime) -> None:
        """Write the flows' counts, in id order: the last thing that a transaction does."""
        for flow in sorted({*self._first, *self._ends, *self._opened, *self._cancels, *self._touched}):
            opened, end = self._opened[flow], self._ends.get(flow)
            if flow in self._first:
                flows.insert_flow(self._db, flow, self._first[flow], opened, end)
                continue
            if flow in self._cancels:
                flows.set_cancel(self._db, flow, self._cancels[flow])
            if flow in self._outcomes:
                flows.set_outcome(self._db, flow, self._outcomes[flow])
            if opened or end:
                flows.count_flow(self._db, flow, opened, end, now)
            elif flow in self._touched:
                flows.touch(self._db, flow, now)
