"""Limits of a listener: never more at work at once, never more per second, and nobody forgotten."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import partial
from itertools import accumulate, combinations, pairwise
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from sqlalchemy import Engine, event, update

from app.engine import faults, now, recording
from app.engine.cancelling import request_cancel
from app.engine.database import get_engine, writing
from app.engine.limits import ASK_AGAIN
from app.engine.listeners import LISTENERS
from app.engine.recovery import expire_leases
from app.engine.sweep import sweep
from app.engine.tables import flows, limits, reactions
from tests.fixtures.databases import empty, wait_for
from tests.fixtures.simulation import Crash, Simulation
from tests.fixtures.toy_processes import ToyProcesses
from tests.integration.engine.looking import order, rows_of
from tests.integration.engine.test_seeds import check_world

PARCELS = "abcdefgh"
SEND = "toys:toys.send"
#: Of real workers, in seconds, and by which two looks at the clock in one claim may differ.
SWEEP, SLACK = 0.1, 0.02


@pytest.fixture
def limited(toys: ModuleType) -> Callable[..., None]:
    """`limited(at_once=2)`: the same world, in which only so many parcels are sent."""

    def declare(**how: Any) -> None:
        LISTENERS.__init__()
        toys.declare({"send": how})

    return declare


def sends(**equal: Any) -> list[Any]:
    return rows_of(reactions, action="toys.send", **equal)


def pack(toys: ModuleType, simulation: Simulation, parcels: str) -> None:
    """Let parcels be packed, so that messages to send them wait in the queue."""
    for parcel in parcels:
        order(toys, parcel)
    others = [message for message in simulation.messages if message.action != "toys.pack"]
    simulation.messages[:] = [message for message in simulation.messages if message not in others]
    for _ in parcels:
        simulation.deliver()
    simulation.messages[:0] = others


def abandon(simulation: Simulation) -> None:
    """Let a worker die right after it took the next reaction up."""

    def die(point: str) -> None:
        if point == "claim.after_commit":
            raise Crash(point)

    with faults.on_fault(die):
        simulation.deliver()


def watch(toys: ModuleType, simulation: Simulation) -> list[int]:
    """How many were at work whenever a body began; each body lets others go on meanwhile."""
    seen: list[int] = []

    def meanwhile() -> None:
        seen.append(len(sends(state="running")))
        if simulation.messages and len(simulation.working) < 6:
            simulation.deliver()

    toys.trouble["send"] = meanwhile
    return seen


def test_no_more_than_so_many_are_at_work_and_all_of_them_are_done(
    toys: ModuleType, simulation: Simulation, limited: Callable[..., None]
) -> None:
    limited(at_once=2)
    seen = watch(toys, simulation)
    pack(toys, simulation, PARCELS)
    simulation.drain()
    assert max(seen) == 2
    assert len(seen) == len(PARCELS)
    assert {(row.state, row.attempt, row.waits_for) for row in sends()} == {("done", 1, None)}


@pytest.mark.parametrize("how", [{"at_once": 2}, {"rate": 3}, {"at_once": 2, "rate": 3}], ids=repr)
def test_a_limit_holds_through_any_order_any_crash_any_loss(
    toys: ModuleType, simulation: Simulation, limited: Callable[..., None], how: dict[str, Any]
) -> None:
    limited(**how)
    for seed in range(6):
        empty(get_engine())
        toys.effects.clear()
        simulation.restart()
        seen = watch(toys, simulation)
        simulation.drain(seed, arrivals=[partial(order, toys, parcel) for parcel in "abc"])
        check_world(toys)
        assert max(seen) <= how.get("at_once", 99)


def test_a_full_house_puts_a_reaction_back_uncounted_until_another_ends(
    toys: ModuleType, simulation: Simulation, limited: Callable[..., None]
) -> None:
    limited(at_once=1)
    pack(toys, simulation, "ab")

    def meanwhile() -> None:
        del toys.trouble["send"]
        simulation.deliver()
        [put_back] = sends(state="waiting")
        assert (put_back.waits_for, put_back.attempt, put_back.fence, put_back.sends) == ("slot", 0, 0, 0)
        assert put_back.wake_at == put_back.due_at == now() + timedelta(seconds=ASK_AGAIN)
        assert put_back.worker is None

    toys.trouble["send"] = meanwhile
    simulation.deliver()
    [second] = sends(state="ready")
    assert [message.reaction for message in simulation.messages].count(second.id) == 1  # without a sweep
    simulation.drain()
    assert {row.attempt for row in sends()} == {1}


ENDS = ["succeeds", "fails", "retries", "is buried", "loses its lease", "is cancelled"]


@pytest.mark.parametrize("how", ENDS)
def test_however_an_attempt_ends_the_next_one_is_let_go_with_it(
    toys: ModuleType, simulation: Simulation, limited: Callable[..., None], how: str
) -> None:
    limited(at_once=1)
    pack(toys, simulation, "abc")
    first, second, third = (row.id for row in sends())
    with writing() as db:  # its last attempt, if it is to be buried
        attempt = 9 if how == "is buried" else 0
        db.execute(update(reactions).where(reactions.c.id == first).values(attempt=attempt))

    def meanwhile() -> None:
        toys.trouble.clear()
        simulation.deliver()
        simulation.deliver()
        assert {row.id for row in sends(state="waiting")} == {second, third}
        if how in ("loses its lease", "is cancelled"):
            raise Crash(how)
        {"fails": toys.permanent, "retries": toys.retryable, "is buried": toys.bug}.get(how, list)()

    toys.trouble["send"] = meanwhile
    simulation.crashing(simulation.deliver)
    if how == "is cancelled":
        with recording() as work:
            request_cancel(work, sends(id=first)[0].flow)
        with writing() as db:  # its grace time is over
            db.execute(update(flows).where(flows.c.cancel_at.is_not(None)).values(cancel_at=now()))
        sweep()
    elif how == "loses its lease":
        simulation.clock.shift(timedelta(seconds=11))
        expire_leases(now())
    states = {row.id: row.state for row in sends()}
    assert (states[first] != "running", states[second], states[third]) == (True, "ready", "waiting")
    assert second in [message.reaction for message in simulation.messages]
    simulation.drain()
    assert not any(row.wake_at for row in sends())


def test_who_came_later_stands_back_for_the_one_that_was_let_go(
    toys: ModuleType, simulation: Simulation, limited: Callable[..., None]
) -> None:
    limited(at_once=1)
    pack(toys, simulation, "ab")
    toys.trouble["send"] = lambda: toys.trouble.clear() or simulation.deliver()
    simulation.deliver()
    pack(toys, simulation, "c")
    waited, late = (row for row in sends(state="ready"))
    [message] = [each for each in simulation.messages if each.reaction == late.id]
    simulation.messages.remove(message)
    simulation.messages.insert(0, message)
    simulation.deliver()
    assert [(row.id, row.waits_for) for row in sends(state="waiting")] == [(late.id, "slot")]
    simulation.drain()
    ended = {row.id: row.ended_at for row in sends()}
    assert list(ended) == sorted(ended, key=ended.__getitem__)
    assert waited.waits_for == "slot"


def test_a_rate_gives_each_its_place_and_the_sweep_lets_it_go(
    toys: ModuleType, simulation: Simulation, limited: Callable[..., None]
) -> None:
    limited(rate=2)
    begun: list[datetime] = []
    toys.trouble["send"] = lambda: begun.append(now())
    pack(toys, simulation, "abcde")
    began = now()
    for _ in "abcde":
        simulation.deliver()
    waiting = sends(state="waiting")
    assert [row.due_at - began for row in waiting] == [timedelta(seconds=n / 2) for n in (1, 2, 3, 4)]
    assert {(row.waits_for, row.attempt, row.wake_at == row.due_at) for row in waiting} == {("rate", 0, True)}
    simulation.drain()
    pauses = [later - earlier for earlier, later in pairwise(begun)]
    assert all(timedelta(seconds=0.49) < pause < timedelta(seconds=0.51) for pause in pauses)
    assert {(row.state, row.attempt, row.waits_for) for row in sends()} == {("done", 1, None)}


def test_a_rate_that_nobody_used_allows_no_burst_later(
    toys: ModuleType, simulation: Simulation, limited: Callable[..., None]
) -> None:
    limited(rate=1)
    pack(toys, simulation, "a")
    simulation.deliver()
    simulation.clock.shift(timedelta(seconds=60))
    simulation.messages.clear()
    pack(toys, simulation, "bc")
    simulation.deliver()
    simulation.deliver()
    assert [row.state for row in sends()] == ["done", "done", "waiting"]


def test_a_rate_holds_when_many_have_waited_for_a_sweep_that_was_away(
    toys: ModuleType, limited: Callable[..., None], simulation: Simulation
) -> None:
    limited(rate=1)
    pack(toys, simulation, PARCELS)
    begun: list[datetime] = []
    toys.trouble["send"] = lambda: begun.append(now())
    while simulation.messages:
        simulation.deliver()
    simulation.clock.shift(timedelta(minutes=10))
    while sends(state="waiting") or simulation.messages:
        sweep()
        while simulation.messages:
            simulation.deliver()
        simulation.wait(timedelta(seconds=1))
    assert len(begun) == len(PARCELS)
    for at in begun:  # two pauses of the sweep, and one
        assert sum(at <= other < at + timedelta(seconds=1) for other in begun) <= 4


def test_a_retry_is_an_attempt_of_the_rate_too(
    toys: ModuleType, simulation: Simulation, limited: Callable[..., None]
) -> None:
    limited(rate=0.01)
    toys.trouble["send"] = toys.retryable
    pack(toys, simulation, "a")
    simulation.deliver()
    [row] = sends()
    assert row.waits_for == "retry"
    simulation.clock.move_to(row.wake_at)
    sweep()
    simulation.deliver()
    [again] = sends()
    assert (again.waits_for, again.attempt) == ("rate", 1)
    assert again.due_at == row.started_at + timedelta(seconds=100)


def test_places_in_the_rate_that_nobody_has_are_not_waited_for(
    toys: ModuleType, simulation: Simulation, limited: Callable[..., None]
) -> None:
    """A clock was set back, or those who had the places were cancelled."""
    limited(rate=2)
    with writing() as db:
        db.execute(limits.insert().values(listener=SEND, next_at=now() + timedelta(days=400)))
    pack(toys, simulation, "a")
    simulation.deliver()
    [row] = sends()
    assert row.due_at == now() + timedelta(seconds=0.5)
    simulation.drain()
    assert sends()[0].state == "done"


def test_a_listener_that_this_process_does_not_know_has_no_limits(
    toys: ModuleType, simulation: Simulation, limited: Callable[..., None]
) -> None:
    limited(at_once=1)
    pack(toys, simulation, "ab")
    with writing() as db:
        db.execute(update(reactions).where(reactions.c.action == "toys.send").values(listener="of another"))
    abandon(simulation)
    simulation.deliver()
    assert sorted(row.state for row in sends()) == ["done", "running"]


@contextmanager
def statements(engine: Engine) -> Iterator[list[str]]:
    said: list[str] = []
    listen = (engine, "before_cursor_execute", lambda *args: said.append(args[2]))
    event.listen(*listen)
    yield said
    event.remove(*listen)


def test_a_listener_without_limits_pays_nothing(
    toys: ModuleType, simulation: Simulation, limited: Callable[..., None], engine: Engine
) -> None:
    counts = []
    for how in ({}, {"at_once": 9}):
        limited(**how)
        simulation.messages.clear()
        with statements(engine) as said:
            pack(toys, simulation, "ab"[len(counts)])
            simulation.deliver()
        counts.append(sum("limits" in each for each in said))
    assert counts == [0, 4]  # lock and make the row at the claim, lock it again, and once more at the end


# with real workers


def set_up(configure: Callable[..., None], **how: dict[str, Any]) -> None:
    """Say more of listeners in the processes that begin from here on."""
    configure(TOY_LISTENERS=json.dumps(how), LEASE_SECONDS="2", SWEEP_SECONDS=str(SWEEP))


def worker_of(child: int) -> int:
    """The main process over a worker's child."""
    return int(Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()[1])


