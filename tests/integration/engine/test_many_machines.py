"""PostgreSQL under many machines: nobody waits for a claim, whoever reads the log misses nothing that commits
late, nobody deadlocks, and the branches of a flow run side by side.
"""

import random
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta
from types import ModuleType
from typing import Any

import pytest
from sqlalchemy import Engine, select, text
from sqlalchemy.exc import OperationalError

from app.engine import Event, log, on, queue, reading, recording
from app.engine.actions import ACTIONS, Action
from app.engine.database import writing
from app.engine.listeners import LISTENERS
from app.engine.running import LEFT, run
from app.engine.tables import flows, reactions, scopes
from tests.fixtures.databases import wait_for
from tests.fixtures.simulation import Simulation
from tests.integration.engine import test_crew
from tests.integration.engine.looking import deliver_until, order, reaction_of, rows_of, types_of
from tests.integration.engine.test_crew import Crew, deadlocks

Beside = Callable[[Callable[[], Any]], Future[Any]]
FLOWS, WORKERS, BRANCHES = 8, 8, 4


@pytest.fixture
def engine(postgres_engine: Engine) -> Engine:
    """The database for many machines."""
    return postgres_engine


@pytest.fixture
def beside() -> Iterator[Beside]:
    """`beside(work)` lets another thread do something; the future has what it returned or raised."""
    with ThreadPoolExecutor(max_workers=12) as pool:
        yield pool.submit


