"""Cancelling a flow: what has not begun ends at once, what is at work at a check-point, or by force."""

from datetime import timedelta
from types import ModuleType
from typing import Any

import pytest
from sqlalchemy import update

from app.engine import (
    FlowCancelled,
    awaited,
    cancelling,
    current,
    follow,
    now,
    on,
    recording,
)
from app.engine.cancelling import GRACE, CancelledFlow, acknowledges
from app.engine.database import writing
from app.engine.listeners import LISTENERS
from app.engine.rebuild import verify
from app.engine.sweep import sweep
from app.engine.tables import reactions, scopes
from app.errors import NotFound
from tests.fixtures.simulation import Simulation
from tests.integration.engine.cancels import ASKED, CANCELLED, MISSED, cancel, check_coverage, states
from tests.integration.engine.looking import (
    deliver_until,
    flow_row,
    order,
    reaction_of,
    rows_of,
    story,
    types_of,
)


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch, toys: ModuleType) -> list[CancelledFlow]:
    """What the toys' flows were told of their end; they say that the parcel is stamped."""
    heard: list[CancelledFlow] = []
    monkeypatch.setattr(cancelling, "_acknowledges", {})

    @acknowledges("parcel")
    def note(db: Any, flow: CancelledFlow) -> Any:
        heard.append(flow)
        return toys.Stamped(parcel="a")

    return heard


def test_what_has_not_begun_ends_at_once(toys: ModuleType, simulation: Simulation) -> None:
    flow = order(toys)
    assert cancel(flow)
    assert types_of(flow) == ["toy.parcel.ordered", ASKED, CANCELLED]
    asked, ended = story(flow)[1:]
    assert (asked.cause, asked.actor, asked.subject, asked.label) == (flow, "token:me", flow, "parcel a")
    assert (ended.cause, ended.data["forced"]) == (asked.id, False)
    row = flow_row(flow)
    assert (row.state, row.open, row.cancel_at, row.deadline_at) == ("cancelled", 0, None, None)
    assert row.ended_at is not None
    pack = reaction_of("toys.pack")
    assert (pack.state, pack.outcome, pack.wake_at, pack.ended_at) == ("cancelled", "cancelled", None, now())
    simulation.drain()  # its message is left
    assert states(flow) == {"pack": "cancelled"}
    assert sweep().cancelled == 0


def test_the_kind_of_the_flow_says_what_its_end_means(
    toys: ModuleType, simulation: Simulation, said: list[CancelledFlow]
) -> None:
    flow = order(toys)
    cancel(flow, toys.Insured(parcel="a").within(flow, flow))
    assert said == [CancelledFlow(flow, "token:me", forced=False)]
    expected = ["toy.parcel.ordered", "toy.parcel.insured", ASKED, CANCELLED, "toy.parcel.stamped"]
    assert types_of(flow) == expected
    assert states(flow) == {"pack": "cancelled", "stamp": "cancelled"}
    check_coverage()


def test_who_answers_the_end_of_a_flow_still_does(toys: ModuleType, simulation: Simulation) -> None:
    on(FlowCancelled, do=toys.echo, name="answers the end")
    flow = order(toys)
    cancel(flow)
    assert states(flow) == {"pack": "cancelled", "echo": "ready"}
    assert (flow_row(flow).state, flow_row(flow).open) == ("running", 1)


def test_asking_again_changes_nothing(toys: ModuleType, simulation: Simulation) -> None:
    flow = order(toys)
    toys.trouble["send"] = lambda: [cancel(flow, toys.Insured(parcel="a").within(flow, flow)) for _ in "ab"]
    simulation.drain()
    assert types_of(flow).count(ASKED) == types_of(flow).count("toy.parcel.insured") == 1
    assert not cancel(flow)  # it has ended
    with pytest.raises(NotFound, match="no such flow"):
        cancel("nobody's")


def test_a_flow_that_has_ended_is_left_alone(toys: ModuleType, simulation: Simulation) -> None:
    flow = order(toys)
    simulation.drain()
    before = types_of(flow), flow_row(flow)
    assert not cancel(flow)
    assert (types_of(flow), flow_row(flow)) == before


