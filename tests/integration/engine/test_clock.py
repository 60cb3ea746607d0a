"""Clocks that are set, by hours or years, forward and back: what runs is not disturbed, what waits is not
forgotten.
"""

from collections import Counter
from datetime import timedelta
from types import ModuleType

import pytest
from sqlalchemy import insert, select, update

from app.engine import clock, faults, now, reading
from app.engine.ahead import AHEAD
from app.engine.database import writing
from app.engine.jumps import LEAST, WATCH, Watch
from app.engine.queue import lease
from app.engine.sweep import sweep
from app.engine.tables import limits, reactions
from tests.fixtures.simulation import Crash, Simulation
from tests.integration.engine.looking import deliver_until, flow_row, order, reaction_of, rows_of, types_of

SECOND, MINUTE, HOUR, YEAR = (timedelta(seconds=each) for each in (1, 60, 3600, 365 * 86400))
FORWARD = pytest.mark.parametrize("by", [HOUR, YEAR])


class Machine:
    """A computer: time passes on all its clocks, and one of them can be set."""

    def __init__(self, simulation: Simulation) -> None:
        self.simulation = simulation

    def wait(self, time: timedelta) -> None:
        """Time passes, in which hearts beat and sweeps go on; the last one is left to the test."""
        step = max(MINUTE, time / 60)
        while time > step:
            self.simulation.wait(step)
            sweep()
            time -= step
        self.simulation.wait(time)

    def set_clock(self, by: timedelta) -> None:
        self.simulation.jump(by)
        sweep()


@pytest.fixture
def machine(simulation: Simulation, monkeypatch: pytest.MonkeyPatch) -> Machine:
    running = Machine(simulation)
    monkeypatch.setattr(WATCH, "_jumps", [])
    monkeypatch.setattr(WATCH, "_looked", None)
    monkeypatch.setattr(AHEAD, "_next_look", 0.0)
    monkeypatch.setattr(AHEAD, "_found", {})
    sweep()
    return running


def give_a_deadline(toys: ModuleType, after: timedelta) -> None:
    with writing() as db:
        db.execute(update(toys.parcels).values(deadline_at=now() + after))


@FORWARD
def test_a_jump_forward_takes_no_lease_of_one_who_works(
    toys: ModuleType, machine: Machine, simulation: Simulation, by: timedelta
) -> None:
    def work_on() -> None:
        machine.wait(SECOND)
        machine.set_clock(by)
        machine.wait(lease() / 3)
        assert sweep().expired == 0

    toys.trouble["send"] = work_on
    order(toys)
    simulation.drain()
    row = reaction_of("toys.send")
    assert (row.state, row.attempt, row.fence) == ("done", 1, 1)


@FORWARD
def test_after_a_jump_forward_the_lease_of_a_dead_one_ends_when_it_would_have(
    toys: ModuleType, machine: Machine, simulation: Simulation, by: timedelta
) -> None:
    order(toys)
    deliver_until(simulation, "toys.send")
    with faults.on_fault(lambda point: die(point)):
        simulation.deliver()
    machine.wait(SECOND)
    machine.set_clock(by)
    machine.wait(lease() - 3 * SECOND)
    assert sweep().expired == 0
    machine.wait(3 * SECOND)
    assert sweep().expired == 1


def die(point: str) -> None:
    if point == "claim.after_commit":
        raise Crash(point)


@FORWARD
def test_a_jump_forward_passes_no_deadline_before_its_time(
    toys: ModuleType, machine: Machine, simulation: Simulation, by: timedelta
) -> None:
    flow = order(toys)
    simulation.messages.clear()
    give_a_deadline(toys, timedelta(minutes=10))
    machine.wait(timedelta(minutes=1))
    machine.set_clock(by)
    machine.wait(timedelta(minutes=8))
    sweep()
    assert "toy.parcel.stalled" not in types_of(flow)
    give_a_deadline(toys, timedelta(minutes=1))  # set by the new time, it counts by that
    machine.wait(timedelta(minutes=1))
    assert sweep().overdue == 1


