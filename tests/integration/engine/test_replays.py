"""Replays: a listener, new or old, answers past events once, no faster than wished, until it is cancelled."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import pairwise
from types import ModuleType
from typing import Any

import pytest

from app.engine import current, follow, now, on, reading, recording, replaying, replays
from app.engine.listeners import LISTENERS
from app.engine.rebuild import verify
from app.engine.redrive import redrive
from app.engine.replays import Replay
from app.engine.sweep import sweep
from app.engine.tables import events, flows, reactions
from app.errors import Conflict
from tests.fixtures.simulation import Simulation
from tests.integration.engine.looking import deliver_until, flow_row, order, rows_of, story, types_of
from tests.integration.engine.past import SEND, answered, begin, look, made, pack, past_of, stop, tried
from tests.integration.engine.past import world as world


def test_a_new_listener_answers_past_events_once_as_another_generation(
    world: ModuleType, drain: Callable[..., int]
) -> None:
    past = past_of(world, 5)
    on(world.Packed, do=world.send, name=SEND)
    live = pack(world, "live")
    drain()
    replay = begin()
    assert (replay.state, replay.generation, replay.after, replay.until) == ("running", 1, 0, 7)
    drain()
    done = look(replay)
    assert (done.state, done.matched, done.made, done.suppressed) == ("done", 6, 5, 1)
    assert (done.cursor, done.ended_at is None) == (done.until, False)
    assert answered(replay) == past
    assert {(row.state, row.follower, row.scope) for row in made(replay)} == {("done", True, None)}
    assert [row.generation for row in rows_of(reactions, event=live)] == [0]
    assert verify() == []


def test_nothing_waits_for_a_replay_and_what_it_causes(world: ModuleType, drain: Callable[..., int]) -> None:
    past_of(world, 1)
    before = rows_of(flows)
    on(world.Packed, do=world.send, name=SEND)
    on(world.Sent, do=world.insure)
    begin()
    sweep()
    assert [row.open for row in rows_of(flows)] == [0, 1]  # the replay's own ends with it
    drain()
    assert rows_of(flows)[0] == before[0]
    assert {event.follower for event in story(before[0].id)[1:]} == {True}
    assert types_of(before[0].id)[1:] == ["toy.parcel.sent", "toy.parcel.insured"]


def test_the_attempt_knows_that_it_is_a_replay(world: ModuleType, drain: Callable[..., int]) -> None:
    past_of(world, 1)
    seen: list[tuple[bool, int]] = []
    for action in ("send", "pack"):  # an outer and an inner one
        world.trouble[action] = lambda: seen.append((current().is_replay, current().generation))
    on(world.Packed, do=world.send, name=SEND)
    begin()
    drain()
    pack(world, "live")
    drain()
    begin(again=True)
    drain()
    assert seen == [(True, 1), (False, 0), (True, 2), (True, 2)]


def test_its_beginning_and_end_are_told_in_a_flow_of_its_own(
    world: ModuleType, drain: Callable[..., int]
) -> None:
    past_of(world, 2)
    on(world.Packed, do=world.send, name=SEND)
    replay = begin(rate=50)
    drain()
    [flow] = rows_of(flows, kind="replay")
    started, completed = story(flow.id)
    assert (flow.state, flow.label, flow.stream) == ("succeeded", SEND, f"/replays/{SEND}")
    assert (started.type, started.actor, started.subject) == (
        "platform.replay.started",
        "token:me",
        replay.id,
    )
    assert started.data == {
        "replay": replay.id, "listener": SEND, "generation": 1, "after": 0, "until": 2, "rate": 50.0,
        "again": False, "most": None,
    }  # fmt: skip
    assert (completed.type, completed.cause) == ("platform.replay.completed", started.id)
    assert [completed.data[name] for name in ("matched", "made", "suppressed")] == [2, 2, 0]


def test_a_line_keeps_its_order_in_a_replay_and_beside_what_happens_now(
    world: ModuleType, simulation: Simulation
) -> None:
    past = past_of(world, 6, "a")
    follow(world.Packed, do=world.send, name=SEND, key="parcel")
    live = pack(world, "a")
    replay = begin()
    sweep()
    states = [row.state for row in made(replay)]
    assert states == ["waiting"] * 6  # behind the live one, which has its turn
    simulation.drain()
    done = sorted(rows_of(reactions), key=lambda row: row.ended_at)
    assert [row.event for row in done] == [live, *past]
    assert all(one.ended_at <= other.started_at for one, other in pairwise(done))


@pytest.fixture
def jammed(world: ModuleType, simulation: Simulation, monkeypatch: pytest.MonkeyPatch) -> Replay:
    """A replay of ten events into a line whose head nobody takes."""
    monkeypatch.setattr(replaying, "AHEAD", 4)
    past_of(world, 10, "a")
    follow(world.Packed, do=world.send, name=SEND, key="parcel")
    pack(world, "a")
    replay = begin()
    for _ in range(5):
        simulation.wait(timedelta(seconds=1))
        simulation.messages.clear()
        sweep()
    return replay


def test_those_that_wait_in_a_line_count_as_open(jammed: Replay) -> None:
    assert (look(jammed).state, len(made(jammed))) == ("running", 4)
    [flow] = rows_of(flows, kind="replay")
    assert (flow.state, flow.open) == ("running", 1)


def test_they_end_with_their_replay_and_so_does_its_flow(jammed: Replay) -> None:
    stop(jammed)
    assert {row.state for row in made(jammed)} == {"cancelled"}
    [flow] = rows_of(flows, kind="replay")
    assert (flow.state, flow.open) == ("cancelled", 0)


def test_a_replay_in_which_nothing_happens_is_told_as_stalled(jammed: Replay, simulation: Simulation) -> None:
    for _ in range(9):
        simulation.wait(timedelta(minutes=20))
        simulation.messages.clear()
        sweep()
    [flow] = rows_of(flows, kind="replay")
    [told] = [event for event in story(flow.id) if event.type == "platform.flow.stalled"]
    assert {row["id"] for row in told.data["waiting_on"]} == {row.id for row in made(jammed)}
    assert {row["waits_for"] for row in told.data["waiting_on"]} == {"key"}


def test_a_rate_is_kept_also_after_the_sweep_was_away(world: ModuleType, simulation: Simulation) -> None:
    past_of(world, 60)
    on(world.Packed, do=world.send, name=SEND)
    began, replay, counts = now(), begin(rate=5), []
    for pause in (0.0, 0.1, 0.1, 0.3, 0.5, 1, 60, 0.2):  # the sweep is killed for a minute
        simulation.clock.shift(timedelta(seconds=pause))
        sweep()
        counts.append(look(replay).made)
    assert counts == [1, 1, 2, 3, 6, 11, 17, 18]
    for _ in range(9):
        simulation.clock.shift(timedelta(seconds=1))
        sweep()
        assert look(replay).made <= 7 + 5 * (now() - began).total_seconds()
    assert look(replay).made == 60


def test_sweeps_at_once_make_no_reaction_twice(
    world: ModuleType,
    simulation: Simulation,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("app.engine.past.BATCH", 10)
    monkeypatch.setattr("app.engine.replaying.FEW", 1)
    past = past_of(world, 60)
    on(world.Packed, do=world.send, name=SEND)
    both = [begin(), begin()]
    with ThreadPoolExecutor(4) as sweeps:
        total = sum(sweeps.map(lambda _: replaying.advance(now()), range(8)))
    assert total == sum(look(replay).made for replay in both) == 60
    assert sorted(row.event for row in rows_of(reactions, listener=SEND)) == sorted(past)
    assert "could not deal with" not in capsys.readouterr().out


def test_a_replay_goes_on_when_the_clock_was_set_back(world: ModuleType, simulation: Simulation) -> None:
    past_of(world, 5)
    on(world.Packed, do=world.send, name=SEND)
    replay = begin(rate=1)
    sweep()
    simulation.clock.shift(-timedelta(days=1))
    for _ in range(6):
        sweep()
        simulation.clock.shift(timedelta(seconds=1))
    assert look(replay).made == 5


def test_a_replay_is_never_far_ahead_of_the_workers(
    world: ModuleType, simulation: Simulation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.engine.replaying.AHEAD", 10)
    past_of(world, 25)
    on(world.Packed, do=world.send, name=SEND)
    replay = begin()
    for _ in range(3):
        sweep()
        assert look(replay).made == 10
    simulation.drain()
    assert (look(replay).state, look(replay).made) == ("done", 25)


def test_a_long_replay_goes_on_from_part_to_part(
    world: ModuleType, drain: Callable[..., int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.engine.past.BATCH", 7)
    monkeypatch.setattr("app.engine.replaying.FEW", 3)
    past = past_of(world, 30)
    on(world.Packed, do=world.send, name=SEND)
    assert tried().made == 30
    replay = begin()
    drain()
    assert sorted(row.event for row in made(replay)) == sorted(past)


def test_cancel_ends_a_replay_and_what_of_it_is_not_at_work(
    world: ModuleType, simulation: Simulation
) -> None:
    past_of(world, 8)
    on(world.Packed, do=world.send, name=SEND)
    replay = begin(rate=2)
    for _ in range(2):
        sweep()
        simulation.clock.shift(timedelta(seconds=1))
    assert Counter(row.state for row in made(replay)) == {"ready": 3}
    simulation.deliver()
    cancelled = stop(replay)
    assert (cancelled.state, cancelled.made, cancelled.ended_at) == ("cancelled", 3, now())
    simulation.drain()
    assert Counter((row.state, row.outcome) for row in made(replay)) == {
        ("done", "succeeded"): 1, ("cancelled", "cancelled"): 2
    }  # fmt: skip
    [flow] = rows_of(flows, kind="replay")
    assert (flow.state, types_of(flow.id)) == (
        "cancelled", ["platform.replay.started", "platform.replay.cancelled"]
    )  # fmt: skip
    assert story(flow.id)[-1].data["cancelled"] == 2
    with pytest.raises(Conflict) as refused:
        stop(replay)
    assert refused.value.code == "replay_ended"
    begin()
    simulation.drain()
    assert set(Counter(world.effects.values())) == {1}
    assert len(world.effects) == 8  # what was cancelled is no duplicate


def test_what_is_at_work_when_a_replay_is_cancelled_ends_by_itself(
    world: ModuleType, simulation: Simulation
) -> None:
    past_of(world, 2, "a")
    follow(world.Packed, do=world.send, name=SEND, key="parcel")
    replay = begin()
    sweep()
    world.trouble["send"] = lambda: [stop(replay), world.trouble.clear()]
    deliver_until(simulation, "toys.send")
    live = pack(world, "a")
    simulation.drain()
    assert [row.state for row in made(replay)] == ["done", "cancelled"]
    assert [row.state for row in rows_of(reactions, event=live)] == ["done"]  # the line has gone on


def test_a_dead_reaction_of_a_replay_can_be_redriven(world: ModuleType, drain: Callable[..., int]) -> None:
    past_of(world, 1)
    on(world.Packed, do=world.send, name=SEND)
    world.trouble["send"] = world.bug
    replay = begin()
    drain()
    assert look(replay).state == "done"
    [dead] = made(replay)
    with reading() as db:
        assert replays.states(db, replay) == {"dead": 1}
    world.trouble.clear()
    with recording() as work:
        redrive(work, dead.id)
    drain()
    assert [row.state for row in made(replay)] == ["done"]
    assert flow_row(dead.flow).state == "succeeded"


def test_a_process_that_does_not_know_the_listener_leaves_the_replay_to_another(
    world: ModuleType, simulation: Simulation, monkeypatch: pytest.MonkeyPatch
) -> None:
    past_of(world, 2)
    on(world.Packed, do=world.send, name=SEND)
    replay = begin()
    with monkeypatch.context() as older:
        older.setattr(LISTENERS, "_by_name", {})
        sweep()
    assert (look(replay).state, look(replay).made) == ("running", 0)
    simulation.drain()
    assert (look(replay).state, look(replay).made) == ("done", 2)


@pytest.mark.parametrize("seed", range(8))
def test_replays_make_one_reaction_each_through_chaos(
    world: ModuleType, simulation: Simulation, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    monkeypatch.setattr("app.engine.replaying.FEW", 3)
    past = past_of(world, 20)
    follow(world.Packed, do=world.send, name=SEND, key="parcel")
    on(world.Sent, do=world.insure)
    wishes: list[Any] = [lambda: begin(rate=10), lambda: begin(), lambda: order(world, "live")]
    simulation.drain(seed, arrivals=wishes)
    assert Counter(row.event for row in rows_of(reactions, listener=SEND)) == Counter(past)
    assert {row.state for row in rows_of(reactions)} == {"done"}
    assert all(row.state != "running" for row in rows_of(flows))
    assert len(rows_of(events, type="toy.parcel.insured")) == 20
    assert verify() == []
