"""What happens when an action fails, crashes its worker, is taken over, or answers too late."""

from collections.abc import Callable
from datetime import timedelta
from types import ModuleType
from typing import Any

import pytest
from sqlalchemy import select, update

from app.engine import faults, log, now, reading, recording
from app.engine.actions import ACTIONS, current
from app.engine.database import writing
from app.engine.rebuild import rebuild, verify
from app.engine.running import run
from app.engine.signal import SIGNALS
from app.engine.sweep import sweep
from app.engine.tables import flows, reactions
from tests.fixtures.simulation import Crash, Simulation


def order(toys: ModuleType, parcel: str = "a") -> str:
    with recording() as work:
        return work.record(toys.Ordered(parcel=parcel)).flow


def story(flow: str) -> list[Any]:
    with reading() as db:
        return log.read_flow(db, flow)


def reaction_of(action: str) -> Any:
    with reading() as db:
        return db.execute(select(reactions).where(reactions.c.action == action)).one()


def flow_row(flow: str) -> Any:
    with reading() as db:
        return db.execute(select(flows).where(flows.c.id == flow)).one()


def times(count: int, trouble: Callable[[], None]) -> Callable[[], None]:
    left = [count]

    def first() -> None:
        left[0] -= 1
        if left[0] >= 0:
            trouble()

    return first


def test_a_permanent_failure_becomes_the_failure_signal_at_once(
    toys: ModuleType, drain: Callable[..., int]
) -> None:
    toys.trouble["send"] = toys.permanent
    flow = order(toys)
    drain()
    failed = next(event for event in story(flow) if event.type == "toy.parcel.send.failed")
    assert failed.data["failure"] == {
        "code": "no_such_address",
        "stage": "post",
        "message": "there is no such address",
        "hint": "Look it up.",
        "retryable": False,
        "attempt": 1,
        "max_attempts": 3,
        "evidence": {"street": "?"},
    }
    assert failed.data["parcel"] == "a"
    row = reaction_of("toys.send")
    assert (row.state, row.outcome, row.attempt, row.failure["code"]) == (
        "done",
        "failed",
        1,
        "no_such_address",
    )
    assert (flow_row(flow).state, flow_row(flow).open) == ("failed", 0)
    assert not verify()


def test_a_retryable_failure_is_tried_again_after_a_backoff_that_lives_in_the_database(
    toys: ModuleType, simulation: Simulation
) -> None:
    toys.trouble["send"] = times(2, toys.retryable)
    flow = order(toys)
    while reaction_of_or_none("toys.send") is None or reaction_of("toys.send").state != "waiting":
        simulation.deliver()
    waiting = reaction_of("toys.send")
    assert waiting.due_at > now()
    assert waiting.failure["code"] == "post_closed"
    assert waiting.ended_at is None
    simulation.drain()
    done = reaction_of("toys.send")
    assert (done.state, done.outcome, done.attempt) == ("done", "succeeded", 3)
    assert flow_row(flow).state == "succeeded"


def reaction_of_or_none(action: str) -> Any:
    with reading() as db:
        return db.execute(select(reactions).where(reactions.c.action == action)).one_or_none()


def test_retries_that_are_used_up_end_in_the_failure_signal(
    toys: ModuleType, drain: Callable[..., int]
) -> None:
    toys.trouble["send"] = toys.retryable
    flow = order(toys)
    drain()
    failure = next(event for event in story(flow) if event.type.endswith(".failed")).data["failure"]
    assert (failure["code"], failure["attempt"], failure["max_attempts"]) == ("post_closed", 3, 3)
    assert flow_row(flow).state == "failed"


@pytest.mark.parametrize(("action", "attempts"), [("pack", 5), ("send", 3), ("insure", 5), ("stamp", 5)])
def test_a_bug_is_tried_again_then_buried_with_its_traceback_and_fails_the_flow(
    toys: ModuleType, drain: Callable[..., int], action: str, attempts: int
) -> None:
    toys.trouble[action] = toys.bug
    flow = order(toys)
    drain()
    row = reaction_of(f"toys.{action}")
    assert (row.state, row.outcome, row.attempt, row.failure["code"]) == (
        "dead",
        "dead",
        attempts,
        "internal",
    )
    assert any("nobody thought of this" in line for line in row.failure["traceback"])
    letter = next(event for event in story(flow) if event.type == "platform.reaction.dead_lettered")
    assert (letter.data["action"], letter.data["reaction"]) == (f"toys.{action}", row.id)
    assert letter.stream == "/parcels/a"
    assert (flow_row(flow).open, flow_row(flow).ended_at is None) == (0, False)
    assert not verify()


def test_a_follower_that_dies_leaves_the_flow_as_it_was(toys: ModuleType, drain: Callable[..., int]) -> None:
    toys.trouble["note"] = toys.bug
    flow = order(toys)
    drain()
    assert reaction_of("toys.note").state == "dead"
    assert flow_row(flow).state == "succeeded"
    assert story(flow)[-1].follower


