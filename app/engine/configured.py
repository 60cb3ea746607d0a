"""Listeners that people configure: rows, which each process loads when there are newer ones.

Every change of one is an event in one stream, whose count is the rows' revision: an event is matched under
the revision that its own transaction read.
"""

import threading
from functools import lru_cache
from typing import Any

import structlog
from sqlalchemy import Connection, Row, func, or_, select

from app.engine.cloudevents import attributes
from app.engine.database import get_engine, storable
from app.engine.hearing import DISABLED, PAUSED, Hearing, all_of, hearing_of
from app.engine.index import Index
from app.engine.listeners import LISTENERS, Listener
from app.engine.shelf import Entry
from app.engine.signal import Event
from app.engine.tables import events, listener_versions

#: The stream of all that happens to listeners.
STREAM = "/listeners"
#: Versions that ended so many revisions ago are forgotten.
KEEP = 10_000

_REVISION = select(func.coalesce(func.max(events.c.sequence), 0)).where(events.c.stream == STREAM)
_log = structlog.get_logger()


class Configured:
    """The listeners of one database, as far as this process has loaded them."""

    def __init__(self) -> None:
        #: Up to where they are loaded.
        self.revision = 0
        self._loading = threading.Lock()
        self._index = Index[Listener]()
        self._paused: frozenset[str] = frozenset()
        #: Versions that this process cannot read, by listener and beginning, with the reason.
        self._unread: dict[tuple[str, int], str] = {}

    def refresh(self, db: Connection) -> int:
        """Load what is newer; returns the revision that this transaction sees."""
        revision = int(db.execute(_REVISION).scalar_one())
        if revision > self.revision:
            with self._loading:
                if revision > self.revision:
                    self._load(db, revision)
        return revision

    def matching(self, event: Event, revision: int) -> list[Listener]:
        """The listeners that answer an event under a revision, in the order in which they were configured,
        each once, in how many ways it may hear it.
        """
        if not len(self._index):
            return []
        found = self._index.matching(attributes(event), revision)
        return list({listener.name: listener for listener in found}.values())

    def is_paused(self, listener: str) -> bool:
        """Whether what a listener answers waits: one that is configured, or a built-in one."""
        return listener in self._paused

    @property
    def any_paused(self) -> bool:
        """Whether any listener is paused."""
        return bool(self._paused)

    @property
    def unread(self) -> list[str]:
        """The listeners of which this process cannot read what is valid now: here they answer nothing."""
        return sorted({listener for listener, _ in self._unread})

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
        """Take up a version. One that cannot be read must not keep the others from being heard: a newer
        process may have written what this one does not know.
        """
        if row.until is None and row.state == PAUSED:
            self._paused |= {row.listener}
        try:
            heard = all_of(row)
        except Exception as error:  # whatever it is, it is told, and the version is left out
            if row.until is None:
                self._unread[row.listener, row.since] = str(error)
            where = {"listener": row.listener, "name": row.name, "since": row.since}
            _log.error("listener could not be read and answers nothing here", **where, error=repr(error))
            return
        for number, hearing in enumerate(heard if row.state != DISABLED else ()):
            types = frozenset(hearing.listener.types)
            id_ = _entry_of(row.listener, number)
            self._index.add(Entry(id_, hearing.listener, types, hearing.pattern, row.since, row.until))

    def _end(self, row: Row[Any]) -> None:
        self._paused -= {row.listener}
        unread = self._unread.pop((row.listener, row.since), None)
        if unread is None and row.spec is not None and row.state != DISABLED:
            for number in range(len(all_of(row))):
                self._index.close(_entry_of(row.listener, number), row.until)


def find(db: Connection, name: str) -> Hearing | None:
    """A built-in listener of this process by its name, or a configured one, as it is now, by its id.

    None when there is none, or when this process cannot read it.
    """
    if (built_in := LISTENERS.get(name)) is not None:
        return Hearing(built_in)
    row = newest(db, name)
    try:
        return None if row is None or row.until is not None else hearing_of(row)
    except Exception as error:  # as in `_begin`
        _log.error("listener could not be read", listener=name, error=repr(error))
        return None


def is_deleted(db: Connection, name: str) -> bool:
    """Whether a listener that was configured once is there no more."""
    row = newest(db, name)
    return row is not None and row.spec is not None and row.until is not None


def newest(db: Connection, name: str) -> Row[Any] | None:
    """The newest version of a listener; it has an end when the listener is deleted."""
    if name != storable(name):
        return None
    of_it = select(listener_versions).where(listener_versions.c.listener == name)
    return db.execute(of_it.order_by(listener_versions.c.since.desc()).limit(1)).one_or_none()


def _entry_of(listener: str, number: int) -> str:
    """What the index calls one of the ways in which a listener hears."""
    return f"{listener} {number}" if number else listener


def here() -> Configured:
    """The listeners of the configured database, as far as this process has loaded them."""
    return _of(get_engine())


@lru_cache(maxsize=1)
def _of(_engine: object) -> Configured:
    return Configured()