def check_rate(rate: float, begun: list[datetime]) -> None:
    """Between any two begins, however near or far, were no more than decision 0070 allows."""
    for first, last in combinations(range(len(begun)), 2):
        time = (begun[last] - begun[first]).total_seconds()
        assert last - first + 1 <= rate * (time + 2 * SWEEP + SLACK) + 2, (first, last, time)


def test_two_real_workers_keep_both_limits_together(
    toy_processes: ToyProcesses, toys: ModuleType, configure: Callable[..., None]
) -> None:
    set_up(configure, send={"at_once": 2}, insure={"rate": 10})
    toy_processes.takes("send", 0.05)
    toy_processes.worker("inner", "inner")
    outer = [toy_processes.worker(name, slots=4) for name in ("one", "another")]
    toy_processes.beat()
    for number in range(30):
        order(toys, str(number))
    wait_for(lambda: len(toy_processes.effects("insure")) == 30, seconds=60, what="all thirty")
    ends = toy_processes.ends()
    moments = sorted([(one.at, 1) for one in toy_processes.begun()] + [(at, -1) for at in ends.values()])
    assert max(accumulate(change for _, change in moments)) == 2
    assert len(ends) == len(toy_processes.effects()) == 30
    check_rate(10, sorted(row.started_at for row in rows_of(reactions, action="toys.insure")))
    for action in ("send", "insure"):
        took_part = {worker_of(one.pid) for one in toy_processes.begun(action)}
        assert took_part == {each.process.pid for each in outer}


def test_the_slots_of_a_killed_worker_come_free_with_its_leases(
    toy_processes: ToyProcesses, toys: ModuleType, configure: Callable[..., None]
) -> None:
    set_up(configure, send={"at_once": 2})
    toy_processes.takes("send", 30)
    toy_processes.worker("inner", "inner")
    killed = toy_processes.worker("killed")
    toy_processes.beat()
    for parcel in "abcd":
        order(toys, parcel)
    wait_for(lambda: len(toy_processes.begun()) == 2, what="both slots to be taken")
    toy_processes.takes("send", 0)
    toy_processes.worker("other")
    wait_for(lambda: len(sends(state="waiting", waits_for="slot")) == 2, what="the others to wait")
    assert len(toy_processes.begun()) == 2
    killed.kill()
    wait_for(lambda: {row.state for row in sends()} == {"done"}, seconds=ASK_AGAIN - 3, what="all four")
    assert sorted(row.attempt for row in sends()) == [1, 1, 2, 2]
