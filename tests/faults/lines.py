"""A workshop with orders in line, few benches and a slow printer: keys and limits, watched from inside."""

from sqlalchemy import func, select

from app.engine import Signal, action, current, on, reading
from app.engine.tables import events, reactions
from app.errors import RetryableError

BENCHES, PER_SECOND = 2, 2.0

#: What an action has seen that must not be.
wrong: list[str] = []


class Work(Signal):
    part: str
    number: int

    @property
    def stream(self) -> str:
        return f"/parts/{self.part}"

    @property
    def label(self) -> str:
        return f"{self.part} {self.number}"


class Ordered(Work, type="toy.work.ordered", starts="work"):
    """Somebody wants it made."""


class Made(Work, type="toy.work.made"):
    """It is made."""


class Printed(Work, type="toy.work.printed", ends="succeeded"):
    """Its paper is printed."""


def _watch(limit: int) -> None:
    with reading() as db:
        mine = db.execute(select(reactions).where(reactions.c.id == current().reaction_id)).one()
        same = reactions.c.listener == mine.listener
        working = db.execute(select(func.count()).where(same, reactions.c.state == "running")).scalar_one()
        serial = select(events.c.serial).where(events.c.id == mine.event).scalar_subquery()
        ahead = select(reactions.c.id).join(events, events.c.id == reactions.c.event)
        ahead = ahead.where(same, reactions.c.key == mine.key, reactions.c.state != "done")
        before = db.execute(ahead.where(events.c.stream == mine.stream, events.c.serial < serial)).all()
    if working > limit:
        wrong.append(f"{working} at work, {limit} may be: {mine.label}")
    if before and mine.key:
        wrong.append(f"{mine.label} began before {len(before)} that stand before it")


@action(service="bench", attempts=10)
def make(event: Ordered) -> Made:
    """Make it, in the order of the orders for the same part."""
    _watch(BENCHES)
    if event.number % 3 == 0 and current().attempt == 1:
        raise RetryableError("tool_broke", "the tool broke", "Wait.")
    return Made(part=event.part, number=event.number)


@action(service="printer", attempts=10)
def print_paper(event: Made) -> Printed:
    """Print one paper at a time."""
    _watch(1)
    return Printed(part=event.part, number=event.number)


def declare() -> None:
    """What leads to what."""
    on(Ordered, do=make, key="part", at_once=BENCHES)
    on(Made, do=print_paper, at_once=1, rate=PER_SECOND)
