"""The Celery application of the benchmarks: four trivial steps through the engine, and as a plain Celery
chain.
"""

from celery import Celery

from app.engine import Signal, action, on
from app.engine.queue import get_celery, redis_client
from app.engine.workers import register_tasks

#: Where finished chains are counted, in the broker.
CHAINS = "bench:chains"


class Step(Signal):
    """A step of the measured flow."""

    run: str

    @property
    def stream(self) -> str:
        """One stream per flow: nothing waits for anything else."""
        return f"/bench/{self.run}"


class Begun(Step, type="bench.flow.begun", starts="bench"):
    """A flow of inner steps begins."""


class First(Step, type="bench.first.done"):
    """The first step was done."""


class Second(Step, type="bench.second.done"):
    """The second step was done."""


class Third(Step, type="bench.third.done"):
    """The third step was done."""


class Fourth(Step, type="bench.fourth.done", ends="succeeded"):
    """The last step was done."""


class OuterBegun(Step, type="bench.outer_flow.begun", starts="bench"):
    """A flow of outer steps begins."""


class OuterFirst(Step, type="bench.outer_first.done"):
    """The first outer step was done."""


class OuterSecond(Step, type="bench.outer_second.done"):
    """The second outer step was done."""


class OuterThird(Step, type="bench.outer_third.done"):
    """The third outer step was done."""


class OuterFourth(Step, type="bench.outer_fourth.done", ends="succeeded"):
    """The last outer step was done."""


@action()
def first(event: Begun) -> First:
    """Do nothing, once."""
    return First(run=event.run)


@action()
def second(event: First) -> Second:
    """Do nothing, twice."""
    return Second(run=event.run)


@action()
def third(event: Second) -> Third:
    """Do nothing, three times."""
    return Third(run=event.run)


@action()
def fourth(event: Third) -> Fourth:
    """Do nothing, four times."""
    return Fourth(run=event.run)


@action(service="nothing")
def outer_first(event: OuterBegun) -> OuterFirst:
    """Touch nothing, once."""
    return OuterFirst(run=event.run)


@action(service="nothing")
def outer_second(event: OuterFirst) -> OuterSecond:
    """Touch nothing, twice."""
    return OuterSecond(run=event.run)


@action(service="nothing")
def outer_third(event: OuterSecond) -> OuterThird:
    """Touch nothing, three times."""
    return OuterThird(run=event.run)


@action(service="nothing")
def outer_fourth(event: OuterThird) -> OuterFourth:
    """Touch nothing, four times."""
    return OuterFourth(run=event.run)


on(Begun, do=first)
on(First, do=second)
on(Second, do=third)
on(Third, do=fourth)
on(OuterBegun, do=outer_first)
on(OuterFirst, do=outer_second)
on(OuterSecond, do=outer_third)
on(OuterThird, do=outer_fourth)

celery: Celery = get_celery()
register_tasks(celery)
chains = redis_client()


@celery.task(name="plain.step")  # type: ignore[untyped-decorator]  # celery ships no types
def step(number: int) -> int:
    """One link of the plain chain."""
    return number + 1


@celery.task(name="plain.last")  # type: ignore[untyped-decorator]  # celery ships no types
def last(number: int) -> int:
    """The last link, which counts itself: a chain that stores nothing leaves no other trace."""
    chains.incr(CHAINS)
    return number
