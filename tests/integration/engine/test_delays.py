"""Delays: a reaction that is to come later comes then, from the database alone, and not before."""

from datetime import timedelta
from functools import partial
from types import ModuleType

import pytest
from sqlalchemy import Engine

from app.engine import now, on, reading, views
from app.engine.actions import ACTIONS
from app.engine.database import get_engine
from app.engine.running import NOT_THERE, run
from app.engine.sweep import sweep
from app.engine.tables import events, flows, reactions
from tests.fixtures.databases import empty
from tests.fixtures.schedules import seeds
from tests.fixtures.simulation import Simulation
from tests.integration.engine.looking import flow_row, rows_of

HOUR = timedelta(hours=1)
MOMENT = timedelta(milliseconds=1)


def call(lines: ModuleType, number: int = 1) -> str:
    return lines.record(lines.Called(number=number))


def test_it_comes_when_its_time_has_come_and_not_before(lines: ModuleType, simulation: Simulation) -> None:
    on(lines.Called, do=lines.answer, after=3600)
    flow = call(lines)
    [row] = rows_of(reactions)
    assert (row.state, row.waits_for, row.due_at - now()) == ("waiting", "delay", HOUR)
    assert simulation.messages == []
    assert run(ACTIONS["toy_lines.answer"], row.id) == NOT_THERE  # whoever sends it
    with reading() as db:
        assert views.get_flow(db, flow).state == "waiting"
    simulation.clock.shift(HOUR - MOMENT)
    sweep()
    assert simulation.messages == []
    simulation.clock.shift(MOMENT)
    sweep()
    simulation.deliver()
    assert lines.seen == [("1 a", 1)]
    assert (flow_row(flow).state, flow_row(flow).open) == ("succeeded", 0)


@pytest.mark.parametrize("do", ["thank", "book"])
def test_it_comes_late_when_its_time_came_while_nobody_was_there(
    lines: ModuleType, simulation: Simulation, do: str
) -> None:
    on(lines.Placed, do=getattr(lines, do), after=3600)
    lines.record(lines.Placed(number=1))
    simulation.messages.clear()
    get_engine().dispose()
    simulation.clock.shift(timedelta(days=2))
    simulation.drain()
    assert lines.told == [(1, None)]


def test_a_clock_that_is_set_forward_brings_it_early_and_back_brings_it_once(
    lines: ModuleType, simulation: Simulation
) -> None:
    on(lines.Called, do=lines.answer, after=3600)
    call(lines)
    simulation.jump(timedelta(days=40))
    sweep()
    simulation.jump(-timedelta(days=40))
    simulation.drain()
    assert lines.seen == [("1 a", 1)]
    assert {row.state for row in rows_of(flows)} == {"succeeded"}


SEEDS = seeds(range(8))


@pytest.mark.parametrize("jumps", [False, True])
def test_no_crash_or_loss_brings_it_twice_or_early(
    lines: ModuleType, simulation: Simulation, engine: Engine, jumps: bool
) -> None:
    on(lines.Called, do=lines.answer, after=3600)
    for seed in SEEDS:
        empty(engine)
        lines.forget()
        simulation.restart()
        simulation.drain(seed, arrivals=[partial(call, lines, number) for number in range(4)], jumps=jumps)
        with simulation.telling():
            came = {row.data["number"]: row for row in rows_of(events, type="toy.call.made")}
            rang = rows_of(events, type="toy.call.rang")
            assert sorted(row.data["number"] for row in rang) == list(range(4))
            assert {row.state for row in rows_of(reactions)} == {"done"}
            if not jumps:
                assert all(row.time - came[row.data["number"]].time >= HOUR for row in rang)
