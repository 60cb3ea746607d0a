"""What may be said of a listener when it is declared, and what is a mistake: it is told at the start, long
before an event comes.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypedDict

from app.engine.signal import Pattern, Signal, classes_of

When = Mapping[str, Sequence[Any]]

#: No time that is said is longer, in seconds: ten years.
LONGEST = 10 * 366 * 24 * 3600


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
class Awaited:
    """Waits after an event until another comes, in the same stream and with the same value of a field."""

    pattern: Pattern
    until: Pattern
    by: str
    within: float
    otherwise: type[Signal] | None


class How(TypedDict, total=False):
    """What else may be said of a listener; all of it may be left out."""

    #: Allowed values of fields of the event's data: `{"trigger": ["rollback"]}`.
    when: When
    #: Its name, where `module:action` is taken.
    name: str
    #: A field of the event's data: of one stream and one value of it, one reaction after the other, in the
    #: order of their events. Outer actions only; the stream orders inner ones.
    key: str
    #: What a dead reaction does to those behind it (default: they go on).
    on_dead: Literal["skip", "stop"]
    #: Seconds from the event to the reaction.
    after: float
    #: For `awaited`: seconds before the event in which the other may have come already (default 300).
    look_back: float
    #: How many reactions may be at work at once, over all workers. Outer actions only.
    at_once: int
    #: How many attempts may begin per second, over all workers. Outer actions only.
    rate: float


def check(pattern: Pattern | Settled | Awaited, do: Answer, how: How, *, follower: bool) -> None:
    """Raise TypeError for what is unknown or cannot go together."""
    said = set(how)
    _refuse(do, said - set(How.__annotations__), f"not known; there are {', '.join(How.__annotations__)}")
    if not do.outer:
        _refuse(do, said & {"key", "at_once", "rate"}, "for outer actions only, and this one is inner")
    if "key" in said:
        _refuse(do, said & {"after"}, "cannot be said besides a key")
    else:
        _refuse(do, said & {"on_dead"}, "for listeners with a key only")
    if not isinstance(pattern, Awaited):
        _refuse(do, said & {"look_back"}, "for listeners on `awaited` only")
    if how.get("on_dead", "skip") not in ("skip", "stop"):
        raise TypeError(f'on_dead of {do.name} is {how["on_dead"]!r}: say "skip" or "stop"')
    for name, value in how.items():
        if name in ("after", "at_once", "rate", "look_back"):
            _check_number(do, name, value, zero=name == "look_back")
    if isinstance(pattern, Settled | Awaited):
        _refuse(do, said & {"key", "after"}, "cannot be said besides what it waits for")
        _check_number(do, "within", pattern.within)
        if follower:
            raise TypeError(f"{do.name} is to follow, so nothing can wait for it: let it wait with `on`")
    _check_fields(pattern, do, how)


def _check_fields(pattern: Pattern | Settled | Awaited, do: Answer, how: How) -> None:
    heard = classes_of(pattern.pattern if isinstance(pattern, Settled | Awaited) else pattern)
    _have(heard, [how["key"]] if "key" in how else [], f"key of {do.name}")
    for field, allowed in how.get("when", {}).items():
        if not any(field in signal.model_fields for signal in heard):  # one of several is enough
            _have(heard, [field], f"when of {do.name}")
        if isinstance(allowed, str) or not isinstance(allowed, Sequence):
            raise TypeError(f"when of {do.name}: {field} is {allowed!r}, not a list of allowed values")
    if not isinstance(pattern, Awaited):
        return
    _have((*heard, *classes_of(pattern.until)), [pattern.by], f"by of {do.name}")
    if pattern.otherwise is not None:
        [instead] = classes_of(pattern.otherwise)
        needed = [name for name, field in instead.model_fields.items() if field.is_required()]
        _have(heard, needed, f"otherwise of {do.name} ({instead.type})")


def _have(classes: Iterable[type[Signal]], names: Iterable[str], who: str) -> None:
    for signal in classes:
        for name in names:
            if name not in signal.model_fields:
                fields = ", ".join(signal.model_fields) or "none"
                raise TypeError(
                    f"{who} needs the field {name!r}, which {signal.type} has not; it has {fields}"
                )


def _refuse(do: Answer, wrong: Iterable[str], why: str) -> None:
    if names := ", ".join(sorted(wrong)):
        raise TypeError(f"{names} of {do.name}: {why}")


def _check_number(do: Answer, name: str, value: Any, *, zero: bool = False) -> None:
    kinds, kind = ((int,), "a whole number") if name == "at_once" else ((int, float), "a number")
    if isinstance(value, bool) or not isinstance(value, kinds):
        raise TypeError(f"{name} of {do.name} is {value!r}: it must be {kind}")
    if not (0 < value <= LONGEST or (zero and value == 0)):
        least = "0 or more" if zero else "more than 0"
        raise TypeError(f"{name} of {do.name} is {value!r}: it must be {least}, and at most {LONGEST}")
