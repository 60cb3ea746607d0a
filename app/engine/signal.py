"""What a signal is: a declared kind of fact. And what it becomes when it is recorded: an event."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from types import UnionType
from typing import Annotated, Any, ClassVar, Literal, Self, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PrivateAttr

from app.engine.database import storable

FlowEnd = Literal["succeeded", "failed", "cancelled"]


@dataclass(frozen=True, slots=True)
class Event:
    """One recorded signal, as the log holds it."""

    #: The order of insertion: rises within a stream, may have gaps; `position` has none but comes later.
    serial: int
    #: uuid7; the `id` of the CloudEvent and, for outside calls, what a repeat is recognised by.
    id: str
    #: The place in the whole log; None until the event has been sealed.
    position: int | None
    type: str
    #: The stream it belongs to, which is also the CloudEvent's `source`.
    stream: str
    #: Its number within the stream, from 1.
    sequence: int
    time: datetime
    subject: str
    #: A few readable words ("hello #3") for lists and for Flower.
    label: str
    #: The flow it belongs to: `correlationid`.
    flow: str
    #: The event that caused it, None for a flow's first: `causationid`.
    cause: str | None
    #: Who did it: `token:<id>`, `action:<name>`, `system`.
    actor: str
    #: Whether only followers led to it, so that nothing waits for what it causes.
    follower: bool
    #: How many reactions lie between it and the flow's first event.
    depth: int
    data: dict[str, Any]


Text = Annotated[str, AfterValidator(storable)]


class Failure(BaseModel):
    """What every failure event says. Automation looks at `code` only; `message` and `hint` are for people."""

    model_config = ConfigDict(frozen=True)

    #: One of the documented failure codes.
    code: str
    #: The part of the work that failed ("upload", "source", ...).
    stage: str
    message: Text
    #: What to do next.
    hint: Text = ""
    #: Whether the same request may succeed later without a change.
    retryable: bool = False
    attempt: int = 1
    max_attempts: int = 1
    evidence: Annotated[dict[str, Any], AfterValidator(storable)] = Field(default_factory=dict)


class Signal(BaseModel):
    """Base of all declared facts. A subclass names its type: `class SiteCreated(Signal,
    type="site.created")`.

    `starts` is the kind of the flow that it begins when nothing caused it; `ends` is the state in which its
    flow ends if it is the last such signal.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    type: ClassVar[str] = ""
    starts: ClassVar[str | None] = None
    ends: ClassVar[FlowEnd | None] = None

    _recorded: Event | None = PrivateAttr(default=None)
    _within: tuple[str, str | None] | None = PrivateAttr(default=None)

    def __init_subclass__(cls, **_kwargs: Any) -> None:
        super().__init_subclass__()  # pydantic hands the class keywords to the method below

    @classmethod
    def __pydantic_init_subclass__(
        cls, type: str | None = None, starts: str | None = None, ends: FlowEnd | None = None, **_kwargs: Any
    ) -> None:
        if type is None:  # an abstract family of signals
            return
        known = SIGNALS.get(type, cls)
        if (known.__module__, known.__qualname__) != (cls.__module__, cls.__qualname__):
            raise TypeError(f"{cls!r} and {known!r} both declare the type {type!r}")
        cls.type, cls.starts, cls.ends = type, starts, ends
        SIGNALS[type] = cls

    @property
    def stream(self) -> str:
        """The stream of the aggregate that it is about; "" for the stream of the event that led to it."""
        return ""

    @property
    def subject(self) -> str:
        """The id of what it is about; "" for the subject of the event that led to it."""
        return self.stream.rpartition("/")[2]

    @property
    def label(self) -> str:
        """A few words by which a person recognises what it is about; "" for those of the event that led to
        it.
        """
        return self.subject

    @property
    def recorded(self) -> Event:
        """The event that this signal became. Raises RuntimeError before it was recorded."""
        if self._recorded is None:
            raise RuntimeError(f"{self.type} has not been recorded yet: it has no id, time or flow")
        return self._recorded

    def within(self, flow: str, cause: str | None) -> Self:
        """The same signal, to be recorded in another flow than the one at work, as caused by that flow's
        event `cause`.
        """
        copy = self.model_copy()
        copy._within = (flow, cause)
        return copy

    @property
    def elsewhere(self) -> tuple[str, str | None] | None:
        """The (flow, cause) that `within` set."""
        return self._within


