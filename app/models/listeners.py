"""Listeners that people configure, as versions: each is valid from one revision up to another.

Built-in ones are declared in code; of those only whether they are paused is here.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Column, Connection, String, Table, insert, select, update

from app.engine import Timestamp, fold, folded, metadata
from app.engine.hearing import ACTIVE, DISABLED, PAUSED
from app.engine.listeners import LISTENERS
from app.engine.tables import listener_versions as versions
from app.errors import Conflict, NotFound
from app.models.rows import newest, one
from app.signals.listeners import (
    ListenerCreated,
    ListenerDeleted,
    ListenerDisabled,
    ListenerPaused,
    ListenerResumed,
    ListenerSignal,
    ListenerSpecified,
    ListenerUpdated,
)

_STATES = {ListenerPaused: PAUSED, ListenerResumed: ACTIVE, ListenerDisabled: DISABLED}

folded(versions)
listeners = folded(
    Table(
        "listeners",
        metadata,
        Column("id", String(200), primary_key=True),
        Column("name", String(200), nullable=False, unique=True),
        Column("created_at", Timestamp(), nullable=False),
        Column("changed_at", Timestamp(), nullable=False),
    )
)


@dataclass(frozen=True, slots=True)
class Configured:
    """A listener as it is now; `spec` is what its newest specifying fact says, `state` whether it hears."""

    id: str
    name: str
    created_at: datetime
    changed_at: datetime
    state: str
    spec: dict[str, Any]


_now = versions.c.until.is_(None) & (versions.c.listener == listeners.c.id)
_CONFIGURED = select(listeners, versions.c.state, versions.c.spec).join(versions, _now)


def get(db: Connection, listener_id: str) -> Configured | None:
    """A configured listener by its id."""
    return one(db, Configured, _CONFIGURED.where(listeners.c.id == listener_id))


def require(db: Connection, listener_id: str) -> Configured:
    """A configured listener by its id. Raises NotFound `listener_not_found`, Conflict `listener_built_in`."""
    if LISTENERS.get(listener_id) is not None:
        hint = "It can be paused and resumed."
        raise Conflict("listener_built_in", f"{listener_id} is built in, and not configured.", hint)
    found = get(db, listener_id)
    if found is None:
        what = f"There is no configured listener {listener_id[:80]}."
        raise NotFound("listener_not_found", what, "See the list of listeners.")
    return found


def named(db: Connection, name: str) -> Configured | None:
    """A configured listener by its name."""
    return one(db, Configured, _CONFIGURED.where(listeners.c.name == name))


def telling(db: Connection, recipient: str) -> list[str]:
    """The names of the listeners that tell this recipient."""
    to = versions.c.spec["do"]["notify"]["to"].as_string()
    return list(db.execute(select(listeners.c.name).join(versions, _now).where(to == recipient)).scalars())


def besides(db: Connection, names: Collection[str]) -> list[Configured]:
    """All configured listeners but those of these names."""
    rows = db.execute(_CONFIGURED.order_by(listeners.c.name))
    return [found for row in rows if (found := Configured(*row)).name not in names]


def page(db: Connection, limit: int, after: str | None = None) -> list[Configured]:
    """Configured listeners, newest first, behind the id `after`."""
    query = newest(_CONFIGURED, listeners.c.id, limit, after)
    return [Configured(*row) for row in db.execute(query)]


def state_of(db: Connection, listener: str) -> str:
    """Whether a listener, configured or built in, is active, paused or disabled."""
    return states_of(db, [listener])[listener]


def states_of(db: Connection, names: Sequence[str]) -> dict[str, str]:
    """The same of several; one that nobody has ever changed is active."""
    newest = select(versions.c.listener, versions.c.state)
    found = db.execute(newest.where(versions.c.listener.in_(names), versions.c.until.is_(None)))
    return dict.fromkeys(names, ACTIVE) | {row.listener: row.state for row in found}


@fold(ListenerCreated)
def begin(db: Connection, signal: ListenerCreated) -> None:
    """There is one more."""
    time = signal.recorded.time
    row = {"id": signal.listener_id, "name": signal.name, "created_at": time, "changed_at": time}
    db.execute(insert(listeners).values(row))
    _add(db, signal, ACTIVE, _spec(signal))


@fold(ListenerUpdated)
def change(db: Connection, signal: ListenerUpdated) -> None:
    """Another version of it begins, in the same state."""
    before = _end(db, signal)
    if before is not None:
        _touch(db, signal, name=signal.name)
        _add(db, signal, before.state, _spec(signal))


@fold(ListenerPaused, ListenerResumed, ListenerDisabled)
def move(db: Connection, signal: ListenerSignal) -> None:
    """It goes into another state; a built-in one is noted when it is paused for the first time."""
    before = _end(db, signal)
    _touch(db, signal)
    _add(db, signal, _STATES[type(signal)], before.spec if before else None)


@fold(ListenerDeleted)
def end(db: Connection, signal: ListenerDeleted) -> None:
    """It is there no more."""
    _end(db, signal)
    db.execute(listeners.delete().where(listeners.c.id == signal.listener_id))


def _spec(signal: ListenerSpecified) -> dict[str, Any]:
    return signal.model_dump(mode="json", exclude={"listener_id", "name"})


def _add(db: Connection, signal: ListenerSignal, state: str, spec: dict[str, Any] | None) -> None:
    row = {"listener": signal.listener_id, "since": signal.recorded.sequence, "name": signal.name}
    db.execute(insert(versions).values(row | {"state": state, "spec": spec}))


def _end(db: Connection, signal: ListenerSignal) -> Any:
    """Let the version that is valid now end with this fact; returns it."""
    newest = (versions.c.listener == signal.listener_id, versions.c.until.is_(None))
    row = db.execute(select(versions).where(*newest)).one_or_none()
    db.execute(update(versions).where(*newest).values(until=signal.recorded.sequence))
    return row


def _touch(db: Connection, signal: ListenerSignal, **also: Any) -> None:
    this_one = listeners.c.id == signal.listener_id
    db.execute(update(listeners).where(this_one).values(changed_at=signal.recorded.time, **also))
