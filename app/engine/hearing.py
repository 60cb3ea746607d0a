"""What listeners hear: of a built-in one what it declares, of a configured one what its version says."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from typing import Any

from sqlalchemy import Row

from app.engine.cloudevents import attributes
from app.engine.facts import ConditionMet
from app.engine.listeners import Listener
from app.engine.matching import Node
from app.engine.patterns import parse
from app.engine.signal import SIGNALS, Event, types_like

ACTIVE, PAUSED, DISABLED = "active", "paused", "disabled"
#: The action that notes an event for a condition.
NOTE = "listeners.note"


@dataclass(frozen=True, slots=True)
class Hearing:
    """A listener, built in or configured, with all that decides which events it answers."""

    listener: Listener
    pattern: Node | None = None
    state: str = ACTIVE

    def accepts(self, event: Event) -> bool:
        """Whether it answers an event of one of its types."""
        known = self.listener.accepts(event.data)
        return known and (self.pattern is None or self.pattern.holds(attributes(event)))

    def hears(self, event: Event) -> bool:
        """Whether it answers an event."""
        return event.type in self.listener.types and self.accepts(event)


@dataclass(frozen=True, slots=True)
class Condition:
    """What a listener waits for over several events, of one entity after the other.

    `first` hears those that are counted; with `then`, another is to follow in time; with `unless`, another is
    to stay away for as long.
    """

    name: str
    first: Hearing
    within: timedelta
    times: int = 1
    then: Hearing | None = None
    unless: Hearing | None = None
    #: Where in the event its entity is; empty when all events are of one.
    path: tuple[str, ...] = ()


def supposed(types: Sequence[str], when: Any) -> Hearing:
    """One that nobody has configured: it answers events of these types under this pattern."""
    listener = Listener("supposed", tuple(types), action="", outer=False, follower=True)
    return Hearing(listener, None if when is None else parse(when))


def hearing_of(row: Row[Any]) -> Hearing | None:
    """What a version hears: of one with a condition what is counted first. None for a built-in one, of which
    nothing but its state is a row. Raises whatever reading it raises.
    """
    return all_of(row)[0] if row.spec is not None else None


def all_of(row: Row[Any]) -> list[Hearing]:
    """All that a version hears: of one with a condition what is counted, and that it is met."""
    spec = row.spec
    if spec is None:
        return []
    action, outer, key = spec["action"], spec["outer"], spec.get("key")
    if (wanted := _wanted(spec)) is None:
        listener = _listener(row, spec, action=action, outer=outer, key=key)
        return [_with_pattern(row, listener, spec.get("when"))]
    about = {"data": {"listener_id": [row.listener]}}
    only_met = {"on": [ConditionMet.type]}
    met = _with_pattern(row, _listener(row, only_met, action=action, outer=outer, key=key), about)
    first = _noting(row, spec, after=wanted["within"] if spec.get("unless") else None)
    return [first, *([_noting(row, spec["then"])] if spec.get("then") else []), met]


def condition_of(row: Row[Any]) -> Condition | None:
    """What a version waits for over several events; None when it answers each."""
    spec = row.spec or {}
    if (wanted := _wanted(spec)) is None:
        return None
    then, unless = spec.get("then"), spec.get("unless")
    return Condition(
        row.name,
        _noting(row, spec),
        timedelta(seconds=wanted["within"]),
        wanted.get("times", 1),
        _noting(row, then) if then else None,
        _noting(row, unless) if unless else None,
        tuple(spec["for_each"].split(".")) if spec.get("for_each") else (),
    )


def _wanted(spec: Mapping[str, Any]) -> Mapping[str, Any] | None:
    return spec.get("count") or spec.get("then") or spec.get("unless")


def _noting(row: Row[Any], said: Mapping[str, Any], after: float | None = None) -> Hearing:
    besides = row.spec.get("besides", ())
    listener = _listener(row, {**said, "besides": besides}, action=NOTE, outer=False, after=after)
    return _with_pattern(row, listener, said.get("when"))


def _listener(row: Row[Any], said: Mapping[str, Any], **how: Any) -> Listener:
    types = _heard(tuple(said["on"]), tuple(said.get("besides", ())), len(SIGNALS))
    return Listener(name=row.listener, types=types, follower=True, **how)


def _with_pattern(row: Row[Any], listener: Listener, when: Any) -> Hearing:
    return Hearing(listener, None if when is None else parse(when), row.state)


@lru_cache(maxsize=10_000)
def _heard(on: tuple[str, ...], besides: tuple[str, ...], _declared: int) -> tuple[str, ...]:
    unheard = set(types_like(besides))
    return tuple(type_ for type_ in types_like(on) if type_ not in unheard)
