"""The heartbeat in real time: it keeps a lease for as long as its action works, outlives trouble, and tells
when a lease is lost. And what a forked process keeps of its parent: nothing.
"""

import os
import warnings
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import pytest
from sqlalchemy import Engine, text, update

from app.engine import current, now, queue, reading
from app.engine.actions import ACTIONS, Attempt, LostLease
from app.engine.claims import Hold
from app.engine.database import get_engine, writing
from app.engine.leases import HEARTBEAT, Heartbeat
from app.engine.queue import Message
from app.engine.running import run
from app.engine.sweep import sweep
from app.engine.tables import reactions
from tests.fixtures.databases import wait_for
from tests.integration.engine.looking import order, reaction_of, types_of

LEASE = 0.3


@pytest.fixture
def sent(engine: Engine, configure: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> list[Message]:
    """What was sent to the broker, in real time, with leases of a third of a second."""
    configure(LEASE_SECONDS=str(LEASE))
    messages: list[Message] = []

    def send(batch: list[Message], *, give_up: float) -> int:
        messages.extend(batch)
        return len(batch)

    monkeypatch.setattr(queue, "send", send)
    monkeypatch.setattr(queue, "broker_identity", lambda: "simulated")
    return messages


@pytest.fixture
def heartbeat() -> Iterator[Heartbeat]:
    """One of the test's own, idle again when the test ends."""
    beating = Heartbeat()
    yield beating
    beating._held.clear()


def attempt_at(reaction: str) -> Attempt:
    return Attempt(reaction, 1, "flow", "action:toys.send")


def begin_sending(sent: list[Message], toys: ModuleType) -> str:
    flow = order(toys)
    run(ACTIONS["toys.pack"], sent.pop().reaction)
    return flow


def test_an_action_that_outlasts_its_lease_many_times_keeps_it(toys: ModuleType, sent: list[Message]) -> None:
    began = now()

    def work_on() -> None:
        wait_for(lambda: not sweep().expired and (now() - began).total_seconds() > 3 * LEASE)

    toys.trouble["send"] = work_on
    flow = begin_sending(sent, toys)
    assert run(ACTIONS["toys.send"], sent.pop().reaction) == "done"
    row = reaction_of("toys.send")
    assert (row.attempt, row.fence) == (1, 1)
    assert types_of(flow).count("toy.parcel.sent") == 1
    assert not HEARTBEAT._held


def test_an_action_whose_lease_was_taken_away_is_told_so(toys: ModuleType, sent: list[Message]) -> None:
    def be_overtaken() -> None:
        with writing() as db:
            db.execute(update(reactions).values(fence=reactions.c.fence + 1))
        wait_for(current().lost.is_set, seconds=5, what="the heartbeat to notice")
        with pytest.raises(LostLease):
            current().check()

    toys.trouble["send"] = be_overtaken
    flow = begin_sending(sent, toys)
    assert run(ACTIONS["toys.send"], sent.pop().reaction) == "lost"
    assert "toy.parcel.sent" not in types_of(flow)


def test_the_heartbeat_outlives_a_database_that_is_away(
    sent: list[Message], heartbeat: Heartbeat, monkeypatch: pytest.MonkeyPatch
) -> None:
    beats: list[str] = []

    def extend(_db: Any, reaction: str, *_: Any) -> Hold:
        beats.append(reaction)
        if len(beats) < 3:
            raise OSError("no route to the database")
        return Hold.KEPT

    monkeypatch.setattr("app.engine.claims.extend_lease", extend)
    with heartbeat.keeping(attempt_at("one"), 1):
        wait_for(lambda: len(beats) >= 4, seconds=5, what="beats after the trouble")


def test_a_lease_that_is_lost_is_not_asked_for_again(
    sent: list[Message], heartbeat: Heartbeat, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def extend(_db: Any, reaction: str, *_: Any) -> Hold:
        asked.append(reaction)
        return Hold.KEPT if reaction == "kept" else Hold.LOST

    monkeypatch.setattr("app.engine.claims.extend_lease", extend)
    lost, kept = attempt_at("lost"), attempt_at("kept")
    with heartbeat.keeping(lost, 1), heartbeat.keeping(kept, 1):
        wait_for(lambda: asked.count("kept") >= 3, seconds=5, what="beats")
    assert asked.count("lost") == 1
    assert (lost.lost.is_set(), kept.lost.is_set()) == (True, False)


def test_short_actions_cost_no_beat(
    sent: list[Message],
    heartbeat: Heartbeat,
    configure: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A beat is a commit: one for each new attempt would double what an outer action writes."""
    configure(LEASE_SECONDS="3")
    asked: list[str] = []
    monkeypatch.setattr(
        "app.engine.claims.extend_lease", lambda _db, name, *_: asked.append(name) or Hold.KEPT
    )
    for number in range(50):
        with heartbeat.keeping(attempt_at(str(number)), 1):
            pass
    assert asked == []


#: What a fork shares with its parent is forgotten there, not closed; psycopg warns of each.
forks = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


def in_a_fork(look: Callable[[], object]) -> str:
    """What `look` returns in a forked process, as text."""
    receiving, sending = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # this process has threads; the child uses none
        child = os.fork()
    if child == 0:
        try:
            os.write(sending, repr(look()).encode())
        finally:
            os._exit(0)
    os.close(sending)
    os.waitpid(child, 0)
    with os.fdopen(receiving) as answer:
        return answer.read()


@forks
def test_a_forked_process_has_connections_of_its_own(postgres_engine: Engine) -> None:
    def connection() -> int:
        with reading() as db:
            return int(db.execute(text("SELECT pg_backend_pid()")).scalar_one())

    get_engine().dispose()  # of connections that other tests left
    ours = connection()
    assert ours == connection()
    assert in_a_fork(connection) not in ("", str(ours))
    assert ours == connection()


@forks
def test_a_forked_process_drops_its_parents_connections_to_sqlite(sqlite_database: Engine) -> None:
    with reading() as db:
        db.execute(text("SELECT 1"))
    assert get_engine().pool.checkedin() == 1
    assert in_a_fork(lambda: get_engine().pool.checkedin()) == "0"


@forks
def test_a_forked_process_has_a_heartbeat_of_its_own(toys: ModuleType, sent: list[Message]) -> None:
    with HEARTBEAT.keeping(attempt_at("ours"), 1):
        assert in_a_fork(lambda: (HEARTBEAT._held, HEARTBEAT._thread)) == "({}, None)"


@forks
def test_a_forked_process_has_publishers_of_its_own(configure: Callable[..., None]) -> None:
    app = queue.get_celery()
    ours = queue._producers(app)
    assert in_a_fork(lambda: queue._producers(app) is ours) == "False"
    assert queue._producers(app) is ours