@pytest.fixture
def crew(engine: Engine, configure: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> Crew:
    configure(LEASE_SECONDS="2")
    together = Crew(11)
    monkeypatch.setattr(test_crew, "WORKERS", WORKERS)
    monkeypatch.setattr(queue, "send", together.send)
    monkeypatch.setattr(queue, "broker_identity", lambda: "simulated")
    monkeypatch.setattr("app.engine.reactions.RESEND_SECONDS", 0.5)
    monkeypatch.setattr(Action, "backoff", lambda *_: timedelta(seconds=0.02))
    for action in ACTIONS.values():
        monkeypatch.setattr(action, "attempts", 100)  # a slow machine must not look like a poison
    return together


def test_a_claim_does_not_wait_for_a_transaction_that_has_the_row(
    toys: ModuleType, simulation: Simulation, beside: Beside
) -> None:
    order(toys)
    deliver_until(simulation, "toys.send")
    row = reaction_of("toys.send")

    def deliver() -> str:
        return run(ACTIONS["toys.send"], row.id)

    with writing() as db:
        db.execute(select(reactions.c.id).where(reactions.c.id == row.id).with_for_update()).one()
        assert beside(deliver).result(timeout=5) == "not there"
    assert reaction_of("toys.send").attempt == 0
    assert deliver() == "done"


# reading


class Reader:
    """Somebody who remembers the last position and comes back for what is behind it."""

    def __init__(self) -> None:
        self.read: list[Event] = []

    def come_back(self) -> None:
        with reading() as db:
            last = self.read[-1].position if self.read else 0
            self.read += log.read(db, after=last or 0, limit=7)

    def until(self, done: threading.Event) -> None:
        while not done.wait(0.005):
            self.come_back()


def test_readers_miss_nothing_of_what_commits_late_while_others_record_and_seal(
    toys: ModuleType, engine: Engine, beside: Beside, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log, "SEAL_BATCH", 5)
    done, begun, may_commit = threading.Event(), threading.Barrier(4), threading.Event()

    def late(number: int) -> None:
        with recording() as work:
            work.record(toys.Stamped(parcel=f"late {number}"))
            begun.wait(10)
            may_commit.wait(30)
            work.record(toys.Stamped(parcel=f"late {number}"))

    def write(number: int) -> None:
        for turn in range(15):
            with recording() as work:
                work.lock("/parcels/shared", f"/parcels/own {number}")
                work.record(toys.Stamped(parcel="shared"))
                work.record(toys.Stamped(parcel=f"own {number}"))
                work.record(toys.Stamped(parcel=f"own {number}, {turn}"))

    def seal() -> None:
        while not done.wait(0.005):
            log.catch_up()

    readers = [Reader(), Reader()]
    held = [beside(lambda number=number: late(number)) for number in range(3)]
    begun.wait(10)
    looking = [beside(lambda each=each: each.until(done)) for each in readers] + [beside(seal), beside(seal)]
    for each in [beside(lambda number=number: write(number)) for number in range(4)]:
        each.result()
    wait_for(lambda: all(len(each.read) == 180 for each in readers), what="the readers to have read the rest")
    may_commit.set()
    for each in held:
        each.result()
    wait_for(lambda: all(len(each.read) == 186 for each in readers), what="the readers to have read the late")
    done.set()
    for each in looking:
        each.result()
    for each in readers:
        check_reading(each.read)
    late_ones = [event for event in readers[0].read if event.stream.startswith("/parcels/late")]
    assert min(event.serial for event in late_ones) < min(event.serial for event in readers[0].read[:180])


def check_reading(read: list[Event]) -> None:
    """Every event once, in places without a gap, and each stream in its own order."""
    assert [event.position for event in read] == list(range(1, len(read) + 1))
    assert len({event.id for event in read}) == len(read)
    of_streams: dict[str, list[int]] = {}
    for event in read:
        of_streams.setdefault(event.stream, []).append(event.sequence)
    assert all(found == list(range(1, len(found) + 1)) for found in of_streams.values())


# side by side


def test_the_branches_of_a_flow_run_side_by_side(toys: ModuleType, crew: Crew) -> None:
    """Each of them waits until all of them are at work."""
    LISTENERS.__init__()
    on(toys.Ordered, do=toys.pack)
    for number in range(BRANCHES):
        on(toys.Packed, do=toys.send, name=f"branch {number}")
    meeting = threading.Barrier(BRANCHES)
    toys.trouble["send"] = lambda: meeting.wait(20)
    flow = order(toys)
    with crew.at_work():
        wait_for(crew.at_rest, what="the flow to end")
    assert crew.errors == []
    assert types_of(flow).count("toy.parcel.sent") == BRANCHES
    assert {row.attempt for row in rows_of(reactions, action="toys.send")} == {1}


def test_eight_workers_never_deadlock_in_flows_that_share_streams_and_scopes(
    trees: ModuleType, engine: Engine, crew: Crew, beside: Beside
) -> None:
    """Flows of any shape: joins in joins, grafts into other flows, people who record in several streams."""
    rng, before = random.Random(5), deadlocks(engine)
    with recording() as work:
        other = work.record(trees.Branch(tree="other", name="elsewhere"))
    trees.elsewhere[:] = [(other.flow, other.id)]
    refused = Counter[str]()

    def begin(number: int) -> None:
        nodes = [(f"tree {rng.randrange(3)}", trees.Plan(number * 10 + n, size=8).root) for n in range(3)]
        try:
            with recording("token:me") as work:
                if number % 4:  # else one after the other: what comes too late is not waited for
                    work.lock(*(f"/trees/{tree}" for tree, _ in nodes))
                for tree, node in nodes:
                    work.record(trees.signal_of(node, tree))
        except OperationalError as error:
            refused[type(error.orig).__name__] += 1

    with crew.at_work():
        for each in [beside(lambda number=number: begin(number)) for number in range(FLOWS)]:
            each.result()
        wait_for(crew.at_rest, seconds=60, what="all flows to end")
    assert crew.errors == []
    assert deadlocks(engine) == before, crew.outcomes
    assert refused.keys() <= {"LockNotAvailable"}
    assert refused.total() <= FLOWS / 4
    assert crew.outcomes["done"] > 80
    assert crew.outcomes[LEFT] < crew.outcomes["done"] / 4, "too many gave way to others"
    assert {row.state for row in rows_of(reactions)} == {"done"}
    assert {(row.state, row.open) for row in rows_of(flows)} == {("succeeded", 0)}
    assert {(row.open, tuple(row.waiting)) for row in rows_of(scopes)} == {(0, ())}
    with reading() as db:
        assert db.execute(text("SELECT count(*) FROM pg_locks WHERE NOT granted")).scalar() == 0
