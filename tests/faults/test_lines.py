"""Lines and limits through chaos: for any seed nobody overtakes, and never are too many at work."""

from collections import Counter
from collections.abc import Callable
from functools import partial
from types import ModuleType

import pytest
from sqlalchemy import Engine

from app.engine import recording
from app.engine.tables import events, flows, reactions
from tests.fixtures.databases import empty
from tests.fixtures.schedules import Plan, explore, seeds
from tests.fixtures.simulation import KINDS, Simulation
from tests.integration.engine.looking import rows_of

SEEDS = seeds(range(2), every=10)
ORDERS = [(part, number) for number in range(1, 4) for part in ("leg", "top", "arm")]


@pytest.fixture
def workshop(play: Callable[[str], ModuleType]) -> ModuleType:
    world = play("tests.faults.lines")
    world.declare()
    return world


def order(world: ModuleType, part: str, number: int) -> None:
    with recording("token:me") as work:
        work.record(world.Ordered(part=part, number=number))


def one_run(world: ModuleType, simulation: Simulation, engine: Engine, **how: object) -> None:
    empty(engine)
    simulation.restart()
    world.wrong.clear()
    with simulation.telling():
        simulation.drain(arrivals=[partial(order, world, *each) for each in ORDERS], **how)
        assert not world.wrong
        told = sorted(rows_of(events), key=lambda row: row.serial)
        for part in ("leg", "top", "arm"):
            numbers = {
                kind: [row.data["number"] for row in told if row.type == kind and row.data["part"] == part]
                for kind in ("toy.work.ordered", "toy.work.made", "toy.work.printed")
            }
            assert numbers["toy.work.made"] == numbers["toy.work.ordered"]  # in the order of their coming
            assert sorted(numbers["toy.work.printed"]) == [1, 2, 3]
        assert {(row.state, row.open) for row in rows_of(flows)} == {("succeeded", 0)}
        assert Counter(row.state for row in rows_of(reactions)) == {"done": 2 * len(ORDERS)}


@pytest.mark.timeout(900)
def test_lines_keep_their_order_and_limits_hold_through_chaos(
    workshop: ModuleType, simulation: Simulation, engine: Engine
) -> None:
    crashes = 0
    for seed in SEEDS:
        one_run(workshop, simulation, engine, seed=seed, jumps=seed % 3 == 0)
        crashes += simulation.crashes
    assert crashes


def test_no_plan_breaks_a_line_or_a_limit(
    workshop: ModuleType, simulation: Simulation, engine: Engine
) -> None:
    def run(plan: Plan) -> None:
        one_run(workshop, simulation, engine, plan=plan)

    explore(run, KINDS, places=25, examples=6)
