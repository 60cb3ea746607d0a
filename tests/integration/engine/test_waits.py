"""Waits: a reaction to one event goes on when another comes, or its time is over; one of both, always."""

import threading
from datetime import timedelta
from functools import partial
from types import ModuleType
from typing import Any

import pytest
from sqlalchemy import Engine

from app.engine import now, on, reading, recording, settled, views
from app.engine.listeners import LISTENERS
from app.engine.rebuild import verify
from app.engine.redrive import redrive
from app.engine.signal import SIGNALS
from app.engine.sweep import sweep
from app.engine.tables import events, flows, reactions
from tests.fixtures.databases import empty
from tests.fixtures.schedules import seeds
from tests.fixtures.simulation import Simulation
from tests.integration.engine.looking import flow_row, rows_of, types_of

HOUR = timedelta(hours=1)
MOMENT = timedelta(milliseconds=1)


def place(lines: ModuleType, line: Any = "a", number: int = 1, at: str = "1") -> str:
    return lines.record(lines.Placed(line=line, number=number, at=at))


def pay(lines: ModuleType, line: Any = "a", at: str = "1", kind: str = "Paid") -> str:
    return lines.record(getattr(lines, kind)(line=line, at=at))


def states() -> list[tuple[str, str | None]]:
    return [(row.state, row.waits_for) for row in rows_of(reactions)]


WAITS, READY = ("waiting", "event"), ("ready", None)


@pytest.mark.parametrize("do", ["thank", "book"])
@pytest.mark.parametrize("kind", ["Paid", "Given"])
def test_it_goes_on_when_one_of_those_comes_and_is_told_which(
    lines: ModuleType, simulation: Simulation, do: str, kind: str
) -> None:
    lines.waits(getattr(lines, do))
    flow = place(lines)
    sweep()
    assert states() == [WAITS]
    assert (flow_row(flow).open, flow_row(flow).state) == (1, "running")
    simulation.clock.shift(HOUR / 2)
    pay(lines, kind=kind)
    assert [message.action for message in simulation.messages] == [f"toy_lines.{do}"]
    simulation.drain()
    [(number, signal)] = lines.told
    assert (number, type(signal)) == (1, getattr(lines, kind))
    assert types_of(flow) == ["toy.order.placed", "toy.order.thanked"]
    assert flow_row(flow).state == "succeeded"


def test_another_key_or_stream_ends_nothing_and_one_payment_ends_all_waits_of_its_key(
    lines: ModuleType, simulation: Simulation
) -> None:
    lines.waits()
    place(lines, number=1)
    place(lines, number=2)
    pay(lines, "b")
    pay(lines, at="2")
    assert states() == [WAITS, WAITS]
    pay(lines)
    simulation.drain()
    assert sorted(number for number, _ in lines.told) == [1, 2]


@pytest.mark.parametrize(
    ("before", "goes_on"),
    [(timedelta(0), True), (timedelta(minutes=5), True), (timedelta(minutes=5) + MOMENT, False)],
)
def test_what_came_shortly_before_counts_too(
    lines: ModuleType, simulation: Simulation, before: timedelta, goes_on: bool
) -> None:
    lines.waits()
    pay(lines, "b")
    pay(lines)
    pay(lines, "b")
    simulation.clock.shift(before)
    place(lines)
    assert states() == [READY if goes_on else WAITS]


def test_how_far_it_looks_back_can_be_said(lines: ModuleType, simulation: Simulation) -> None:
    lines.waits(look_back=0)
    lines.waits(lines.book, look_back=3600)
    pay(lines)
    simulation.clock.shift(HOUR / 2)
    place(lines)
    assert states() == [WAITS, READY]


@pytest.mark.parametrize("paid_first", [True, False])
def test_both_may_come_in_one_transaction(
    lines: ModuleType, simulation: Simulation, paid_first: bool
) -> None:
    lines.waits()
    both = [lines.Placed(number=1), lines.Paid(), lines.Paid(line="b")]
    lines.record(*(reversed(both) if paid_first else both))
    assert states() == [READY]
    simulation.drain()
    assert [(number, signal.type) for number, signal in lines.told] == [(1, "toy.order.paid")]


@pytest.mark.parametrize("down", [timedelta(0), timedelta(days=3)])
def test_when_nothing_comes_that_is_recorded_once(
    lines: ModuleType, simulation: Simulation, down: timedelta
) -> None:
    lines.waits()
    flow = place(lines, line={"deep": [1]}, number=7)
    simulation.clock.shift(HOUR - MOMENT)
    sweep()
    assert states() == [WAITS]
    simulation.clock.shift(MOMENT + down)
    sweep()
    sweep()
    assert types_of(flow).count("toy.payment.missed") == 1
    [told] = rows_of(events, type="toy.payment.missed")
    assert told.data == {"line": {"deep": [1]}, "number": 7, "why": "no money came"}
    [row] = rows_of(reactions)
    assert (row.state, row.outcome, row.waits_for, lines.told) == ("done", "timed_out", None, [])
    assert (flow_row(flow).state, flow_row(flow).open) == ("failed", 0)
    pay(lines, {"deep": [1]})
    simulation.drain()
    assert lines.told == []


