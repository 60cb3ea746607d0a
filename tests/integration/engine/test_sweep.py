"""The sweep: what it finds, how often it sends again, and that no row of its work holds up another."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from types import ModuleType
from typing import Any

import pytest
from sqlalchemy import Engine, update

from app.engine import ahead, faults, log, now, queue, reading, recording, recovery, sending
from app.engine.actions import ACTIONS
from app.engine.claims import Hold, extend_lease
from app.engine.database import writing
from app.engine.sweep import sweep
from app.engine.tables import reactions
from tests.fixtures.simulation import Crash, Simulation
from tests.integration.engine.looking import deliver_until, order, reaction_of, rows_of, types_of

SOON = timedelta(seconds=6)  # longer than a message may go unanswered


def lose_messages(simulation: Simulation) -> None:
    simulation.messages.clear()
    simulation.clock.shift(SOON)


def abandon(simulation: Simulation, action: str) -> None:
    """Let a worker die right after it took a reaction up."""

    def die(point: str) -> None:
        if point == "claim.after_commit":
            raise Crash(point)

    deliver_until(simulation, action)
    with faults.on_fault(die):
        while reaction_of(action).state != "running":
            simulation.deliver()


def let_deadlines_pass(toys: ModuleType) -> None:
    with writing() as db:
        db.execute(update(toys.parcels).values(deadline_at=now()))


def test_a_message_that_was_lost_is_sent_again_after_five_seconds_and_not_before(
    toys: ModuleType, simulation: Simulation
) -> None:
    sweep()
    order(toys)
    simulation.messages.clear()
    assert sweep().sent == 0
    simulation.clock.shift(timedelta(seconds=4.9))
    assert sweep().sent == 0
    simulation.clock.shift(timedelta(seconds=0.2))
    assert sweep().sent == 1
    assert [message.reaction for message in simulation.messages] == [reaction_of("toys.pack").id]


def test_the_pauses_between_two_sendings_double_up_to_five_minutes(
    toys: ModuleType, simulation: Simulation
) -> None:
    order(toys)
    pauses = []
    for _ in range(8):
        row = reaction_of("toys.pack")
        pauses.append(round((row.wake_at - now()).total_seconds()))
        simulation.clock.move_to(row.wake_at)
        assert sweep().sent == 1
    assert pauses == [5, 10, 20, 40, 80, 160, 300, 300]


def test_the_pauses_begin_anew_with_each_attempt(toys: ModuleType, simulation: Simulation) -> None:
    """Else the last attempts of a patient action would wait for minutes when their message is lost."""
    toys.trouble["send"] = toys.retryable
    order(toys)
    deliver_until(simulation, "toys.send")
    pauses = []
    for _ in range(2):
        while reaction_of("toys.send").state == "ready":
            simulation.deliver()
        simulation.clock.move_to(reaction_of("toys.send").wake_at)
        assert sweep().sent == 1
        row = reaction_of("toys.send")
        pauses.append((row.attempt, row.wake_at - now()))
    assert pauses == [(1, timedelta(seconds=10)), (2, timedelta(seconds=10))]


def test_nothing_is_marked_as_sent_while_the_broker_is_away(
    toys: ModuleType, simulation: Simulation, monkeypatch: pytest.MonkeyPatch
) -> None:
    order(toys)
    lose_messages(simulation)
    monkeypatch.setattr(queue, "broker_identity", lambda: None)
    assert sweep().sent == 0
    assert reaction_of("toys.pack").sends == 0


def test_what_a_slow_broker_did_not_take_is_sent_again_soon(
    toys: ModuleType, simulation: Simulation, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(10):
        order(toys, str(number))
    lose_messages(simulation)
    monkeypatch.setattr(queue, "send", lambda batch, **_: len(batch) - 7)
    assert sweep().sent == 3
    unsent = rows_of(reactions, sends=0)
    assert len(unsent) == 7
    monkeypatch.setattr(queue, "send", simulation.send)
    simulation.clock.shift(timedelta(seconds=2.1))
    assert sweep().sent == 7
    assert {message.reaction for message in simulation.messages} == {row.id for row in unsent}


def test_one_pass_marks_no_more_than_a_batch_at_once_and_ends_with_its_time(
    toys: ModuleType, simulation: Simulation, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(10):
        order(toys, str(number))
    lose_messages(simulation)
    monkeypatch.setattr(sending, "BATCH", 3)
    monkeypatch.setattr(sending, "SEND_SECONDS", -1.0)
    assert sweep().sent == 3
    assert sum(row.sends for row in rows_of(reactions)) == 3
    monkeypatch.setattr(sending, "SEND_SECONDS", 5.0)
    assert sweep().sent == 7


def test_a_deadline_that_raises_holds_up_nothing_else(
    toys: ModuleType, simulation: Simulation, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cannot_say(_db: Any, row: Any, _now: Any) -> Any:
        if row.id == "bad":
            raise ZeroDivisionError("a bug in a model")
        return toys.expire(_db, row, _now)

    flows = [order(toys, parcel) for parcel in ("bad", "good")]
    let_deadlines_pass(toys)
    lose_messages(simulation)
    monkeypatch.setattr(ahead, "DEADLINES", [(toys.parcels, cannot_say)])
    swept = sweep()
    assert (swept.overdue, swept.sent) == (1, 2)
    assert ["toy.parcel.stalled" in types_of(flow) for flow in flows] == [False, True]


def test_a_burial_that_fails_holds_up_no_other_lease(
    toys: ModuleType, simulation: Simulation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ACTIONS["toys.send"], "attempts", 1)

    def fail(*_: Any) -> None:
        raise ZeroDivisionError("a bug in what hears of dead letters")

    monkeypatch.setattr(recovery, "bury", fail)
    order(toys, "a")
    abandon(simulation, "toys.send")
    order(toys, "b")
    lose_messages(simulation)
    simulation.clock.shift(timedelta(seconds=10))
    assert sweep().sent == 1
    assert reaction_of("toys.send").state == "running"  # the next pass tries again
    monkeypatch.undo()


def test_a_database_that_went_away_ends_the_pass(
    toys: ModuleType, simulation: Simulation, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: Any) -> Any:
        monkeypatch.setattr(recovery, "reading", no_connection)
        raise ConnectionError("the server went away")

    @contextmanager
    def no_connection() -> Iterator[None]:
        raise ConnectionRefusedError("nobody listens")
        yield

    order(toys)
    let_deadlines_pass(toys)
    monkeypatch.setattr(ahead, "DEADLINES", [(toys.parcels, away)])
    with pytest.raises(ConnectionRefusedError):
        sweep()


def test_a_stream_that_somebody_holds_is_left_to_the_next_pass(
    toys: ModuleType, simulation: Simulation, engine: Engine
) -> None:
    """An inner action that hangs must not keep the sweep from everything else."""
    if engine.dialect.name == "sqlite":
        pytest.skip("whoever writes holds all of SQLite: there is nothing else to do meanwhile")
    order(toys, "held")
    abandon(simulation, "toys.send")
    let_deadlines_pass(toys)
    order(toys, "free")
    lose_messages(simulation)
    simulation.clock.shift(timedelta(seconds=10))
    with writing() as db:
        log.lock_stream(db, "/parcels/held")
        swept = sweep()
        assert (swept.expired, swept.overdue, swept.sent) == (0, 0, 1)
    swept = sweep()
    assert (swept.expired, swept.overdue) == (1, 1)


def test_a_lease_that_was_extended_at_the_last_moment_is_kept(
    toys: ModuleType, simulation: Simulation
) -> None:
    order(toys)
    abandon(simulation, "toys.send")
    row = reaction_of("toys.send")
    simulation.clock.move_to(row.wake_at + timedelta(seconds=1))

    def beat(point: str) -> None:
        if point == "sweep.before_expire":
            with writing() as db:
                assert extend_lease(db, row.id, row.fence, timedelta(seconds=10)) is Hold.KEPT

    with faults.on_fault(beat):
        assert sweep().expired == 0
    assert (reaction_of("toys.send").state, reaction_of("toys.send").fence) == ("running", row.fence)


def test_a_reaction_of_an_action_that_nobody_here_knows_is_put_back_and_never_buried(
    toys: ModuleType, simulation: Simulation, monkeypatch: pytest.MonkeyPatch
) -> None:
    order(toys)
    abandon(simulation, "toys.send")
    with writing() as db:
        db.execute(update(reactions).where(reactions.c.action == "toys.send").values(attempt=99))
    monkeypatch.delitem(ACTIONS, "toys.send")
    simulation.clock.shift(timedelta(seconds=11))
    swept = sweep()
    assert (swept.expired, swept.buried) == (1, 0)
    assert reaction_of("toys.send").state == "ready"


def test_a_lost_broker_makes_everything_that_is_ready_be_sent_again_once(
    toys: ModuleType, simulation: Simulation, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep()
    for parcel in "abc":
        order(toys, parcel)
    simulation.messages.clear()
    monkeypatch.setattr(queue, "broker_identity", lambda: "another")
    assert sweep().sent == 3
    assert {row.sends for row in rows_of(reactions)} == {1}
    assert sweep().sent == 0


def test_a_sweep_that_notices_a_lost_broker_too_late_sends_nothing_twice(
    toys: ModuleType, simulation: Simulation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two of them read that the broker is another one; by the time the second acts, the first has acted."""
    sweep()
    order(toys)
    monkeypatch.setattr(queue, "broker_identity", lambda: "another")

    @contextmanager
    def overtaken() -> Iterator[Any]:
        with reading() as db:
            yield db
        monkeypatch.setattr(sending, "reading", reading)
        assert sweep().sent == 1

    monkeypatch.setattr(sending, "reading", overtaken)
    sending.notice_lost_broker()
    assert reaction_of("toys.pack").sends == 1
    assert sweep().sent == 0


