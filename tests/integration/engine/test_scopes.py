"""What a flow waits for: scopes in scopes, deadlines, followers, other flows, and flows that go on again."""

from datetime import timedelta
from types import ModuleType

import pytest
from sqlalchemy import update

from app.engine import follow, now, on, recording, settled
from app.engine.actions import ACTIONS, Action
from app.engine.database import writing
from app.engine.listeners import LISTENERS
from app.engine.running import run
from app.engine.sweep import sweep
from app.engine.tables import reactions, scopes
from tests.fixtures.simulation import Simulation
from tests.integration.engine.looking import (
    deliver_until,
    flow_row,
    order,
    reaction_of,
    rows_of,
    scope_rows,
    story,
    types_of,
)


@pytest.fixture
def undeclared(toys: ModuleType) -> ModuleType:
    """The toys without any listener."""
    LISTENERS._by_name.clear()
    LISTENERS._by_type.clear()
    return toys


def send(toys: ModuleType) -> str:
    with recording() as work:
        return work.record(toys.Sent(parcel="a")).flow


def hang(toys: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the insurance never come."""
    toys.trouble["insure"] = toys.retryable
    monkeypatch.setattr(ACTIONS["toys.insure"], "attempts", 10_000)


def test_a_settled_listener_waits_for_what_its_event_causes_and_no_longer(
    toys: ModuleType, simulation: Simulation
) -> None:
    flow = send(toys)
    [scope] = scope_rows()
    assert (scope.open, scope.parent, set(scope.waiting)) == (1, None, {"toys:toys.arrive@settled"})
    assert scope.deadline_at == now() + timedelta(hours=1)
    simulation.drain()
    assert types_of(flow).index("toy.parcel.arrived") > types_of(flow).index("toy.parcel.stamped")
    [scope] = scope_rows()
    assert (scope.open, scope.waiting, scope.deadline_at) == (0, {}, None)


def test_a_settled_listener_with_nothing_to_wait_for_answers_at_once(
    undeclared: ModuleType, simulation: Simulation
) -> None:
    on(settled(undeclared.Sent, within=60), do=undeclared.arrive)
    follow(undeclared.Sent, do=undeclared.insure)  # nobody waits for a follower
    flow = send(undeclared)
    assert not scope_rows()
    assert flow_row(flow).open == 1
    simulation.drain()
    assert flow_row(flow).open == 0


def test_two_listeners_may_wait_for_the_same_event_for_different_times(
    undeclared: ModuleType, simulation: Simulation, monkeypatch: pytest.MonkeyPatch
) -> None:
    hang(undeclared, monkeypatch)
    on(undeclared.Sent, do=undeclared.insure)
    on(settled(undeclared.Sent, within=60), do=undeclared.arrive, name="impatient")
    on(settled(undeclared.Sent, within=3600), do=undeclared.arrive, name="patient")
    flow = send(undeclared)
    began = now()
    while types_of(flow).count("toy.parcel.arrived") < 1:
        simulation.step()
    assert timedelta(minutes=1) <= now() - began < timedelta(minutes=15)
    [scope] = scope_rows()
    assert set(scope.waiting) == {"patient"}
    assert scope.deadline_at == began + timedelta(hours=1)
    undeclared.trouble.clear()
    simulation.drain()
    assert types_of(flow).count("toy.parcel.arrived") == 2
    assert now() - began < timedelta(hours=1)  # it settled before its time was over


def test_a_deadline_and_the_last_reaction_at_the_same_time_fire_once(
    toys: ModuleType, simulation: Simulation
) -> None:
    flow = send(toys)
    deliver_until(simulation, "toys.stamp")
    simulation.clock.shift(timedelta(hours=2))
    stamp = reaction_of("toys.stamp").id
    assert run(ACTIONS["toys.stamp"], stamp) == "done"
    assert sweep().settled == 0
    simulation.drain()
    assert types_of(flow).count("toy.parcel.arrived") == 1


def test_what_a_deadline_made_counts_outside_and_what_hangs_counts_on(
    toys: ModuleType, simulation: Simulation, monkeypatch: pytest.MonkeyPatch
) -> None:
    hang(toys, monkeypatch)
    flow = send(toys)
    simulation.clock.shift(timedelta(hours=1))
    assert sweep().settled == 1
    [scope] = scope_rows()
    assert (scope.open, scope.waiting, scope.deadline_at) == (1, {}, None)
    assert flow_row(flow).open == 2
    assert [row.scope for row in rows_of(reactions, action="toys.arrive")] == [None]
    assert sweep().settled == 0


def test_a_scope_in_a_scope_holds_it_open(undeclared: ModuleType, simulation: Simulation) -> None:
    """Sent waits for all that Packed causes; Packed's own listener waits for both."""
    on(undeclared.Packed, do=undeclared.send)
    on(settled(undeclared.Packed, within=3600), do=undeclared.send, name="after all")
    on(undeclared.Sent, do=undeclared.insure)
    on(settled(undeclared.Sent, within=60), do=undeclared.arrive)
    with recording() as work:
        packed = work.record(undeclared.Packed(parcel="a"))
    deliver_until(simulation, "toys.insure")
    outer, inner = rows_of(scopes)
    assert (outer.id, outer.parent, outer.open) == (packed.id, None, 1)
    assert (inner.parent, inner.open) == (packed.id, 1)
    simulation.drain()
    kinds = [type_.rpartition(".")[2] for type_ in types_of(packed.flow)]
    assert kinds == ["packed", "sent", "insured", "arrived", "sent", "insured", "arrived"]
    assert {row.open for row in rows_of(scopes)} == {0}


def test_a_listener_that_this_process_does_not_know_is_left_to_one_that_does(
    toys: ModuleType, simulation: Simulation, monkeypatch: pytest.MonkeyPatch
) -> None:
    flow = send(toys)
    name = "toys:toys.arrive@settled"
    with monkeypatch.context() as older:
        older.delitem(LISTENERS._by_name, name)
        while simulation.messages:
            simulation.deliver()
        assert sweep().settled == 0
        [scope] = scope_rows()
        assert (scope.open, set(scope.waiting)) == (0, {name})
        assert scope.deadline_at == now() + timedelta(seconds=5)
    simulation.clock.shift(timedelta(seconds=5))
    assert sweep().settled == 1
    simulation.drain()
    assert types_of(flow).count("toy.parcel.arrived") == 1
    assert (flow_row(flow).state, flow_row(flow).open) == ("succeeded", 0)


def test_scopes_that_wait_for_the_longest_are_looked_at_first(
    toys: ModuleType, simulation: Simulation, monkeypatch: pytest.MonkeyPatch
) -> None:
    flows = [send(toys) for _ in range(3)]
    with writing() as db:
        for flow, minutes in zip(flows, (2, 3, 1), strict=True):
            values = {"deadline_at": now() - timedelta(minutes=minutes)}
            db.execute(update(scopes).where(scopes.c.flow == flow).values(values))
    monkeypatch.setattr("app.engine.recovery.BATCH", 1)
    seen: list[str] = []
    monkeypatch.setattr("app.engine.recovery._settle_late", lambda scope: seen.append(scope) or 0)
    sweep()
    assert seen == [scope.id for scope in rows_of(scopes, flow=flows[1])]


def test_a_follower_and_what_it_causes_keep_nothing_open(
    undeclared: ModuleType, simulation: Simulation
) -> None:
    follow(undeclared.Packed, do=undeclared.send)
    on(undeclared.Sent, do=undeclared.insure)
    on(settled(undeclared.Sent, within=60), do=undeclared.arrive)
    with recording() as work:
        flow = work.record(undeclared.Packed(parcel="a")).flow
    assert (flow_row(flow).state, flow_row(flow).open) == ("succeeded", 0)
    simulation.drain()
    row = flow_row(flow)
    assert (row.state, row.open, row.outcome) == ("succeeded", 0, None)  # its end was no follower's
    assert {event.type: event.follower for event in story(flow)} == {
        "toy.parcel.packed": False,
        "toy.parcel.sent": True,
        "toy.parcel.insured": True,
        "toy.parcel.arrived": True,
    }
    assert not scope_rows()  # nothing waits for what only a follower caused


def test_an_event_that_comes_later_opens_its_flow_again(toys: ModuleType, simulation: Simulation) -> None:
    flow = order(toys)
    simulation.drain()
    ended = flow_row(flow)
    assert ended.ended_at is not None
    simulation.clock.shift(timedelta(hours=1))
    with recording() as work:
        again = work.record(toys.Packed(parcel="a").within(flow, story(flow)[0].id))
    row = flow_row(flow)
    assert (row.state, row.open, row.ended_at) == ("running", 1, None)
    assert (again.flow, again.cause, again.depth) == (flow, story(flow)[0].id, 0)
    simulation.drain()
    row = flow_row(flow)
    assert (row.state, row.open) == ("succeeded", 0)
    assert row.ended_at > ended.ended_at


def test_the_last_end_that_was_declared_is_the_state_of_the_flow(
    toys: ModuleType, simulation: Simulation
) -> None:
    toys.trouble["send"] = toys.permanent
    flow = order(toys)
    simulation.drain()
    assert flow_row(flow).state == "failed"
    toys.trouble.clear()
    with recording() as work:
        work.record(toys.Sent(parcel="a").within(flow, None))
    simulation.drain()
    assert flow_row(flow).state == "succeeded"


def test_an_event_of_another_flow_counts_there_and_not_in_the_scope_at_work(
    undeclared: ModuleType, simulation: Simulation, monkeypatch: pytest.MonkeyPatch
) -> None:
    on(undeclared.Packed, do=undeclared.send)
    on(undeclared.Sent, do=undeclared.insure)
    on(settled(undeclared.Sent, within=60), do=undeclared.arrive)
    with recording() as work:
        other = work.record(undeclared.Stamped(parcel="b")).flow
    both = [undeclared.Insured(parcel="a"), undeclared.Insured(parcel="b").within(other, None)]
    monkeypatch.setattr(ACTIONS["toys.insure"], "body", lambda _: lambda: both)
    on(undeclared.Insured, do=undeclared.stamp)
    flow = send(undeclared)
    deliver_until(simulation, "toys.stamp")
    assert (flow_row(flow).open, flow_row(other).open) == (1, 1)
    inside, outside = sorted(rows_of(reactions, action="toys.stamp"), key=lambda row: row.scope is None)
    assert (inside.flow, inside.scope) == (flow, scope_rows()[0].id)
    assert (outside.flow, outside.scope) == (other, None)
    simulation.drain()
    assert {flow_row(each).open for each in (flow, other)} == {0}


def test_a_loop_that_goes_through_a_deadline_ends_like_any_other(
    undeclared: ModuleType, simulation: Simulation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody's result fires the listener when its time is over: the line of causes is the event's own."""
    hang(undeclared, monkeypatch)
    monkeypatch.setattr(Action, "backoff", lambda *_: timedelta(days=1))
    on(undeclared.Echoed, do=undeclared.insure)
    on(settled(undeclared.Echoed, within=1), do=undeclared.echo, name="again")
    with recording() as work:
        flow = work.record(undeclared.Echoed(parcel="a")).flow
    while not (skipped := rows_of(reactions, state="skipped")) and len(types_of(flow)) < 20:
        simulation.step()
    assert len(types_of(flow)) == 9
    assert "again has answered 8 times" in skipped[0].failure["message"]
