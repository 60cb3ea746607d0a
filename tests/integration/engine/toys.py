"""A small world for the engine's own tests: parcels that are packed, sent and followed. Nothing of it is a
deploy.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from types import MappingProxyType

from sqlalchemy import Column, Connection, Integer, String, Table, insert, update

from app.engine import (
    FailureSignal,
    ReactionDeadLettered,
    Signal,
    Timestamp,
    action,
    current,
    deadline,
    fold,
    folded,
    follow,
    metadata,
    on,
    settled,
)
from app.engine.listeners import LISTENERS, How, Listeners
from app.errors import PermanentError, RetryableError

parcels = folded(
    Table(
        "toy_parcels",
        metadata,
        Column("id", String(36), primary_key=True),
        Column("stream", String(200), nullable=False),
        Column("flow", String(36), nullable=False),
        Column("state", String(20), nullable=False),
        Column("steps", Integer, nullable=False),
        Column("deadline_at", Timestamp(), nullable=True),
    )
)

#: What the outside world saw: how often each idempotency key was used.
effects: Counter[str] = Counter()
#: What the next calls of an action raise or do first, by the parcel's wish.
trouble: dict[str, Callable[[], None]] = {}


class Toy(Signal):
    parcel: str

    @property
    def stream(self) -> str:
        return f"/parcels/{self.parcel}"

    @property
    def label(self) -> str:
        return f"parcel {self.parcel}"


class Ordered(Toy, type="toy.parcel.ordered", starts="parcel"):
    """Somebody wants a parcel."""

    branches: int = 0
    fragile: bool = False


class Packed(Toy, type="toy.parcel.packed"):
    """It is packed."""


class Sent(Toy, type="toy.parcel.sent"):
    """It is on its way."""


class SendingFailed(FailureSignal, type="toy.parcel.send.failed", ends="failed"):
    """It could not be sent."""

    parcel: str


class Insured(Toy, type="toy.parcel.insured"):
    """It is insured."""


class Stamped(Toy, type="toy.parcel.stamped"):
    """It has a stamp."""


class Arrived(Toy, type="toy.parcel.arrived", ends="succeeded"):
    """It has arrived, and all that sending it caused has ended."""


class Noted(Toy, type="toy.note.written"):
    """A follower took note."""


class Stalled(Toy, type="toy.parcel.stalled"):
    """Nothing happened to it for an hour."""


class Echoed(Toy, type="toy.echo.heard"):
    """An echo, which is heard again."""


@fold(Ordered)
def order(db: Connection, event: Ordered) -> None:
    at = event.recorded
    row = {"id": event.parcel, "stream": at.stream, "flow": at.flow, "state": "ordered", "steps": 1}
    db.execute(insert(parcels).values(**row))


@fold(Packed, Sent, Insured, Stamped, Arrived, SendingFailed, Stalled)
def step(db: Connection, event: Toy) -> None:
    state = event.type.split(".")[2]
    db.execute(
        update(parcels)
        .where(parcels.c.id == event.parcel)
        .values(state=state, steps=parcels.c.steps + 1, deadline_at=None)
    )


@deadline(parcels)
def expire(_db: Connection, row: object, _now: object) -> Signal:
    return Stalled(parcel=row.id).within(row.flow, None)


def _obey(name: str) -> None:
    if name in trouble:
        trouble[name]()


@action()
def pack(event: Ordered) -> Packed | None:
    """Pack it."""
    _obey("pack")
    assert current().db is not None
    return Packed(parcel=event.parcel)


@action(service="post", fails_with=SendingFailed, attempts=3, stage="post")
def send(event: Packed) -> Sent:
    """Send it; the post sees the same key however often we call."""
    _obey("send")
    effects[current().idempotency_key] += 1
    return Sent(parcel=event.parcel)


@action(service="insurer")
def insure(event: Sent) -> Callable[[], Insured]:
    """Insure it; the decision is made in the result's transaction."""
    _obey("insure")
    return lambda: Insured(parcel=event.parcel)


@action()
def stamp(event: Insured) -> Stamped:
    """Stamp it."""
    _obey("stamp")
    return Stamped(parcel=event.parcel)


@action()
def arrive(event: Sent) -> Arrived:
    """Let it arrive."""
    return Arrived(parcel=event.parcel)


@action(service="paper")
def note(event: Arrived | SendingFailed | ReactionDeadLettered) -> Noted | None:
    """Take note, as a follower."""
    _obey("note")
    return Noted(parcel=event.parcel)


@action()
def echo(event: Echoed) -> Echoed:
    """Hear it again, for ever."""
    return Echoed(parcel=event.parcel)


def declare(how: Mapping[str, How] = MappingProxyType({})) -> Listeners:
    """The toys' listeners, instead of those of the platform; `how` says more of some, by their action."""
    on(Ordered, do=pack)
    on(Packed, do=send, **how.get("send", {}))
    on(Sent, do=insure, **how.get("insure", {}))
    on(Insured, do=stamp, when={"parcel": ["a", "b", "c"]})
    on(settled(Sent, within=3600), do=arrive)
    follow(Arrived | SendingFailed, do=note, **how.get("note", {}))
    on(Echoed, do=echo)
    return LISTENERS


def permanent() -> None:
    raise PermanentError(
        "no_such_address", "there is no such address", "Look it up.", evidence={"street": "?"}
    )


def retryable() -> None:
    raise RetryableError("post_closed", "the post is closed", "Wait.")


def bug() -> None:
    raise ZeroDivisionError("nobody thought of this")
