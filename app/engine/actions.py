"""Actions: how a function in `tasks/` says what it answers, what it may record, and how it may be tried."""

import inspect
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import timedelta
from threading import Event as Flag
from typing import Any, TypedDict, Unpack, get_type_hints

from pydantic import BaseModel, ConfigDict, create_model
from sqlalchemy import Connection

from app.engine import log
from app.engine.database import reading
from app.engine.signal import FailureSignal, Signal, classes_of, revive, signals_in
from app.errors import PlatformError, RetryableError

#: How often an action is tried and how many seconds it may take, unless it says otherwise.
ATTEMPTS, TIME_LIMIT = 5, 600.0
BACKOFF_FIRST, BACKOFF_LONGEST = 1.0, 300.0

#: What an action's body may give back.
Facts = Signal | list[Any] | tuple[Any, ...] | None
Body = Callable[..., Facts | Callable[[], Facts]]

#: Every declared action by its name.
ACTIONS: dict[str, "Action"] = {}


class Cancelled(Exception):
    """The flow's cancel was asked for, and this attempt can end where it stands."""


class LostLease(Exception):
    """Another attempt has taken this reaction: whatever this one does from here on will not be recorded."""


class Tries(TypedDict, total=False):
    """How an action may be tried; what is left out has its default."""

    #: How often in all, when it raises what may pass (default 5).
    attempts: int
    #: Seconds from each failed attempt to the next, give or take a tenth, in place of `attempts`.
    pauses: Sequence[float]
    #: Whether each failed attempt records `fails_with`, not only the last one.
    tells_each: bool
    #: Seconds that one attempt may take (default 600).
    time_limit: float
    #: Other exceptions that may pass, such as a client library's, each with the failure code that it means.
    retry_on: Mapping[type[Exception], str]


class Action:
    """A function that answers one kind of event. Calling it runs the bare function."""

    def __init__(
        self,
        body: Body,
        *,
        service: str | None,
        fails_with: type[FailureSignal] | None,
        stage: str | None,
        tries: Tries,
    ) -> None:
        self.body = body
        #: `<module of tasks>.<function>`, which is also the name of its Celery task.
        self.name = f"{body.__module__.rpartition('.')[2]}.{body.__name__}"
        self.service, self.fails_with = service, fails_with
        self.stage = stage or body.__name__
        self.pauses = tuple(tries.get("pauses", ()))
        self.attempts = len(self.pauses) + 1 if self.pauses else tries.get("attempts", ATTEMPTS)
        self.tells_each = tries.get("tells_each", False)
        self.time_limit = tries.get("time_limit", TIME_LIMIT)
        self.retry_on = tries.get("retry_on", {})
        self.summary = (inspect.getdoc(body) or "").partition("\n")[0]
        hints = get_type_hints(body)
        emitted = signals_in(hints.pop("return", None))
        #: Whether people may let it answer what they like, with `parameters`, which is a model of them.
        self.exposed = False
        self.parameters = _parameters(body, hints)
        answered = [hint for hint in hints.values() if hint is not Signal]  # which stands for any
        self.takes: tuple[type[Signal], ...] = tuple(s for hint in answered for s in classes_of(hint))
        #: The signals that it may record, its failure included.
        self.emits: tuple[type[Signal], ...] = (*emitted, fails_with) if fails_with else emitted

    def __call__(self, event: Any, **given: Any) -> Any:
        """Run the bare function, outside the engine."""
        return self.body(event, **given)

    @property
    def outer(self) -> bool:
        """Whether it touches a service, and so holds no transaction while it works."""
        return self.service is not None

    def meaning(self, error: Exception) -> Exception:
        """What an exception of the body means: one that `retry_on` names is a RetryableError of that code."""
        for expected, code in self.retry_on.items():
            if isinstance(error, expected):
                meant = RetryableError(code, f"{type(error).__name__}: {error}")
                meant.__cause__ = error
                return meant
        return error

    def backoff(self, attempt: int, error: Exception | None = None) -> timedelta:
        """How long to wait after a failed attempt: what it says itself, at least as long as the `retry_after`
        of the error's evidence wants; else exponential with full jitter.
        """
        if self.pauses:
            pause = self.pauses[attempt - 1] * random.uniform(0.9, 1.1)  # noqa: S311 - jitter, not a secret
            asked = error.evidence.get("retry_after", 0) if isinstance(error, PlatformError) else 0
            return timedelta(seconds=max(pause, float(asked)))
        longest = min(BACKOFF_LONGEST, BACKOFF_FIRST * 2.0 ** (attempt - 1))
        return timedelta(seconds=random.uniform(0.1, longest))  # noqa: S311 - jitter, not a secret


