"""The engine through chaos: for any seed, everything ends, nothing is lost and nothing happens twice."""

from collections import Counter
from functools import partial
from types import ModuleType

import pytest
from sqlalchemy import Engine, select

from app.engine import log, reading, recording
from app.engine.rebuild import verify
from app.engine.tables import events, flows, reactions, scopes
from tests.fixtures.databases import empty
from tests.fixtures.simulation import Simulation

EXPECTED = Counter(
    ["ordered", "packed", "sent", "insured", "stamped", "arrived"],
)


def _order(toys: ModuleType, parcel: str) -> None:
    with recording() as work:
        work.record(toys.Ordered(parcel=parcel))


def check_world(toys: ModuleType) -> None:
    log.catch_up()
    with reading() as db:
        stories = {flow: log.read_flow(db, flow) for flow in db.execute(select(flows.c.id)).scalars()}
        ended = db.execute(select(flows.c.state, flows.c.open)).all()
        states = Counter(db.execute(select(reactions.c.state)).scalars())
        left = db.execute(select(scopes.c.open, scopes.c.waiting)).all()
        places = list(db.execute(select(events.c.position).order_by(events.c.position)).scalars())
    assert {tuple(row) for row in ended} == {("succeeded", 0)}
    assert set(states) == {"done"}
    assert {(row.open, tuple(row.waiting)) for row in left} == {(0, ())}
    for story in stories.values():
        kinds = Counter(event.type.split(".")[2] for event in story if event.type.startswith("toy.parcel"))
        assert kinds == EXPECTED
        assert [event.sequence for event in story] == list(range(1, len(story) + 1))
        ids = {event.id for event in story}
        assert all(event.cause in ids for event in story if event.cause)
    assert places == list(range(1, len(places) + 1))
    assert len(toys.effects) == len(stories)  # a repeat carries the same idempotency key
    assert not verify()


@pytest.mark.parametrize("block", range(4))
def test_any_order_any_crash_any_loss_ends_the_same(
    toys: ModuleType, simulation: Simulation, engine: Engine, block: int
) -> None:
    crashes = 0
    for seed in range(block * 10, block * 10 + 10):
        empty(engine)
        toys.effects.clear()
        simulation.restart()
        simulation.drain(seed, arrivals=[partial(_order, toys, parcel) for parcel in "abc"])
        try:
            check_world(toys)
        except AssertionError as error:
            raise AssertionError(f"seed {seed}") from error
        crashes += simulation.crashes
    assert crashes > 40
