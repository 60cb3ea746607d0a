"""Cancels that meet others: claims, people who ask at once, the sweep, and whatever chance brings."""

import threading
from collections.abc import Callable
from functools import partial
from types import ModuleType
from typing import Any

import pytest
from sqlalchemy import Engine, select, update

from app.engine import faults, log, now, reading
from app.engine.actions import ACTIONS
from app.engine.cancelling import end_cancelled
from app.engine.database import writing
from app.engine.rebuild import verify
from app.engine.running import run
from app.engine.sweep import sweep
from app.engine.tables import flows, reactions, scopes
from tests.fixtures.databases import empty, wait_for
from tests.fixtures.schedules import seeds
from tests.fixtures.simulation import Simulation
from tests.integration.engine.cancels import ASKED, CANCELLED, MISSED, cancel, check_coverage, states
from tests.integration.engine.looking import flow_row, order, rows_of, somebody_waits, types_of

SEEDS = seeds(range(10))


@pytest.fixture
def overlapping(postgres_engine: Engine, toys: ModuleType, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Real transactions, on the database where they overlap; the messages that nobody delivers."""
    messages: list[Any] = []
    monkeypatch.setattr("app.engine.queue.send", lambda new, *, give_up: messages.extend(new))
    return messages


def hold(stream: str) -> Callable[[], object]:
    """Lock a stream in a transaction of its own; calling what it returns lets go."""
    held, enough = threading.Event(), threading.Event()

    def keep() -> None:
        with writing() as db:
            log.lock_stream(db, stream)
            held.set()
            enough.wait(20)

    keeper = threading.Thread(target=keep)
    keeper.start()
    held.wait(20)
    return lambda: (enough.set(), keeper.join(20))


def test_the_sweep_waits_for_nobody(toys: ModuleType, overlapping: list[Any]) -> None:
    flow = order(toys)
    with writing() as db:
        db.execute(update(flows).values(cancel_at=now()))
    let_go = hold("/parcels/a")
    assert end_cancelled(now()) == 0
    let_go()
    assert states(flow) == {"pack": "ready"}


def test_two_who_ask_at_once_ask_once(toys: ModuleType, overlapping: list[Any]) -> None:
    flow = order(toys)
    let_go = hold("/parcels/a")
    asking = [threading.Thread(target=cancel, args=(flow,)) for _ in range(4)]
    for each in asking:
        each.start()
    wait_for(somebody_waits, what="somebody to wait for the stream")
    let_go()
    for each in asking:
        each.join(20)
    assert types_of(flow) == ["toy.parcel.ordered", ASKED, CANCELLED]


def test_a_claim_that_is_not_committed_yet_is_not_passed_by(toys: ModuleType, overlapping: list[Any]) -> None:
    """It holds the reaction's row without the stream's lock, so the cancel waits and sees it at work."""
    flow = order(toys)
    run(ACTIONS["toys.pack"], overlapping.pop().reaction)
    asking = threading.Thread(target=cancel, args=(flow,))

    def meanwhile(point: str) -> None:
        if point == "claim.before_commit":
            asking.start()
            wait_for(somebody_waits, what="the cancel to wait for the claim")
        elif point == "outer.after_effect":
            asking.join(20)
            assert states(flow)["send"] == "running"

    with faults.on_fault(meanwhile):
        assert run(ACTIONS["toys.send"], overlapping.pop().reaction) == "done"
    assert sweep().cancelled == 1
    assert (flow_row(flow).state, flow_row(flow).open) == ("cancelled", 0)
    assert states(flow) == {"pack": "done", "send": "done", "insure": "cancelled", "arrive": "cancelled"}


def one_run(toys: ModuleType, simulation: Simulation, engine: Engine, seed: int) -> None:
    empty(engine)
    toys.effects.clear()
    simulation.restart()

    def cancel_newest() -> None:
        with reading() as db:
            newest = db.execute(select(flows.c.id).order_by(flows.c.id.desc()).limit(1)).scalar()
        if newest:
            cancel(newest)

    requests: list[Any] = [partial(order, toys, parcel) for parcel in "abcd"]
    requests += [(0.01 + seed % 7, cancel_newest), cancel_newest, (2.0, cancel_newest)]
    simulation.drain(seed, arrivals=requests)


@pytest.mark.parametrize("block", range(2))
def test_a_cancel_at_any_moment_ends_the_flow_and_nothing_is_left_over(
    toys: ModuleType, simulation: Simulation, engine: Engine, block: int
) -> None:
    ends: set[str] = set()
    for seed in SEEDS[block::2]:
        with simulation.telling():
            one_run(toys, simulation, engine, seed)
            rows = rows_of(flows)
            assert {(row.open, row.cancel_at, row.deadline_at) for row in rows} == {(0, None, None)}
            for row in rows:
                told = types_of(row.id)
                assert told.count(ASKED) == told.count(CANCELLED) + told.count(MISSED) <= 1
                assert (row.state == "cancelled") == (CANCELLED in told)
                assert ("toy.parcel.arrived" in told) == (row.state == "succeeded")
                ends.add(row.state)
            assert {row.state for row in rows_of(reactions)} <= {"done", "cancelled"}
            assert {(row.open, len(row.waiting)) for row in rows_of(scopes)} <= {(0, 0)}
            check_coverage()
            assert not verify()
    assert ends == {"cancelled", "succeeded"}
