"""A small world of lines, delays and waits: calls that are answered in their order, orders that wait for
their money.
"""

from collections.abc import Callable
from typing import Any

from sqlalchemy import func, select

from app.engine import Signal, action, awaited, current, follow, on, reading, recording
from app.engine.facts import FlowStalled
from app.engine.tables import reactions

#: What the outside saw: the line and the number of each call that was answered.
seen: list[tuple[str, int]] = []
#: How many of a line were at work then.
crowd: list[int] = []
#: What awaiting actions were told: (order, the signal that ended the wait).
told: list[tuple[Any, Signal | None]] = []
#: What the call of a number does first.
trouble: dict[int, Callable[[], None]] = {}


class _OfLine(Signal):
    line: Any = "a"
    number: int = 0
    #: The stream, where it is another than the usual.
    at: str = "1"

    @property
    def stream(self) -> str:
        return f"/lines/{self.at}"


class Called(_OfLine, type="toy.call.made", starts="call"):
    """Somebody calls."""


class Rang(_OfLine, type="toy.call.rang"):
    """A bell rang for a call."""


class Placed(_OfLine, type="toy.order.placed", starts="order"):
    """Somebody orders."""


class Paid(_OfLine, type="toy.order.paid"):
    """The money is here."""


class Given(_OfLine, type="toy.order.given"):
    """It is for free."""


class Missed(Signal, type="toy.payment.missed", ends="failed"):
    """No money came."""

    line: Any
    number: int
    why: str = "no money came"


class Thanked(Signal, type="toy.order.thanked"):
    """Money came for an order."""

    number: int


@action(service="telephone", attempts=9)
def answer(event: Called | Rang) -> Rang:
    """Answer a call."""
    seen.append((f"{event.at} {event.line}", event.number))
    with reading() as db:
        line = (reactions.c.action == "toy_lines.answer", reactions.c.stream == event.stream)
        busy = select(func.count()).where(*line, reactions.c.state == "running").group_by(reactions.c.key)
        crowd.extend(db.execute(busy).scalars())
    if event.number in trouble:
        trouble[event.number]()
    return Rang(line=event.line, number=event.number, at=event.at)


@action(service="post")
def thank(event: Placed) -> Thanked:
    """Thank for the money."""
    told.append((event.number, current().awaited))
    return Thanked(number=event.number)


@action()
def book(event: Placed) -> Thanked:
    """Book the money."""
    told.append((event.number, current().awaited))
    return Thanked(number=event.number)


@action()
def regret(event: Missed) -> None:
    """Regret that no money came."""


@action(service="paper")
def tell(event: FlowStalled) -> None:
    """Tell somebody of a flow that stalls."""


def forget() -> None:
    """Nothing was seen yet, and nothing goes wrong."""
    for each in (seen, crowd, told, trouble):
        each.clear()


def in_line(on_dead: str = "skip") -> Any:
    return on(Called, do=answer, key="line", on_dead=on_dead)


def followed_in_line() -> Any:
    return follow(Called, do=answer, key="line")


def waits(do: Any = thank, within: float = 3600, otherwise: Any = Missed, **how: Any) -> Any:
    return on(
        awaited(Placed, until=Paid | Given, by="line", within=within, otherwise=otherwise), do=do, **how
    )


def record(*signals: Signal) -> str:
    """Record signals in one transaction; their flow."""
    with recording("token:me") as work:
        for signal in signals:
            flow = work.record(signal).flow
    return flow