@pytest.mark.parametrize("waits", ["retry", "delay", "event"])
def test_a_wait_of_any_kind_ends_at_once(toys: ModuleType, simulation: Simulation, waits: str) -> None:
    if waits == "retry":
        toys.trouble["send"] = toys.retryable
    elif waits == "delay":
        on(toys.Ordered, do=toys.pack, after=3600, name="late")
    else:
        on(awaited(toys.Ordered, until=toys.Arrived, by="parcel", within=9999), do=toys.pack, name="late")
    flow = order(toys)
    while not [row for row in rows_of(reactions, flow=flow) if row.waits_for == waits]:
        simulation.deliver()
    cancel(flow)
    assert {row.waits_for for row in rows_of(reactions, flow=flow)} == {None}
    assert (flow_row(flow).state, flow_row(flow).open) == ("cancelled", 0)
    simulation.drain()
    assert types_of(flow)[-1] == CANCELLED
    check_coverage()


def test_listeners_that_wait_for_a_part_to_settle_are_written_down_as_cancelled(
    toys: ModuleType, simulation: Simulation, monkeypatch: pytest.MonkeyPatch
) -> None:
    flow = order(toys)
    deliver_until(simulation, "toys.insure")
    monkeypatch.delitem(LISTENERS._by_name, "toys:toys.arrive@settled")  # an older process does it
    cancel(flow)
    assert types_of(flow)[-2:] == [ASKED, CANCELLED]
    [row] = rows_of(reactions, listener="toys:toys.arrive@settled")
    assert (row.state, row.follower, row.attempt) == ("cancelled", False, 0)
    assert [(row.open, row.waiting, row.deadline_at) for row in rows_of(scopes)] == [(0, {}, None)]
    simulation.clock.shift(timedelta(hours=2))
    simulation.drain()
    assert "toy.parcel.arrived" not in types_of(flow)
    assert not verify()


def test_what_is_at_work_ends_at_its_next_check_point(toys: ModuleType, simulation: Simulation) -> None:
    flow = order(toys)

    def hear() -> None:
        assert cancel(flow)
        assert flow_row(flow).cancel_at == now() + GRACE
        assert (flow_row(flow).state, types_of(flow)[-1]) == ("running", ASKED)
        current().check()  # not heard of yet
        simulation.wait(timedelta(seconds=3))
        current().check()
        pytest.fail("it went on")

    toys.trouble["send"] = hear
    deliver_until(simulation, "toys.send")
    simulation.deliver()
    send = reaction_of("toys.send")
    assert (send.state, send.outcome, send.attempt) == ("cancelled", "cancelled", 1)
    assert not toys.effects
    assert sweep().cancelled == 1
    assert (types_of(flow)[-1], story(flow)[-1].data["forced"]) == (CANCELLED, False)
    assert (flow_row(flow).state, flow_row(flow).open, flow_row(flow).cancel_at) == ("cancelled", 0, None)


def test_a_result_within_the_grace_time_counts_but_leads_nowhere(
    toys: ModuleType, simulation: Simulation
) -> None:
    follow(toys.Sent, do=toys.note, name="follows")
    flow = order(toys)
    toys.trouble["send"] = lambda: cancel(flow)
    toys.trouble["note"] = toys.permanent
    deliver_until(simulation, "toys.send")
    simulation.deliver()
    assert types_of(flow)[-1] == "toy.parcel.sent"
    assert states(flow)["insure"] == states(flow)["arrive"] == "cancelled"
    assert states(flow)["note"] == "ready"  # followers go on
    assert flow_row(flow).open == 0
    assert sweep().cancelled == 1
    assert flow_row(flow).state == "cancelled"
    check_coverage()


