"""Stalls: a flow in which nothing happens for an hour is told, once, and so is that it goes on. What waits
for its time has not stalled.
"""

from collections.abc import Callable
from datetime import timedelta
from types import ModuleType

import pytest

from app.engine import follow, now, on
from app.engine.database import writing
from app.engine.facts import FlowStalled
from app.engine.queue import lease
from app.engine.reactions import RESEND_LONGEST
from app.engine.sweep import sweep
from app.engine.tables import flows, reactions
from app.errors import RetryableError
from tests.fixtures.simulation import Simulation
from tests.integration.engine.looking import flow_row, rows_of, story

HOUR = timedelta(hours=1)
MOMENT = timedelta(milliseconds=1)


def call(lines: ModuleType, number: int = 1) -> str:
    return lines.record(lines.Called(number=number))


def told(flow: str) -> list[tuple[str, int]]:
    """What was said of a flow: that it stalled for so long, or went on after so long."""
    of_flow = [event for event in story(flow) if event.type.startswith("platform.flow.")]
    return [
        (event.type.rpartition(".")[2], event.data.get("age_s", event.data.get("after_s")))
        for event in of_flow
    ]


def pass_by(simulation: Simulation, time: timedelta) -> None:
    """Let time pass in which nobody takes messages."""
    simulation.wait(time)
    sweep()
    simulation.messages.clear()


def test_an_hour_without_anything_is_told_once_with_what_it_waits_for(
    lines: ModuleType, simulation: Simulation
) -> None:
    lines.in_line()
    flow = lines.record(lines.Called(number=1), lines.Called(number=2))
    pass_by(simulation, HOUR - MOMENT)
    assert told(flow) == []
    pass_by(simulation, MOMENT)
    assert told(flow) == [("stalled", 3600)]
    for _ in range(5):
        pass_by(simulation, 3 * HOUR)
    assert told(flow) == [("stalled", 3600)]
    event = story(flow)[-1]
    first, second = rows_of(reactions)
    assert event.data["waiting_on"] == [
        {"id": first.id, "action": "toy_lines.answer", "state": "ready", "waits_for": None, "key": "a"},
        {"id": second.id, "action": "toy_lines.answer", "state": "waiting", "waits_for": "key", "key": "a"},
    ]
    failure = event.data["failure"]
    assert (failure["code"], failure["stage"]) == ("stage_timeout", "flow")
    assert failure["message"] == "Nothing has happened for 60 minutes; open: toy_lines.answer."
    assert failure["hint"]
    assert (event.stream, event.flow, event.cause) == ("/lines/1", flow, flow)
    assert flow_row(flow).state == "running"


def test_that_it_goes_on_is_told_and_so_is_another_stall(lines: ModuleType, simulation: Simulation) -> None:
    lines.in_line()
    flow = lines.record(lines.Called(number=1), lines.Called(number=2), lines.Called(number=3))
    pass_by(simulation, HOUR)
    pass_by(simulation, HOUR)
    sweep()
    pass_by(simulation, timedelta(minutes=5))
    simulation.wait(timedelta(seconds=RESEND_LONGEST))
    sweep()
    simulation.deliver()
    simulation.messages.clear()
    sweep()
    assert [what for what, _ in told(flow)] == ["stalled", "recovered"]
    assert told(flow)[1][1] == pytest.approx(7800, abs=1)
    pass_by(simulation, HOUR)
    pass_by(simulation, HOUR)
    assert told(flow)[2:] == [("stalled", 3600)]
    simulation.drain()
    assert [what for what, _ in told(flow)] == ["stalled", "recovered"] * 2
    assert flow_row(flow).deadline_at is None


def test_as_much_may_end_as_begins_and_it_is_told(lines: ModuleType, simulation: Simulation) -> None:
    lines.in_line()
    on(lines.Rang, do=lines.answer, name="toy:again", when={"number": [1]}, after=9 * 3600)
    flow = call(lines)
    pass_by(simulation, HOUR)
    simulation.wait(timedelta(seconds=RESEND_LONGEST))
    sweep()
    simulation.deliver()  # one has ended, and one begun
    assert flow_row(flow).open == 1
    sweep()
    assert [what for what, _ in told(flow)] == ["stalled", "recovered"]


def waits_for_a_retry(lines: ModuleType, simulation: Simulation) -> str:
    def closed() -> None:
        raise RetryableError("line_busy", "the line is busy")

    lines.trouble[1] = closed
    on(lines.Called, do=lines.answer)
    flow = call(lines)
    simulation.deliver()
    with writing() as db:
        later = rows_of(reactions)[0].created_at + 5 * HOUR
        db.execute(reactions.update().values(due_at=later, wake_at=later))
    return flow


