"""Workers that die, stand still or work on without their lease: real processes, real signals, real time."""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from signal import SIGCONT, SIGKILL, SIGSTOP
from types import ModuleType

import pytest
from sqlalchemy import Engine, update

from app.engine import current, interrupts, now, queue
from app.engine.actions import ACTIONS
from app.engine.database import writing
from app.engine.interrupts import SIGNAL, interrupt
from app.engine.leases import HEARTBEAT
from app.engine.queue import Message
from app.engine.running import run
from app.engine.tables import flows, reactions
from config.settings import get_settings
from tests.fixtures.databases import wait_for
from tests.fixtures.toy_processes import ToyProcesses
from tests.integration.engine.looking import flow_row, order, reaction_of, rows_of, types_of

#: Promised with the settings that everybody has.
RECOVERED_SECONDS = 15
#: For what is between signals and processes alone; what they say to databases is the same elsewhere.
ON_SQLITE = pytest.mark.parametrize("toy_processes", ["sqlite"], indirect=True)


def at_rest() -> bool:
    return not any(row.wake_at for row in rows_of(reactions))


def sending(toy_processes: ToyProcesses, toys: ModuleType, seconds: float) -> tuple[str, int]:
    """A flow whose sending takes so long, and the child that does it; whoever sends after it is quick."""
    toy_processes.takes("send", seconds)
    toy_processes.worker("inner", "inner")
    toy_processes.worker("outer", slots=1)
    toy_processes.beat()
    flow = order(toys)
    wait_for(toy_processes.begun, what="the body to begin")
    toy_processes.takes("send", 0)
    return flow, toy_processes.begun()[0].pid


@pytest.mark.parametrize(
    ("toy_processes", "victim"), [("sqlite", "child"), ("postgres", "main")], indirect=["toy_processes"]
)
def test_what_a_killed_worker_had_is_taken_up_within_fifteen_seconds(
    toy_processes: ToyProcesses, toys: ModuleType, victim: str
) -> None:
    assert (get_settings().lease_seconds, get_settings().sweep_seconds) == (10, 1)
    flow, child = sending(toy_processes, toys, 60)
    os.kill(child if victim == "child" else toy_processes["outer"].process.pid, SIGKILL)
    wait_for(lambda: flow_row(flow).state == "succeeded", seconds=RECOVERED_SECONDS, what="the flow to end")
    first, second = toy_processes.begun()
    assert (first.key, first.attempt, second.attempt) == (second.key, 1, 2)
    assert toy_processes.effects() == [first.key]


def test_a_paused_worker_that_wakes_after_its_lease_cannot_commit(
    toy_processes: ToyProcesses, toys: ModuleType, configure: Callable[..., None]
) -> None:
    configure(LEASE_SECONDS="2", SWEEP_SECONDS="0.3")
    flow, child = sending(toy_processes, toys, 3)
    os.kill(child, SIGSTOP)
    spare = toy_processes.worker("spare", slots=1)
    wait_for(at_rest, what="the other attempt, and what follows of it")
    before, story = reaction_of("toys.send"), types_of(flow)
    os.kill(child, SIGCONT)
    wait_for(lambda: toy_processes["outer"].says("'lost'"), what="the paused one to end")
    assert reaction_of("toys.send") == before
    assert types_of(flow) == story
    assert before.attempt == 2
    assert before.worker != f"{os.uname().nodename}:{child}"
    assert spare.says("'done'")
    assert set(toy_processes.effects()) == {before.id}


@ON_SQLITE
def test_a_body_that_works_on_without_its_lease_is_interrupted_and_its_slot_is_free(
    toy_processes: ToyProcesses, toys: ModuleType, configure: Callable[..., None]
) -> None:
    configure(LEASE_SECONDS="2", SWEEP_SECONDS="0.3")
    flow, child = sending(toy_processes, toys, 60)
    with writing() as db:
        ours = reactions.c.id == reaction_of("toys.send").id
        db.execute(update(reactions).where(ours).values(fence=99, state="ready"))
    wait_for(lambda: flow_row(flow).state == "succeeded", what="the only slot to take it again")
    assert [one.pid for one in toy_processes.begun()] == [child, child]
    assert toy_processes["outer"].says("'lost'")
    assert len(toy_processes.effects()) == 1
    assert types_of(flow).count("toy.parcel.send.failed") == 0


@pytest.fixture
def like_a_child(
    engine: Engine, configure: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> Iterator[list[Message]]:
    """This process is taken for a child of Celery. What was sent to the broker."""
    configure(LEASE_SECONDS="0.3")
    messages: list[Message] = []
    monkeypatch.setattr(queue, "send", lambda batch, **_: messages.extend(batch) or len(batch))
    monkeypatch.setattr(interrupts, "_in_child", True)
    before = signal.getsignal(SIGNAL)
    yield messages
    signal.signal(SIGNAL, before)


def overtake() -> None:
    with writing() as db:
        db.execute(update(reactions).values(fence=reactions.c.fence + 1))


def test_no_signal_that_comes_too_late_meets_the_next_reaction(
    toys: ModuleType, like_a_child: list[Message]
) -> None:
    """The worst moment: the attempt has ended, the next has begun, and only then the signal arrives."""
    met: list[object] = []

    def lose() -> None:
        overtake()
        met.append(current())
        threading.Event().wait(30)

    def meet_the_signal() -> None:
        interrupt(met[0])  # which is not at work any more
        signal.pthread_kill(threading.main_thread().ident, SIGNAL)  # nor is the one that it was for
        met.append(current())

    for parcel, trouble, outcome in (("a", lose, "lost"), ("b", meet_the_signal, "done")):
        toys.trouble["send"] = trouble
        order(toys, parcel)
        run(ACTIONS["toys.pack"], like_a_child.pop().reaction)
        assert run(ACTIONS["toys.send"], like_a_child.pop().reaction) == outcome
    signal.pthread_kill(threading.main_thread().ident, SIGNAL)
    assert len(met) == 2
    assert not HEARTBEAT._held


def test_a_body_that_hides_the_first_interruption_meets_another(
    toys: ModuleType, like_a_child: list[Message]
) -> None:
    hidden: list[Exception] = []

    def swallow() -> None:
        overtake()
        while len(hidden) < 2:
            try:
                threading.Event().wait(30)
            except Exception as error:
                hidden.append(error)

    toys.trouble["send"] = swallow
    order(toys)
    run(ACTIONS["toys.pack"], like_a_child.pop().reaction)
    assert run(ACTIONS["toys.send"], like_a_child.pop().reaction) == "lost"
    assert reaction_of("toys.send").state == "running"


def test_the_cancel_of_a_flow_is_heard_with_the_next_beat(
    toys: ModuleType, like_a_child: list[Message]
) -> None:
    def cancel() -> None:
        with writing() as db:
            db.execute(update(flows).values(cancel_at=now()))
        wait_for(current().cancelled.is_set, seconds=5, what="the heartbeat to notice")
        assert not current().lost.is_set()
        current().check()

    toys.trouble["send"] = cancel
    order(toys)
    run(ACTIONS["toys.pack"], like_a_child.pop().reaction)
    assert run(ACTIONS["toys.send"], like_a_child.pop().reaction) == "cancelled"
