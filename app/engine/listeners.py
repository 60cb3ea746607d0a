"""Listeners: which events lead to which actions. Declared in `workflows/`, compiled into one index by event
type.
"""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from types import MappingProxyType
from typing import Any, Protocol

from app.engine.signal import Pattern, classes_of

MINUTES = 60

When = Mapping[str, Sequence[Any]]


class Answer(Protocol):
    """What a listener needs to know of an action."""

    @property
    def name(self) -> str:
        """`<module of tasks>.<function>`."""

    @property
    def outer(self) -> bool:
        """Whether it touches a service (and so runs among the outer workers)."""


@dataclass(frozen=True)
class Settled:
    """Waits until everything that an event caused has ended, or until `within` seconds have passed."""

    pattern: Pattern
    within: float


@dataclass(frozen=True)
class Listener:
    """One declared reaction: for events of these types, under this condition, do this."""

    name: str
    types: tuple[str, ...]
    action: str
    outer: bool
    follower: bool = False
    when: When = field(default_factory=dict)
    #: Set when it waits for what the event caused to settle: for so many seconds at most.
    within: float | None = None

    def accepts(self, data: Mapping[str, Any]) -> bool:
        """Whether an event with this data meets the condition."""
        return all(data.get(name) in allowed for name, allowed in self.when.items())


class Listeners:
    """A set of listeners and its index: matching costs what it matches, not what is declared."""

    def __init__(self) -> None:
        self._by_name: dict[str, Listener] = {}
        self._by_type: dict[str, tuple[Listener, ...]] = {}
        self._revision = ""

    def declare(self, listener: Listener) -> None:
        """Add a listener. Raises ValueError when its name is taken: reactions are unique by event and
        listener.
        """
        if listener.name in self._by_name:
            raise ValueError(
                f"two listeners are called {listener.name!r}: join their patterns by |, or pass name="
            )
        self._by_name[listener.name] = listener
        for type_ in listener.types:
            self._by_type[type_] = (*self._by_type.get(type_, ()), listener)
        self._revision = ""

    def matching(self, type_: str, data: Mapping[str, Any]) -> list[Listener]:
        """The listeners that answer an event of this type with this data, in the order of their
        declaration.
        """
        return [listener for listener in self.matching_type(type_) if listener.accepts(data)]

    def matching_type(self, type_: str) -> tuple[Listener, ...]:
        """The listeners that answer events of this type, whatever their condition."""
        return self._by_type.get(type_, ())

    def get(self, name: str) -> Listener | None:
        """The listener of that name."""
        return self._by_name.get(name)

    def all(self) -> list[Listener]:
        """Every listener, in the order of declaration."""
        return list(self._by_name.values())

    @property
    def revision(self) -> str:
        """A short hash of all that is declared: under which set of listeners an event was matched."""
        if not self._revision:
            described = sorted(
                repr((x.name, x.types, x.action, dict(x.when), x.within, x.follower)) for x in self.all()
            )
            self._revision = sha256("\n".join(described).encode()).hexdigest()[:12]
        return self._revision


#: The built-in listeners of this process.
LISTENERS = Listeners()


def settled(pattern: Pattern, *, within: float) -> Settled:
    """What `on` takes to wait until all that an event caused has ended: at most `within` seconds from the
    event on.

    Followers, and what only followers caused, are not waited for. The reaction is made exactly once.
    """
    return Settled(pattern, within)


def on(
    pattern: Pattern | Settled, *, do: Answer, when: When | None = None, name: str | None = None
) -> Listener:
    """Let an action answer events. Its flow stays open until the action has ended.

    `when` names allowed values of fields of the event's data: `{"trigger": ["rollback"]}`.
    """
    return _declare(pattern, do, when, name, follower=False)


def follow(pattern: Pattern, *, do: Answer, when: When | None = None, name: str | None = None) -> Listener:
    """Let an action answer events without anything waiting for it: notifications, metering, webhooks."""
    return _declare(pattern, do, when, name, follower=True)


def _declare(
    pattern: Pattern | Settled, do: Answer, when: When | None, name: str | None, *, follower: bool
) -> Listener:
    module = sys._getframe(2).f_globals["__name__"].rpartition(".")[2]
    waits = isinstance(pattern, Settled)
    listener = Listener(
        name=name or f"{module}:{do.name}{'@settled' if waits else ''}",
        types=tuple(
            signal.type for signal in classes_of(pattern.pattern if isinstance(pattern, Settled) else pattern)
        ),
        action=do.name,
        outer=do.outer,
        follower=follower,
        when=MappingProxyType(dict(when or {})),
        within=pattern.within if isinstance(pattern, Settled) else None,
    )
    LISTENERS.declare(listener)
    return listener
