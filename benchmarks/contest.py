"""The contestants: each starts a number of flows (or chains) and returns when the last has ended."""

import time
from collections.abc import Callable
from uuid import uuid4

from celery import chain
from sqlalchemy import func, select

from app.engine import metadata, reading, recording
from app.engine.database import get_engine
from app.engine.tables import flows
from benchmarks.flows import CHAINS, Begun, OuterBegun, Step, celery, last, step
from benchmarks.flows import chains as counter

__all__ = ["celery", "chains", "inner_flows", "outer_flows", "prepare"]

GIVE_UP_SECONDS = 300


def prepare() -> None:
    """Make the tables, from nothing."""
    metadata.drop_all(get_engine())
    metadata.create_all(get_engine())


def chains(count: int) -> None:
    """Plain Celery: four tasks one after the other, nothing stored."""
    before = int(str(counter.get(CHAINS) or 0))
    for _ in range(count):
        chain(step.s(0), step.s(), step.s(), last.s()).apply_async()
    _wait(lambda: int(str(counter.get(CHAINS) or 0)) >= before + count)


def inner_flows(count: int) -> None:
    """The engine: four inner actions."""
    _flows(Begun, count)


def outer_flows(count: int) -> None:
    """The engine: four outer actions, each with its claim and its lease."""
    _flows(OuterBegun, count)


def _flows(first: type[Step], count: int) -> None:
    ended = select(func.count()).select_from(flows).where(flows.c.state == "succeeded")
    with reading() as db:
        before = db.execute(ended).scalar_one()
    for _ in range(count):
        with recording() as log:
            log.record(first(run=uuid4().hex))
    _wait(lambda: _count(ended) >= before + count)


def _count(query: object) -> int:
    with reading() as db:
        return int(db.execute(query).scalar_one())  # type: ignore[call-overload]


def _wait(done: Callable[[], bool]) -> None:
    give_up = time.monotonic() + GIVE_UP_SECONDS
    while not done():
        if time.monotonic() > give_up:
            raise TimeoutError(f"not all flows had ended after {GIVE_UP_SECONDS} s")
        time.sleep(0.01)
