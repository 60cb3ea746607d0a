"""Listeners that people configure: rows, which each process loads when there are newer ones.

Every change of one is an event in one stream, whose count is the rows' revision: an event is matched under
the revision that its own transaction read.
"""

import threading
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Row, func, or_, select

from app.engine.cloudevents import attributes
from app.engine.database import get_engine
from app.engine.index import Index
from app.engine.listeners import Listener
from app.engine.patterns import parse
from app.engine.shelf import Entry
from app.engine.signal import SIGNALS, Event, types_like
from app.engine.tables import events, listener_versions

#: The stream of all that happens to listeners.
STREAM = "/listeners"
#: Versions that ended so many revisions ago are forgotten.
KEEP = 10_000

ACTIVE, PAUSED, DISABLED = "active", "paused", "disabled"

_REVISION = select(func.coalesce(func.max(events.c.sequence), 0)).where(events.c.stream == STREAM)


class Configured:
    """The listeners of one database, as far as this process has loaded them."""

    def __init__(self) -> None:
        #: Up to where they are loaded.
        self.revision = 0
        self._loading = threading.Lock()
        self._index = Index[Listener]()
        self._paused: frozenset[str] = frozenset()

    def refresh(self, db: Connection) -> int:
        """Load what is newer; returns the revision that this transaction sees."""
        revision = int(db.execute(_REVISION).scalar_one())
        if revision > self.revision:
            with self._loading:
                if revision > self.revision:
                    self._load(db, revision)
        return revision

    def matching(self, event: Event, revision: int) -> list[Listener]:
        """The listeners that answer an event under a revision, in the order in which they were configured."""
        return self._index.matching(attributes(event), revision) if len(self._index) else []

    def is_paused(self, listener: str) -> bool:
        """Whether what a listener answers waits: one that is configured, or a built-in one."""
        return listener in self._paused

    @property
    def any_paused(self) -> bool:
        """Whether any listener is paused."""
        return bool(self._paused)

    def _load(self, db: Connection, revision: int) -> None:
        """Take up what has changed since the last time, which may be more than up to `revision`."""
        versions = listener_versions.c
        newer = or_(versions.since > self.revision, versions.until > self.revision)
        rows = db.execute(select(listener_versions).where(newer).order_by(versions.since)).all()
        for row in rows:
            if row.since <= self.revision:
                self._end(row)
        for row in rows:
            if row.since > self.revision and (row.until is None or row.until > revision - KEEP):
                self._begin(row)
        self._index.prune(revision - KEEP)
        self.revision = max([revision, *(row.since for row in rows), *(row.until or 0 for row in rows)])

    def _begin(self, row: Row[Any]) -> None:
        listener = listener_of(row)
        if listener is not None and row.state != DISABLED:
            pattern = None if row.spec.get("when") is None else parse(row.spec["when"])
            types = frozenset(listener.types)
            self._index.add(Entry(row.listener, listener, types, pattern, row.since, row.until))
        if row.until is None and row.state == PAUSED:
            self._paused |= {row.listener}

    def _end(self, row: Row[Any]) -> None:
        if row.spec is not None and row.state != DISABLED:
            self._index.close(row.listener, row.until)
        self._paused -= {row.listener}


def listener_of(row: Row[Any]) -> Listener | None:
    """The listener of a version; None for a built-in one, of which nothing but its state is a row."""
    if row.spec is None:
        return None
    spec = row.spec
    return Listener(
        name=row.listener,
        types=_heard(tuple(spec["on"]), tuple(spec.get("besides", ())), len(SIGNALS)),
        action=spec["action"],
        outer=spec["outer"],
        follower=True,
        key=spec.get("key"),
    )


@lru_cache(maxsize=10_000)
def _heard(on: tuple[str, ...], besides: tuple[str, ...], _declared: int) -> tuple[str, ...]:
    unheard = set(types_like(besides))
    return tuple(type_ for type_ in types_like(on) if type_ not in unheard)


def here() -> Configured:
    """The listeners of the configured database, as far as this process has loaded them."""
    return _of(get_engine())


@lru_cache(maxsize=1)
def _of(_engine: object) -> Configured:
    return Configured()
