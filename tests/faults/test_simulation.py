"""The simulation itself: it finds a race that was planted, shrinks it, and does exactly the same again."""

import os
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import ModuleType

import pytest
from sqlalchemy import Engine, select

from app.engine import reading, recording
from app.engine.tables import events
from tests.faults.replayed import replay
from tests.fixtures.databases import empty
from tests.fixtures.schedules import Plan, explore
from tests.fixtures.simulation import KINDS, Simulation

ROOT = Path(__file__).parents[2]
SEED = 17
PIECES, ORDERS = 1, "ab"
SEEDS = range(20)
one_database = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)


class SoldTwice(Exception):
    """What the planted mistake leads to."""


def place(shop: ModuleType, order: str) -> None:
    with recording("token:me") as work:
        work.record(shop.Placed(item="lamp", order=order))


def trade(shop: ModuleType, simulation: Simulation, seed: int | None, plan: Plan | None = None) -> None:
    """Two people want the last lamp."""
    simulation.restart()
    with recording() as work:
        work.record(shop.Filled(item="lamp", pieces=PIECES))
    with simulation.telling():
        simulation.drain(seed, plan=plan, arrivals=[partial(place, shop, order) for order in ORDERS])
        with reading() as db:
            told = list(db.execute(select(events.c.type).where(events.c.type.like("toy.order.%"))).scalars())
        assert told.count("toy.order.sold") + told.count("toy.order.refused") == len(ORDERS)
        if told.count("toy.order.sold") > PIECES:
            raise SoldTwice("sold what was not there")


def fails(trade_once: Callable[[], None]) -> bool:
    try:
        trade_once()
    except SoldTwice:
        return True
    return False


@pytest.mark.parametrize("mistaken", [True, False], ids=["mistaken", "mended"])
def test_seeds_find_the_planted_race_and_pass_its_mended_twin(
    play: Callable[[str], ModuleType], simulation: Simulation, engine: Engine, mistaken: bool
) -> None:
    shop = play("tests.faults.planted")
    shop.declare(mistaken=mistaken)
    found = []
    for seed in SEEDS:
        empty(engine)
        if fails(partial(trade, shop, simulation, seed)):
            found.append(seed)
    print(found)
    assert bool(found) == mistaken, found
    if mistaken:
        empty(engine)
        assert fails(partial(trade, shop, simulation, found[0]))  # it does the same again


@one_database
def test_hypothesis_finds_the_planted_race_and_shrinks_it_to_few_decisions(
    play: Callable[[str], ModuleType], simulation: Simulation, engine: Engine
) -> None:
    shop = play("tests.faults.planted")
    shop.declare(mistaken=True)
    tried: list[Plan] = []

    def run(plan: Plan) -> None:
        tried.append(plan)
        empty(engine)
        trade(shop, simulation, None, plan)

    with pytest.raises(SoldTwice) as found:
        explore(run, KINDS, places=8, examples=300)
    print(len(tried), tried[-1])
    print(found.value.__notes__)
    assert len(tried[-1]) <= 3


def test_a_seed_does_exactly_the_same_again_here_and_in_another_process(
    simulation: Simulation, engine: Engine, configure: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    told = []
    for _ in range(2):
        empty(engine)
        told.append(replay(simulation, monkeypatch, SEED))
    empty(engine)
    url = engine.url.render_as_string(hide_password=False)
    elsewhere = subprocess.run(
        [sys.executable, "-m", "tests.faults.replayed", str(SEED)],
        cwd=ROOT, env={**os.environ, "DATABASE_URL": url, "PYTHONHASHSEED": "7"},
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert elsewhere.returncode == 0, elsewhere.stderr
    assert told[0] == told[1]
    assert elsewhere.stdout.splitlines()[-len(told[0]) :] == told[0]
    for thing in ("CRASH", "swept", "= done", "+ site.deploy"):
        assert any(thing in line for line in told[0])
