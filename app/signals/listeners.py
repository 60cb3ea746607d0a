"""Listeners that people configure: what they wait for and what they do. Secrets are never part of a fact.

All of them are in one stream, whose count is the revision under which events are matched.
"""

from typing import Any, Literal

from app.engine import LISTENERS_STREAM, Signal

#: Somebody wanted it, or no later call of what it calls would do better.
WhyDisabled = Literal["manual", "gone_410", "failing_since", "ssrf_blocked"]


class ListenerSignal(Signal):
    """Base of what happens to a listener. Of a built-in one the id is its name."""

    listener_id: str
    name: str

    @property
    def stream(self) -> str:
        """The stream of all listeners."""
        return LISTENERS_STREAM

    @property
    def subject(self) -> str:
        """The listener."""
        return self.listener_id

    @property
    def label(self) -> str:
        """Its name."""
        return self.name


class ListenerSpecified(ListenerSignal):
    """Base of what says all that a listener is: `on` are globs of types, `besides` types that it never hears,
    `when` is a pattern over the event.

    With one of `count`, `then` and `unless` it waits for several events, of each entity by itself that
    `for_each` tells apart: it answers the fact that they have come, or have stayed away. `do` says what is
    done; `action` is the name of the action that does it, `outer` whether that touches a service.
    """

    on: tuple[str, ...]
    besides: tuple[str, ...] = ()
    when: dict[str, Any] | None = None
    count: dict[str, Any] | None = None
    then: dict[str, Any] | None = None
    unless: dict[str, Any] | None = None
    for_each: str | None = None
    do: dict[str, Any]
    key: str | None = None
    action: str
    outer: bool


class ListenerCreated(ListenerSpecified, type="listener.created"):
    """Somebody configured a listener."""


class ListenerUpdated(ListenerSpecified, type="listener.updated"):
    """Somebody changed a listener: this is all of what it is now."""


class ListenerPaused(ListenerSignal, type="listener.paused"):
    """What a listener answers waits, until it is resumed."""


class ListenerResumed(ListenerSignal, type="listener.resumed"):
    """A paused listener works off what has waited, oldest first; a disabled one hears again."""


class ListenerDisabled(ListenerSignal, type="listener.disabled"):
    """A listener hears nothing any more, until it is resumed. What it had to answer by then is answered."""

    reason: WhyDisabled
    detail: str = ""


class ListenerDeleted(ListenerSignal, type="listener.deleted"):
    """Somebody removed a listener."""