def test_two_sweeps_at_once_send_each_message_and_pass_each_deadline_once(
    toys: ModuleType, simulation: Simulation
) -> None:
    for number in range(40):
        order(toys, str(number))
    let_deadlines_pass(toys)
    lose_messages(simulation)
    passes = at_once(sweep, sweep)
    assert Counter(message.reaction for message in simulation.messages) == Counter(
        row.id for row in rows_of(reactions)
    )
    assert sum(swept.sent for swept in passes) == 40
    assert sum(swept.overdue for swept in passes) == 40


def at_once(*functions: Callable[[], Any]) -> list[Any]:
    """Call all of them at the same moment, each in its own thread; what they returned."""
    ready, results = threading.Barrier(len(functions)), []

    def call(function: Callable[[], Any]) -> None:
        ready.wait()
        results.append(function())

    threads = [threading.Thread(target=call, args=(function,)) for function in functions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def test_more_reactions_than_one_commit_may_hand_over_are_sent_by_the_next_sweep(
    toys: ModuleType, simulation: Simulation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.engine.reactions.HANDOFF_MESSAGES", 2)
    monkeypatch.setattr(queue, "HANDOFF_MESSAGES", 2)
    sweep()
    with recording() as work:
        for number in range(5):
            work.record(toys.Ordered(parcel=str(number)))
    assert len(simulation.messages) == 2
    assert sweep().sent == 3
