"""The engine through chaos: for any seed, everything ends, nothing is lost and nothing happens twice."""

from collections import Counter
from datetime import timedelta
from functools import partial
from types import ModuleType

import pytest
from sqlalchemy import Engine, select

from app.engine import log, reading, recording
from app.engine.actions import BACKOFF_LONGEST
from app.engine.reactions import RESEND_LONGEST
from app.engine.rebuild import verify
from app.engine.tables import events, flows, reactions, scopes
from tests.fixtures.databases import empty
from tests.fixtures.schedules import Plan, explore, seeds
from tests.fixtures.simulation import KINDS, Simulation

SEEDS = seeds(range(16))
BLOCKS = 4
#: Seconds until something that nobody holds is looked at again.
LONGEST_WAIT = timedelta(seconds=max(RESEND_LONGEST, BACKOFF_LONGEST))
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


def one_run(toys: ModuleType, simulation: Simulation, engine: Engine, **how: object) -> None:
    empty(engine)
    toys.effects.clear()
    simulation.restart()
    with simulation.telling():
        simulation.drain(arrivals=[partial(_order, toys, parcel) for parcel in "abc"], **how)
        check_world(toys)


@pytest.mark.parametrize("block", range(BLOCKS))
def test_any_order_any_crash_any_loss_ends_the_same(
    toys: ModuleType, simulation: Simulation, engine: Engine, block: int
) -> None:
    crashes = pauses = 0
    for seed in SEEDS[block::BLOCKS]:
        one_run(toys, simulation, engine, seed=seed)
        crashes += simulation.crashes
        pauses += simulation.pauses
    assert crashes > len(SEEDS) / BLOCKS
    assert pauses


@pytest.mark.parametrize(
    ("plan", "told"),
    [
        ({("pause outer.after_effect", 0): 1}, ["is frozen", "'expired': 1", "wakes", "= lost"]),
        ({("repeat", 0): 1, ("overlap claim.after_commit", 0): 1}, [". = not there", "+ toy.parcel.packed"]),
        ({("hold up", 0): 1}, ["held up toys.pack", "+ toy.parcel.packed", "toys.pack 0002", "= not there"]),
        ({("lose", 0): 1}, ["lost toys.pack", "swept {", "toys.pack 0002", "+ toy.parcel.packed"]),
        ({("crash outer.after_effect", 0): 1}, ["CRASH at outer", "'expired': 1}", "+ toy.parcel.sent"]),
    ],
    ids=["a frozen worker", "two workers at once", "much too late", "a lost message", "a killed worker"],
)
def test_a_trouble_takes_its_course(
    toys: ModuleType, simulation: Simulation, engine: Engine, plan: Plan, told: list[str]
) -> None:
    one_run(toys, simulation, engine, plan=plan)
    lines = iter(simulation.trace)
    missing = [what for what in told if not any(what in line for line in lines)]  # in this order
    assert not missing, simulation.story()


def test_no_plan_makes_it_end_otherwise(toys: ModuleType, simulation: Simulation, engine: Engine) -> None:
    explore(lambda plan: one_run(toys, simulation, engine, plan=plan), KINDS, places=20, examples=15)


def test_a_clock_that_jumps_loses_nothing_repeats_nothing_and_holds_nothing_up(
    toys: ModuleType, simulation: Simulation, engine: Engine
) -> None:
    jumps = 0
    for seed in SEEDS[:5]:
        one_run(toys, simulation, engine, seed=seed, jumps=True)
        assert simulation.longest <= LONGEST_WAIT, simulation.story()
        jumps += sum("the clock jumps" in line for line in simulation.trace)
    assert jumps