def test_a_process_that_does_not_know_what_is_said_then_leaves_it_to_another(
    lines: ModuleType, simulation: Simulation, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines.waits()
    flow = place(lines)
    simulation.wait(HOUR + MOMENT)
    with monkeypatch.context() as older:
        older.delitem(SIGNALS, "toy.payment.missed")
        assert sweep().timed_out == 0
        assert sweep().timed_out == 0
    assert [row.state for row in rows_of(reactions)] == ["waiting"]
    simulation.drain()
    assert types_of(flow).count("toy.payment.missed") == 1


def test_without_a_signal_for_it_the_wait_is_skipped(lines: ModuleType, simulation: Simulation) -> None:
    lines.waits(otherwise=None)
    flow = place(lines)
    simulation.drain()
    [row] = rows_of(reactions)
    assert (row.state, row.outcome, flow_row(flow).state) == ("skipped", "timed_out", "succeeded")


@pytest.mark.parametrize(("late", "counts"), [(timedelta(0), True), (MOMENT, False)])
def test_what_counts_is_when_it_came_not_when_somebody_looked(
    lines: ModuleType, simulation: Simulation, late: timedelta, counts: bool
) -> None:
    lines.waits()
    flow = place(lines)
    simulation.clock.shift(HOUR + late)
    pay(lines)
    simulation.clock.shift(HOUR)
    simulation.drain()
    assert len(lines.told) == counts
    assert types_of(flow).count("toy.payment.missed") == (not counts)


def test_at_the_very_moment_of_its_end_exactly_one_of_both_happens(
    lines: ModuleType, simulation: Simulation
) -> None:
    lines.waits()
    for number in range(5):
        flow = place(lines, line=f"k{number}")
        simulation.clock.shift(HOUR)
        both = threading.Barrier(2)
        work = (sweep, partial(pay, lines, f"k{number}"))
        threads = [threading.Thread(target=lambda do=do, both=both: (both.wait(), do())) for do in work]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        simulation.drain()
        ends = [each for each in types_of(flow) if each != "toy.order.placed"]
        assert ends in (["toy.payment.missed"], ["toy.order.thanked"])


def test_what_a_process_recorded_that_did_not_know_the_listener_counts_in_the_end(
    lines: ModuleType, simulation: Simulation, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines.waits()
    flow = place(lines)
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr(LISTENERS, "_by_until", {})
        pay(lines, "b")
        first = pay(lines)
        pay(lines)
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr(LISTENERS, "_by_name", {})
        simulation.clock.shift(2 * HOUR)
        sweep()
        assert states() == [WAITS]  # that process leaves it to one that knows it
        assert rows_of(reactions)[0].wake_at > now()
    simulation.drain()
    assert [signal.recorded.flow for _, signal in lines.told] == [first]
    assert "toy.payment.missed" not in types_of(flow)


def test_a_wait_whose_end_cannot_be_recorded_is_buried_and_can_be_redriven(
    lines: ModuleType, simulation: Simulation, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines.waits()
    flow = place(lines)

    def broken(*_: Any) -> None:
        raise ValueError("a bug in a fold")

    with monkeypatch.context() as bug:
        bug.setattr("app.engine.timeouts._say_otherwise", broken)
        simulation.drain()
    [row] = rows_of(reactions)
    assert (row.state, row.failure["code"], flow_row(flow).state) == ("dead", "internal", "failed")
    with recording("token:me") as work:
        redrive(work, row.id)
    assert states() == [WAITS]
    simulation.drain()
    assert types_of(flow).count("toy.payment.missed") == 1
    assert lines.told == []


def test_what_waits_for_a_branch_to_settle_does_not_wait_for_this(
    lines: ModuleType, simulation: Simulation
) -> None:
    lines.waits()
    on(settled(lines.Placed, within=9 * 3600), do=lines.book, name="toy:book@settled")
    flow = place(lines)
    simulation.deliver()
    assert lines.told == [(1, None)]
    assert flow_row(flow).open == 1
    with reading() as db:
        assert views.get_flow(db, flow).state == "waiting"
    pay(lines)
    with reading() as db:
        assert views.get_flow(db, flow).state == "running"


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (7, "7", True),
        (7.0, 7, True),
        (None, None, True),
        (None, "", False),
        (True, 1, False),
        ([1], [1], True),
        ("x" * 300 + "1", "x" * 300 + "2", False),
        ("x" * 300, "x" * 300, True),
    ],
)
def test_a_field_may_have_any_value(
    lines: ModuleType, simulation: Simulation, one: Any, other: Any, same: bool
) -> None:
    lines.waits()
    place(lines, line=one)
    pay(lines, other)
    assert states() == [READY if same else WAITS]
    lines.waits(lines.book)
    place(lines, line=other)
    assert states()[1:] == [READY, READY]  # as the database gave it back


SEEDS = seeds(range(10))


@pytest.mark.parametrize("block", range(3))
def test_no_crash_loss_or_delay_lets_a_wait_hang_or_end_twice(
    lines: ModuleType, simulation: Simulation, engine: Engine, block: int
) -> None:
    lines.waits()
    lines.waits(lines.book)
    for seed in SEEDS[block::3]:
        empty(engine)
        lines.forget()
        simulation.restart()
        came: list[Any] = [partial(place, lines, f"k{key}", key) for key in range(4)]
        came += [(60.0 * (key + 1), partial(pay, lines, f"k{key}")) for key in range(3)]
        simulation.drain(seed, arrivals=came)
        with simulation.telling():
            check(lines)


def check(lines: ModuleType) -> None:
    assert {row.state for row in rows_of(reactions)} == {"done"}
    ended = {row.state for row in rows_of(flows)}
    assert ended == {"succeeded", "failed"}
    for placed in rows_of(events, type="toy.order.placed"):
        ends = [each for each in types_of(placed.flow) if each in ("toy.order.thanked", "toy.payment.missed")]
        assert ends == ["toy.order.thanked" if placed.data["number"] < 3 else "toy.payment.missed"] * 2
    assert verify() == []