#: Every declared signal by its type.
SIGNALS: dict[str, type[Signal]] = {}

#: What a listener may wait for: a signal class, or several joined by `|`.
Pattern = type[Signal] | UnionType


class FailureSignal(Signal):
    """Base of the facts that say what went wrong."""

    failure: Failure

    @classmethod
    def from_failure(cls, event: Signal, failure: Failure) -> Self:
        """The failure of an action that answered `event`: takes over the fields that both have."""
        shared = {name: getattr(event, name) for name in cls.model_fields if name in type(event).model_fields}
        return cls.model_validate({**shared, "failure": failure})


class ReactionDeadLettered(FailureSignal, type="platform.reaction.dead_lettered", ends="failed"):
    """A reaction was given up and could not even record its own failure: a bug, or work that kills its
    worker.

    Fields: the reaction, its listener and action, the event it answered, that event's stream and label, and
    whether it was a follower (then nothing else is harmed by it).
    """

    reaction: str
    listener: str
    action: str
    of_event: str
    of_stream: str
    of_label: str
    follower: bool

    @property
    def stream(self) -> str:
        """The stream of the event that went unanswered."""
        return self.of_stream

    @property
    def subject(self) -> str:
        """The reaction."""
        return self.reaction

    @property
    def label(self) -> str:
        """The label of the event that went unanswered."""
        return self.of_label


def classes_of(pattern: Pattern) -> tuple[type[Signal], ...]:
    """The signal classes of `A | B`. Raises TypeError for anything that is not a declared signal."""
    found = get_args(pattern) if isinstance(pattern, UnionType) else (pattern,)
    for each in found:
        if not (isinstance(each, type) and issubclass(each, Signal) and each.type):
            raise TypeError(f"{each!r} is not a declared signal")
    return found


def signals_in(annotation: Any) -> tuple[type[Signal], ...]:
    """All declared signals anywhere inside a type annotation, in the order in which they stand there."""
    if isinstance(annotation, type) and issubclass(annotation, Signal):
        return (annotation,) if annotation.type else ()
    parts = [part for arg in get_args(annotation) for part in ([arg] if not isinstance(arg, list) else arg)]
    return tuple(dict.fromkeys(signal for part in parts for signal in signals_in(part)))


def types_like(globs: Iterable[str]) -> list[str]:
    """The declared types that one of the globs fits: `*` stands for one segment (or a part of one), `**` for
    any number.
    """
    expressions = [re.compile("".join(_segment(part) for part in glob.split("."))) for glob in globs]
    return [type_ for type_ in SIGNALS if any(each.fullmatch(f".{type_}") for each in expressions)]


def _segment(part: str) -> str:
    if part == "**":
        return r"(?:\.[^.]+)*"
    return r"\." + "[^.]*".join(re.escape(literal) for literal in part.split("*"))


class UnknownSignal(LookupError):
    """An event of a type that this process does not declare: it is older or newer than the one that recorded
    it.
    """


def revive(event: Event) -> Signal:
    """The signal that an event recorded. Raises UnknownSignal when this process does not declare the type."""
    if event.type not in SIGNALS:
        raise UnknownSignal(f"{event.type} is not a signal that this process knows")
    signal = SIGNALS[event.type].model_validate(event.data)
    signal._recorded = event
    return signal


def mark_recorded(signal: Signal, event: Event) -> None:
    """Note on a signal which event it has become."""
    signal._recorded = event