def test_what_does_not_end_in_time_is_left_behind(
    toys: ModuleType, simulation: Simulation, said: list[CancelledFlow]
) -> None:
    flow = order(toys)

    def ignore() -> None:
        cancel(flow)
        simulation.wait(GRACE - timedelta(seconds=1))
        assert sweep().cancelled == 0
        simulation.wait(timedelta(seconds=1))
        assert sweep().cancelled == 1
        assert states(flow)["send"] == "cancelled"
        assert (flow_row(flow).state, flow_row(flow).open) == ("cancelled", 0)

    toys.trouble["send"] = ignore
    deliver_until(simulation, "toys.send")
    simulation.deliver()
    simulation.drain()
    assert "toy.parcel.sent" not in types_of(flow)  # what it did after that is not recorded
    assert "toy.parcel.send.failed" not in types_of(flow)
    assert said == [CancelledFlow(flow, "token:me", forced=True)]
    ended = next(event for event in story(flow) if event.type == CANCELLED)
    assert ended.data["forced"]


def test_a_worker_that_died_is_not_waited_for_longer_than_its_lease(
    toys: ModuleType, simulation: Simulation
) -> None:
    flow = order(toys)
    deliver_until(simulation, "toys.send")
    with writing() as db:
        taken = {"state": "running", "worker": "gone:1", "fence": 1, "attempt": 1, "wake_at": now()}
        db.execute(update(reactions).where(reactions.c.action == "toys.send").values(taken))
    cancel(flow)
    assert flow_row(flow).cancel_at is not None
    assert sweep().cancelled == 1
    assert not story(flow)[-1].data["forced"]
    assert flow_row(flow).state == "cancelled"


def test_a_flow_that_ended_before_anything_was_prevented_keeps_its_end(
    toys: ModuleType, simulation: Simulation
) -> None:
    flow = order(toys)
    toys.trouble["stamp"] = lambda: None
    deliver_until(simulation, "toys.send")

    def fail() -> None:
        cancel(flow)
        toys.permanent()

    toys.trouble["send"] = fail
    simulation.deliver()
    assert sweep().cancelled == 1
    assert types_of(flow)[-2:] == ["toy.parcel.send.failed", MISSED]
    row = flow_row(flow)
    assert (row.state, row.open, row.cancel_at) == ("failed", 0, None)


def test_the_next_of_a_line_goes_on_when_its_head_is_cancelled(
    toys: ModuleType, simulation: Simulation
) -> None:
    LISTENERS.__init__()
    on(toys.Packed, do=toys.send, key="parcel")
    pairs = []
    for _ in range(3):
        with recording() as work:
            pairs.append(work.record(toys.Packed(parcel="a")).flow)
    first, second, third = pairs
    cancel(second)  # one that waits for its turn
    assert [states(flow)["send"] for flow in pairs] == ["ready", "cancelled", "waiting"]
    cancel(first)
    assert [states(flow)["send"] for flow in pairs] == ["cancelled", "cancelled", "ready"]
    simulation.drain()
    assert flow_row(third).state == "succeeded"


def test_a_flow_in_several_streams_is_cancelled_in_all_of_them(
    toys: ModuleType, simulation: Simulation
) -> None:
    flow = order(toys)
    with recording() as work:
        work.record(toys.Packed(parcel="b").within(flow, flow))
    cancel(flow)
    assert {(row.stream, row.state) for row in rows_of(reactions)} == {
        ("/parcels/a", "cancelled"),
        ("/parcels/b", "cancelled"),
    }
    assert flow_row(flow).state == "cancelled"


def test_what_another_flow_records_in_it_later_is_cancelled_by_the_sweep(
    toys: ModuleType, simulation: Simulation
) -> None:
    flow = order(toys)

    def go_on() -> None:
        cancel(flow)
        with recording() as work:
            work.record(toys.Insured(parcel="b").within(flow, flow))
        assert states(flow)["stamp"] == "ready"
        assert sweep().cancelled == 0
        assert states(flow)["stamp"] == "cancelled"

    toys.trouble["send"] = go_on
    deliver_until(simulation, "toys.send")
    simulation.deliver()
    assert sweep().cancelled == 1
    assert (flow_row(flow).state, flow_row(flow).open) == ("cancelled", 0)
