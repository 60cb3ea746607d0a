"""What processes declare, kept under the revision that stands on every event that they record.

So it can be said later, and by another process, which listeners an event was matched with.
"""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from sqlalchemy import Connection, func, select

from app.engine import clock
from app.engine.actions import ACTIONS, Action
from app.engine.database import get_engine, inserting, writing
from app.engine.listeners import LISTENERS, Listener, Listeners
from app.engine.tables import listener_sets

#: Seconds between two notes of one process that its set is in use.
AGAIN = 60.0
#: A set is in use when a process has said so within so many seconds.
LATELY = 3 * AGAIN

#: Of this process: the database and revision that it has announced, and when it does so again.
_announced: tuple[object, str] | None = None
_again_at = 0.0


def announce() -> None:
    """Write down what this process declares, before the first event that is matched under it, and that it is
    still in use once a minute.
    """
    global _announced, _again_at
    this = (get_engine(), LISTENERS.revision)
    if this == _announced and time.monotonic() < _again_at:
        return
    with writing() as db:
        _write(db, this[1])
    _announced, _again_at = this, time.monotonic() + AGAIN


def _write(db: Connection, revision: str) -> None:
    now = clock.now()
    row = {
        "revision": revision,
        "listeners": [_plain(listener) for listener in LISTENERS.all()],
        "actions": [described(action) for action in ACTIONS.values()],
        "first_at": now,
        "seen_at": now,
    }
    insert = inserting(db, listener_sets).values(row)
    db.execute(insert.on_conflict_do_update(index_elements=["revision"], set_={"seen_at": now}))


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """What processes declare that are in use, and this one does not: listeners, and actions as the map shows
    them.
    """

    listeners: tuple[Listener, ...] = ()
    actions: tuple[dict[str, Any], ...] = ()


def elsewhere(db: Connection) -> Elsewhere:
    """What this process does not declare. One that it declares otherwise counts as well."""
    rows = in_use(db, clock.now(), timedelta(seconds=LATELY))
    sets = filter(None, (set_of(db, row.revision) for row in rows))
    mine = {_key(listener) for listener in LISTENERS.all()}
    theirs = {_key(listener): listener for known in sets for listener in known.all()}
    actions = {action["name"]: action for row in rows for action in row.actions}
    return Elsewhere(
        tuple(listener for key, listener in theirs.items() if key not in mine),
        tuple(action for name, action in sorted(actions.items()) if name not in ACTIONS),
    )


def _key(listener: Listener) -> str:
    return json.dumps(_plain(listener), sort_keys=True)


def described(action: Action) -> dict[str, Any]:
    """An action as the map shows it."""
    return {
        "name": action.name,
        "about": action.summary,
        "service": action.service,
        "records": [signal.type for signal in action.emits],
    }


def _plain(listener: Listener) -> dict[str, Any]:
    """Every field of a listener as plain JSON values."""
    values = {each.name: getattr(listener, each.name) for each in fields(listener)}
    return values | {"when": {name: list(allowed) for name, allowed in listener.when.items()}}


def _revived(values: dict[str, Any]) -> Listener:
    """A listener from what another process wrote, which may know fields that this one does not."""
    known: dict[str, Any] = {each.name: values[each.name] for each in fields(Listener) if each.name in values}
    for name in ("types", "until"):
        known[name] = tuple(known.get(name, ()))
    return Listener(**known | {"when": MappingProxyType(dict(known.get("when", {})))})


def set_of(db: Connection, revision: str) -> Listeners | None:
    """The listeners that events of this revision were matched with; None when no process has written them."""
    if revision == LISTENERS.revision:
        return LISTENERS
    return _remembered(get_engine(), revision, lambda: _read(db, revision))


def _read(db: Connection, revision: str) -> Listeners | None:
    query = select(listener_sets.c.listeners).where(listener_sets.c.revision == revision)
    written = db.execute(query).scalar()
    if written is None:
        return None
    found = Listeners()
    for values in written:
        found.declare(_revived(values))
    return found


def _remembered(engine: object, revision: str, read: Callable[[], Listeners | None]) -> Listeners | None:
    known = _sets(engine)
    if revision not in known and (found := read()) is not None:
        known[revision] = found
    return known.get(revision)


@lru_cache(maxsize=1)
def _sets(_engine: object) -> dict[str, Listeners]:
    """The sets that were read from a database; a revision never changes what it stands for."""
    return {}


def since(db: Connection) -> datetime:
    """From when on sets have been written down."""
    first: datetime | None = db.execute(select(func.min(listener_sets.c.first_at))).scalar()
    return first or clock.now()


def in_use(db: Connection, now: datetime, within: timedelta) -> list[Any]:
    """The rows of the sets that processes have used lately, besides that of this one."""
    query = select(listener_sets).where(
        listener_sets.c.seen_at > now - within, listener_sets.c.revision != LISTENERS.revision
    )
    return list(db.execute(query.order_by(listener_sets.c.first_at)))


def was_ever(db: Connection, name: str) -> bool:
    """Whether any process has ever declared a listener of that name."""
    sets = (set_of(db, each) for each in ever(db))
    return any(known is not None and known.get(name) is not None for known in sets)


def ever(db: Connection) -> list[str]:
    """Every revision that a process has written down, the newest first."""
    return list(
        db.execute(select(listener_sets.c.revision).order_by(listener_sets.c.first_at.desc())).scalars()
    )