def waits_for_its_time(lines: ModuleType, _simulation: Simulation) -> str:
    on(lines.Called, do=lines.answer, after=5 * 3600)
    return call(lines)


def waits_for_an_event(lines: ModuleType, _simulation: Simulation) -> str:
    lines.waits(within=5 * 3600, otherwise=lines.Missed)
    on(lines.Missed, do=lines.regret)
    return lines.record(lines.Placed())


@pytest.mark.parametrize("begin", [waits_for_a_retry, waits_for_its_time, waits_for_an_event])
def test_what_will_go_on_by_itself_has_not_stalled_until_an_hour_after(
    lines: ModuleType, simulation: Simulation, begin: Callable[[ModuleType, Simulation], str]
) -> None:
    flow = begin(lines, simulation)
    simulation.messages.clear()
    for _ in range(5):
        pass_by(simulation, HOUR)
        assert told(flow) == []
    pass_by(simulation, HOUR - MOMENT)
    assert told(flow) == []
    pass_by(simulation, MOMENT)
    assert told(flow) == [("stalled", 3600)]


def test_what_is_at_work_has_not_stalled_until_an_hour_after_its_worker_is_gone(
    lines: ModuleType, simulation: Simulation
) -> None:
    on(lines.Called, do=lines.answer)
    flow = call(lines)
    for _ in range(5):
        simulation.clock.shift(HOUR)
        with writing() as db:  # as a claim did five hours ago, and a heartbeat now
            db.execute(reactions.update().values(state="running", attempt=1, wake_at=now() + lease()))
        pass_by(simulation, timedelta(0))
    pass_by(simulation, lease() + MOMENT)
    pass_by(simulation, HOUR - MOMENT)
    assert told(flow) == []
    pass_by(simulation, HOUR)
    assert told(flow) == [("stalled", pytest.approx(2 * 3600, abs=1))]


def test_a_long_wait_that_is_over_does_not_hide_what_stalls_then(
    lines: ModuleType, simulation: Simulation
) -> None:
    lines.waits(within=30 * 24 * 3600)
    flow = lines.record(lines.Placed())
    pass_by(simulation, 24 * HOUR)
    lines.record(lines.Paid())
    simulation.messages.clear()
    pass_by(simulation, HOUR - MOMENT)
    assert told(flow) == []
    pass_by(simulation, MOMENT)
    assert told(flow) == [("stalled", 3600)]


def test_whoever_follows_the_stall_does_not_end_it(lines: ModuleType, simulation: Simulation) -> None:
    lines.in_line()
    follow(FlowStalled, do=lines.tell)
    flow = call(lines)
    pass_by(simulation, HOUR)
    sweep()
    simulation.wait(timedelta(seconds=RESEND_LONGEST))
    sweep()
    simulation.messages = [each for each in simulation.messages if each.action == "toy_lines.tell"]
    simulation.deliver()
    pass_by(simulation, HOUR)
    assert told(flow) == [("stalled", 3600)]


def test_one_that_a_clock_that_was_ahead_has_put_off_is_looked_at_all_the_same(
    lines: ModuleType, simulation: Simulation
) -> None:
    lines.in_line()
    flow = call(lines)
    with writing() as db:
        db.execute(flows.update().values(deadline_at=now() + timedelta(days=365)))
    for _ in range(3):
        pass_by(simulation, HOUR)
    assert [what for what, _ in told(flow)] == ["stalled"]


def test_one_that_ends_right_after_the_clock_was_set_is_told_at_once(
    lines: ModuleType, simulation: Simulation
) -> None:
    lines.in_line()
    flow = call(lines)
    pass_by(simulation, HOUR)
    pass_by(simulation, HOUR)
    with writing() as db:
        db.execute(reactions.update().values(wake_at=now()))
    sweep()
    simulation.jump(timedelta(days=40))
    simulation.deliver()
    assert flow_row(flow).open == 0
    sweep()
    assert [what for what, _ in told(flow)] == ["stalled", "recovered"]


def test_a_flow_that_has_ended_is_not_looked_at(lines: ModuleType, simulation: Simulation) -> None:
    lines.in_line()
    flow = call(lines)
    simulation.drain()
    assert rows_of(flows)[0].deadline_at is None
    pass_by(simulation, 5 * HOUR)
    assert told(flow) == []