@FORWARD
def test_a_deadline_that_a_jump_forward_left_behind_passes_in_its_time(
    toys: ModuleType, machine: Machine, simulation: Simulation, by: timedelta
) -> None:
    order(toys)
    simulation.messages.clear()
    give_a_deadline(toys, timedelta(minutes=10))
    for _ in range(2):  # and again, as when a machine sleeps more than once
        machine.set_clock(by)
        machine.wait(timedelta(minutes=4))
        assert sweep().overdue == 0
    machine.wait(timedelta(minutes=2))
    assert sweep().overdue == 1


def be_off(simulation: Simulation, time: timedelta) -> None:
    """The whole platform is off, and begins anew."""
    simulation.clock.shift(time)
    WATCH.__init__()


def test_what_was_under_way_has_the_rest_of_its_time_after_the_platform_was_off(
    toys: ModuleType, machine: Machine, simulation: Simulation
) -> None:
    order(toys)
    simulation.messages.clear()
    give_a_deadline(toys, timedelta(minutes=10))
    machine.wait(timedelta(minutes=4))
    sweep()
    be_off(simulation, HOUR)
    assert sweep().overdue == 0
    machine.wait(timedelta(minutes=5, seconds=50))
    assert sweep().overdue == 0
    machine.wait(timedelta(seconds=15))
    assert sweep().overdue == 1


def test_a_lease_outlives_an_absence_of_the_sweep_by_the_time_in_which_its_holder_says_that_it_lives(
    toys: ModuleType, machine: Machine, simulation: Simulation
) -> None:
    order(toys)
    deliver_until(simulation, "toys.send")
    with faults.on_fault(lambda point: die(point)):
        simulation.deliver()
    machine.wait(SECOND)
    sweep()
    be_off(simulation, HOUR)
    assert sweep().expired == 0
    machine.wait(lease() - SECOND)
    assert sweep().expired == 0
    machine.wait(SECOND)
    assert sweep().expired == 1


def test_an_absence_is_none_when_another_process_has_swept_meanwhile(simulation: Simulation) -> None:
    watch = Watch()
    watch.look(now)
    simulation.clock.shift(HOUR)
    watch.look(lambda: now() - SECOND)
    assert not watch._jumps
    simulation.clock.shift(HOUR)
    watch.look(lambda: now() - HOUR)
    assert [jump.by for jump in watch._jumps] == [HOUR]


@FORWARD
def test_a_jump_that_is_taken_back_leaves_no_trace(
    toys: ModuleType, machine: Machine, simulation: Simulation, by: timedelta
) -> None:
    order(toys)
    simulation.messages.clear()
    give_a_deadline(toys, timedelta(minutes=10))
    machine.set_clock(by)
    machine.set_clock(-by)
    machine.wait(timedelta(minutes=9))
    assert sweep().overdue == 0
    machine.wait(timedelta(minutes=1))
    assert sweep().overdue == 1
    assert not WATCH._jumps


@FORWARD
def test_a_listener_that_waits_for_a_scope_is_not_answered_early(
    toys: ModuleType, machine: Machine, simulation: Simulation, by: timedelta
) -> None:
    order(toys)
    deliver_until(simulation, "toys.insure")
    simulation.messages.clear()
    machine.set_clock(by + HOUR)
    machine.wait(timedelta(minutes=59))
    assert sweep().settled == 0
    machine.wait(timedelta(minutes=1))
    assert sweep().settled == 1


@FORWARD
def test_flows_in_the_making_end_well_after_a_jump_forward(
    toys: ModuleType, machine: Machine, simulation: Simulation, by: timedelta
) -> None:
    flows = [order(toys, parcel) for parcel in "abc"]
    simulation.deliver()
    machine.set_clock(by)
    simulation.drain()
    assert {flow_row(flow).state for flow in flows} == {"succeeded"}
    assert {row.outcome for row in rows_of(reactions)} == {"succeeded"}