def test_an_action_that_returns_what_it_did_not_declare_is_a_bug(
    toys: ModuleType, drain: Callable[..., int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ACTIONS["toys.pack"], "body", lambda event: toys.Sent(parcel=event.parcel))
    order(toys)
    drain()
    assert "does not declare" in reaction_of("toys.pack").failure["message"]


@pytest.mark.parametrize(("action", "attempts"), [("pack", 5), ("send", 3)])
def test_a_reaction_that_kills_its_worker_is_buried_after_its_attempts(
    toys: ModuleType, simulation: Simulation, action: str, attempts: int
) -> None:
    deaths = []

    def die() -> None:
        deaths.append(action)
        raise Crash("killed")

    toys.trouble[action] = die
    flow = order(toys)
    simulation.drain()
    row = reaction_of(f"toys.{action}")
    assert (row.state, row.failure["code"]) == ("dead", "poison_event")
    assert "not heard of again" in row.failure["message"]
    uncounted = (
        1 if action == "pack" else 0
    )  # an inner action's first delivery is not counted before the work
    assert len(deaths) == attempts + uncounted
    assert flow_row(flow).state == "failed"


def test_a_paused_worker_that_wakes_after_its_lease_cannot_commit(
    toys: ModuleType, simulation: Simulation
) -> None:
    """Its lease expires while it works; the other attempt's result stands, its own is dropped."""
    slept = []

    def sleep_past_the_lease() -> None:
        if not slept:
            slept.append(current().attempt)
            simulation.clock.shift(timedelta(seconds=60))
            sweep()
            while any(message.action == "toys.send" for message in simulation.messages):
                simulation.deliver()

    toys.trouble["send"] = sleep_past_the_lease
    flow = order(toys)
    simulation.drain()
    assert slept == [1]
    assert [event.type for event in story(flow)].count("toy.parcel.sent") == 1
    assert reaction_of("toys.send").attempt == 2
    assert list(toys.effects.values()) == [2]  # the outside saw it twice, under one key
    assert flow_row(flow).state == "succeeded"


def test_a_delivery_of_what_is_done_or_unknown_does_nothing(toys: ModuleType, simulation: Simulation) -> None:
    flow = order(toys)
    simulation.drain()
    before = story(flow)
    for action in ("toys.pack", "toys.send"):
        assert run(ACTIONS[action], reaction_of(action).id, redelivered=True) == "not there"
        assert run(ACTIONS[action], "no-such-reaction") == "not there"
    assert story(flow) == before


def test_an_event_of_an_unknown_type_is_put_back_uncounted(
    toys: ModuleType, simulation: Simulation, monkeypatch: pytest.MonkeyPatch
) -> None:
    order(toys)
    monkeypatch.delitem(SIGNALS, "toy.parcel.ordered")
    simulation.deliver()
    row = reaction_of("toys.pack")
    assert (row.state, row.attempt) == ("ready", 0)


def test_a_settled_listener_fires_at_its_deadline_once_though_work_is_still_open(
    toys: ModuleType, simulation: Simulation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The branch hangs for longer than the listener waits; later it ends, and nothing fires a second time."""
    toys.trouble["insure"] = toys.retryable
    monkeypatch.setattr(ACTIONS["toys.insure"], "attempts", 10_000)
    flow = order(toys)
    while not any(event.type == "toy.parcel.arrived" for event in story(flow)):
        assert simulation.step()
    assert flow_row(flow).open > 0
    del toys.trouble["insure"]
    simulation.drain()
    types = [event.type for event in story(flow)]
    assert types.count("toy.parcel.arrived") == 1
    assert types.index("toy.parcel.arrived") < types.index("toy.parcel.insured")
    assert (flow_row(flow).state, flow_row(flow).open) == ("succeeded", 0)


def test_a_deadline_that_passes_is_recorded_once(toys: ModuleType, simulation: Simulation) -> None:
    with recording() as work:
        event = work.record(toys.Ordered(parcel="late"))
    with writing() as db:
        db.execute(update(toys.parcels).values(deadline_at=now() + timedelta(hours=1)))
    simulation.messages.clear()
    simulation.clock.shift(timedelta(hours=1, seconds=1))
    assert sweep().overdue == 1
    assert sweep().overdue == 0
    assert [each.type for each in story(event.flow)].count("toy.parcel.stalled") == 1


def test_a_crash_between_commit_and_hand_off_loses_nothing(toys: ModuleType, simulation: Simulation) -> None:
    def crash(point: str) -> None:
        if point == "command.after_commit":
            raise Crash(point)

    with faults.on_fault(crash):
        assert simulation.crashing(lambda: order(toys)) == "command.after_commit"
    assert not simulation.messages
    simulation.drain()
    assert reaction_of("toys.pack").state == "done"


def test_a_rebuild_gives_identical_tables_and_verify_names_what_was_changed_by_hand(
    toys: ModuleType, drain: Callable[..., int]
) -> None:
    order(toys)
    drain()
    with writing() as db:
        db.execute(update(toys.parcels).values(state="stolen"))
    found = verify()
    assert [(each.table, each.unexplained[0]["state"], each.missing[0]["state"]) for each in found] == [
        ("toy_parcels", "stolen", "arrived")
    ]
    assert rebuild() == 7
    assert not verify()
