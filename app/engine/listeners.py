"""Listeners: which events lead to which actions. Declared in `workflows/`, compiled into one index by event
type.
"""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from types import MappingProxyType
from typing import Any, Unpack

from app.engine.declaring import Answer, Awaited, How, Settled, When, check
from app.engine.signal import Pattern, Signal, classes_of

MINUTES = 60
LOOK_BACK = 5.0 * MINUTES


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
    key: str | None = None
    on_dead: str = "skip"
    after: float | None = None
    #: The types of events that it waits for after its own, and the field that both have in common.
    until: tuple[str, ...] = ()
    by: str = ""
    #: Seconds that it waits at most, and the type of the signal that is recorded then.
    patience: float = 0
    otherwise: str | None = None
    look_back: float = LOOK_BACK
    at_once: int | None = None
    rate: float | None = None

    def accepts(self, data: Mapping[str, Any]) -> bool:
        """Whether an event with this data meets the condition."""
        return all(data.get(name) in allowed for name, allowed in self.when.items())


class Listeners:
    """A set of listeners and its index: matching costs what it matches, not what is declared."""

    def __init__(self) -> None:
        self._by_name: dict[str, Listener] = {}
        self._by_type: dict[str, tuple[Listener, ...]] = {}
        self._by_until: dict[str, tuple[Listener, ...]] = {}
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
        for type_ in listener.until:
            self._by_until[type_] = (*self._by_until.get(type_, ()), listener)
        self._revision = ""

    def matching(self, type_: str, data: Mapping[str, Any]) -> list[Listener]:
        """The listeners that answer an event of this type with this data, in the order of their
        declaration.
        """
        return [listener for listener in self.matching_type(type_) if listener.accepts(data)]

    def matching_type(self, type_: str) -> tuple[Listener, ...]:
        """The listeners that answer events of this type, whatever their condition."""
        return self._by_type.get(type_, ())

    def awaiting(self, type_: str) -> tuple[Listener, ...]:
        """The listeners whose waits an event of this type may end."""
        return self._by_until.get(type_, ())

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
            described = sorted(repr({**vars(x), "when": dict(x.when)}) for x in self.all())
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


def awaited(
    pattern: Pattern, *, until: Pattern, by: str, within: float, otherwise: type[Signal] | None = None
) -> Awaited:
    """What `on` takes to wait after an event until another comes, which has the same value in the field `by`.

    Both are of one stream. The action gets the first event, and the one that ended the wait as
    `current().awaited`; one that came shortly before counts too (`look_back`). After `within` seconds
    `otherwise` is recorded instead, with the fields that it shares with the event. Meanwhile the flow is
    `waiting`, and what waits for the flow's branch to settle does not wait for this.
    """
    return Awaited(pattern, until, by, within, otherwise)


def on(pattern: Pattern | Settled | Awaited, *, do: Answer, **how: Unpack[How]) -> Listener:
    """Let an action answer events. Its flow stays open until the action has ended. `how` is described at
    `How`.
    """
    return _declare(pattern, do, how, follower=False)


def follow(pattern: Pattern, *, do: Answer, **how: Unpack[How]) -> Listener:
    """Let an action answer events without anything waiting for it: notifications, metering, webhooks."""
    return _declare(pattern, do, how, follower=True)


def _declare(pattern: Pattern | Settled | Awaited, do: Answer, how: How, *, follower: bool) -> Listener:
    check(pattern, do, how, follower=follower)
    module = sys._getframe(2).f_globals["__name__"].rpartition(".")[2]
    heard: Pattern = pattern.pattern if isinstance(pattern, Settled | Awaited) else pattern
    waits: dict[str, Any] = {}
    if isinstance(pattern, Settled):
        waits = {"within": pattern.within}
    elif isinstance(pattern, Awaited):
        until = tuple(signal.type for signal in classes_of(pattern.until))
        otherwise = pattern.otherwise and pattern.otherwise.type
        waits = {"until": until, "by": pattern.by, "patience": pattern.within, "otherwise": otherwise}
    suffix = "@settled" if isinstance(pattern, Settled) else "@awaited" if waits else ""
    given: dict[str, Any] = {**how, "when": MappingProxyType(dict(how.get("when", {})))}
    listener = Listener(
        name=given.pop("name", f"{module}:{do.name}{suffix}"),
        types=tuple(signal.type for signal in classes_of(heard)),
        action=do.name,
        outer=do.outer,
        follower=follower,
        **waits,
        **given,
    )
    LISTENERS.declare(listener)
    return listener