def test_small_differences_are_no_jumps(simulation: Simulation, monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock that is corrected by fractions, or a process that stood still between two looks."""
    watch, ticks = Watch(), [0.0]
    monkeypatch.setattr(clock, "ticks", lambda: ticks[0])
    watch.look()
    simulation.clock.shift(LEAST - SECOND)
    watch.look()
    simulation.clock.shift(HOUR)
    ticks[0] += HOUR.total_seconds()
    assert watch.is_over(now(), watch.look())
    assert not watch._jumps


@FORWARD
def test_what_was_written_ahead_of_a_jump_back_is_not_forgotten(
    toys: ModuleType, machine: Machine, simulation: Simulation, by: timedelta
) -> None:
    """A message that was lost, a lease whose holder has died, a retry, and one that waits for a slot."""
    machine.set_clock(by)
    for state in ("lost", "leased", "retry"):
        order(toys, state)
    simulation.messages.clear()
    with writing() as db:
        for state, values in (
            ("leased", {"state": "running", "wake_at": now() + lease()}),
            ("retry", {"state": "waiting", "waits_for": "retry", "wake_at": now() + timedelta(minutes=5)}),
        ):
            db.execute(update(reactions).where(reactions.c.stream == f"/parcels/{state}").values(**values))
    machine.set_clock(-by)
    machine.wait(lease() + SECOND)
    sweep()
    assert Counter(message.label for message in simulation.messages) >= Counter(
        ["parcel lost", "parcel leased", "parcel retry"]
    )


@pytest.mark.parametrize("waits_for", ["delay", "event"])
def test_a_wait_that_began_ahead_takes_as_long_as_it_was_to_take(
    toys: ModuleType, machine: Machine, simulation: Simulation, waits_for: str
) -> None:
    machine.set_clock(YEAR)
    order(toys)
    simulation.messages.clear()
    until = now() + HOUR
    with writing() as db:
        db.execute(
            update(reactions).values(state="waiting", waits_for=waits_for, due_at=until, wake_at=until)
        )
    machine.set_clock(-YEAR)
    for _ in range(3):  # and looking again moves nothing
        machine.wait(timedelta(minutes=2))
        sweep()
    assert timedelta() < reaction_of("toys.pack").due_at - now() < HOUR


def test_a_wait_that_is_long_and_was_not_written_ahead_stays_as_it_is(
    toys: ModuleType, machine: Machine, simulation: Simulation
) -> None:
    order(toys)
    until = now() + YEAR
    with writing() as db:
        db.execute(update(reactions).values(state="waiting", waits_for="delay", due_at=until, wake_at=until))
    give_a_deadline(toys, YEAR)
    machine.wait(2 * HOUR)
    sweep()
    assert (reaction_of("toys.pack").due_at, sweep().overdue) == (until, 0)


@FORWARD
def test_a_deadline_that_was_set_ahead_passes_in_its_time(
    toys: ModuleType, machine: Machine, simulation: Simulation, by: timedelta
) -> None:
    machine.set_clock(by)
    flow = order(toys)
    simulation.messages.clear()
    give_a_deadline(toys, timedelta(minutes=10))
    machine.set_clock(-by)
    machine.wait(timedelta(minutes=9))
    assert sweep().overdue == 0
    machine.wait(timedelta(minutes=2))
    assert sweep().overdue == 1
    assert types_of(flow).count("toy.parcel.stalled") == 1
    assert sweep().overdue == 0


def test_a_listener_that_began_to_wait_for_a_scope_ahead_is_answered_in_its_time(
    toys: ModuleType, machine: Machine, simulation: Simulation
) -> None:
    machine.set_clock(YEAR)
    order(toys)
    deliver_until(simulation, "toys.insure")
    simulation.messages.clear()
    machine.set_clock(-YEAR)
    machine.wait(timedelta(minutes=59))
    assert sweep().settled == 0
    machine.wait(timedelta(minutes=2))
    assert sweep().settled == 1


@pytest.mark.parametrize("ordered", ["ahead", "before"])
def test_places_in_a_rate_that_were_given_out_ahead_are_given_out_anew(
    toys: ModuleType, machine: Machine, simulation: Simulation, ordered: str
) -> None:
    if ordered == "before":
        order(toys)
    machine.set_clock(YEAR)
    if ordered == "ahead":
        order(toys)
    until = now() + timedelta(minutes=5)
    with writing() as db:
        db.execute(update(reactions).values(state="waiting", waits_for="rate", due_at=until, wake_at=until))
        db.execute(insert(limits).values(listener=reaction_of("toys.pack").listener, next_at=until))
    simulation.messages.clear()
    machine.set_clock(-YEAR)
    machine.wait(MINUTE)
    sweep()
    assert [message.action for message in simulation.messages] == ["toys.pack"]
    with reading() as db:
        assert db.execute(select(limits.c.next_at)).scalar_one() is None