def _parameters(body: Body, hints: dict[str, Any]) -> type[BaseModel]:
    """A model of the parameters that may only be named; they are taken out of the hints."""
    named = [each for each in inspect.signature(body).parameters.values() if each.kind is each.KEYWORD_ONLY]
    wanted: dict[str, Any] = {
        each.name: (hints.pop(each.name), ... if each.default is each.empty else each.default)
        for each in named
    }
    return create_model("Parameters", __config__=ConfigDict(extra="forbid"), **wanted)


def action(
    *,
    service: str | None = None,
    fails_with: type[FailureSignal] | None = None,
    stage: str | None = None,
    exposed: bool = False,
    **tries: Unpack[Tries],
) -> Callable[[Body], Action]:
    """Declare an action: one thing that one service does in answer to an event.

    Without `service` it is *inner*: it only decides, quickly, inside the one transaction and under the
    stream's lock. With it, it is *outer*: it touches that service, holds no transaction, and may be tried
    again, so twice must be harmless; it may return a function without arguments, which decides inside the
    result's transaction. The annotations declare what it answers and what it may record. `fails_with` is
    recorded when it raises a PermanentError, or when it raised retryable ones `attempts` times; its failure
    names the `stage` (default: the function). One that is `exposed` people may let answer events of their
    choice: what it wants to know besides the event are parameters that can only be named, with annotations.
    The rest of the keywords are those of `Tries`.
    """

    def declare(body: Body) -> Action:
        declared = Action(body, service=service, fails_with=fails_with, stage=stage, tries=tries)
        declared.exposed = exposed
        if declared.name in ACTIONS and ACTIONS[declared.name].body.__module__ != body.__module__:
            raise ValueError(f"two actions are called {declared.name!r}")
        ACTIONS[declared.name] = declared
        return declared

    return declare


@dataclass
class Attempt:
    """The attempt at work, for the action's body: see `current`."""

    reaction_id: str
    #: Counts from 1.
    attempt: int
    flow: str
    actor: str
    #: An inner action's transaction; an outer action has none while it works.
    connection: Connection | None = None
    #: Locks streams in that transaction, as `Recording.lock` does.
    locks: Callable[..., None] | None = None
    #: Whose answer it is: the name of a built-in listener, the id of a configured one.
    listener: str = ""
    #: Above 0 in a replay of past events, which may want to leave the outside world alone.
    generation: int = 0
    #: The id of the event that ended its wait.
    awaited_id: str | None = None
    #: Set when another attempt has taken over, and when the cancel of the flow was asked for.
    lost: Flag = field(default_factory=Flag)
    cancelled: Flag = field(default_factory=Flag)

    @property
    def db(self) -> Connection:
        """The transaction in which an inner action decides. Raises RuntimeError in an outer one, which holds
        none.
        """
        if self.connection is None:
            raise RuntimeError("an outer action holds no transaction while it works: read with reading()")
        return self.connection

    def lock(self, stream: str) -> None:
        """Lock another stream than the event's, before any of it is read to decide. Inner actions only."""
        if self.locks is None:
            raise RuntimeError("an outer action holds no transaction while it works, so it can lock nothing")
        self.locks(stream)

    @property
    def idempotency_key(self) -> str:
        """Under which the outside world may see a repeat of this call: it never changes."""
        return self.reaction_id

    @property
    def is_replay(self) -> bool:
        """Whether the event is an old one that a person had answered again."""
        return self.generation > 0

    @property
    def awaited(self) -> Signal | None:
        """The signal that ended the wait of a listener on `awaited`; None for others."""
        if self.awaited_id is None:
            return None
        if self.connection is not None:
            return revive(log.require_event(self.connection, self.awaited_id))
        with reading() as db:
            return revive(log.require_event(db, self.awaited_id))

    def check(self) -> None:
        """Raise LostLease when another attempt has taken over, Cancelled when the flow is being cancelled.

        Long work calls it now and then, where it can end without harm.
        """
        if self.cancelled.is_set():
            raise Cancelled(f"the flow {self.flow} is being cancelled")
        if self.lost.is_set():
            raise LostLease(f"reaction {self.reaction_id} was taken over by another attempt")


_current: ContextVar[Attempt] = ContextVar("attempt")


def current() -> Attempt:
    """The attempt that is running this code. Raises LookupError outside an action."""
    return _current.get()


@contextmanager
def attempting(attempt: Attempt) -> Iterator[Attempt]:
    """Make `attempt` the current one while the block runs."""
    token = _current.set(attempt)
    try:
        yield attempt
    finally:
        _current.reset(token)
