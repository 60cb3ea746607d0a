"""Many threads at once over one database, as workers and sweeps of several machines would be: messages come
twice, late or never, leases run out, and everything still ends once, without a deadlock.
"""

import queue as queues
import random
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from types import ModuleType

import pytest
from sqlalchemy import Engine, text

from app.engine import log, queue, reading, recording
from app.engine.actions import ACTIONS, Action
from app.engine.queue import Message
from app.engine.rebuild import verify
from app.engine.running import run
from app.engine.sweep import sweep
from app.engine.tables import events, flows, reactions, scopes
from tests.fixtures.databases import wait_for
from tests.integration.engine.looking import rows_of

WORKERS, SWEEPS, FLOWS = 6, 2, 8


class Crew:
    """Workers and sweeps in threads, and a broker between them that loses and repeats."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.messages: queues.Queue[Message] = queues.Queue()
        self.outcomes: Counter[str] = Counter()
        self.errors: list[BaseException] = []
        self.over = threading.Event()

    def send(self, batch: Sequence[Message], *, give_up: float) -> int:
        for message in batch:
            for _ in range(self.rng.choice((0, 1, 1, 1, 2, 3))):
                self.messages.put(message)
        return len(batch)

    @contextmanager
    def at_work(self) -> Iterator[None]:
        loops = [self.work] * WORKERS + [self.sweep] * SWEEPS
        threads = [threading.Thread(target=self.until_over, args=(loop,)) for loop in loops]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self.over.set()
            for thread in threads:
                thread.join()

    def until_over(self, loop: Callable[[], None]) -> None:
        while not self.over.is_set():
            try:
                loop()
            except queues.Empty:
                continue
            except BaseException as error:
                self.errors.append(error)
                raise

    def work(self) -> None:
        message = self.messages.get(timeout=0.02)
        again = self.rng.random() < 0.2
        self.outcomes[run(ACTIONS[message.action], message.reaction, redelivered=again)] += 1

    def sweep(self) -> None:
        sweep()
        self.over.wait(0.03)

    def at_rest(self) -> bool:
        return bool(self.errors) or not any(row.wake_at for row in rows_of(reactions))


@pytest.fixture
def crew(engine: Engine, configure: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> Crew:
    configure(LEASE_SECONDS="1")
    together = Crew(7)
    monkeypatch.setattr(queue, "send", together.send)
    monkeypatch.setattr(queue, "broker_identity", lambda: "simulated")
    monkeypatch.setattr("app.engine.reactions.RESEND_SECONDS", 0.1)
    monkeypatch.setattr(Action, "backoff", lambda *_: timedelta(seconds=0.02))
    return together


def deadlocks(engine: Engine) -> int:
    if engine.dialect.name == "sqlite":
        return 0
    with reading() as db:
        query = text("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
        return int(db.execute(query).scalar_one())


def of_many_streams(toys: ModuleType, number: int) -> None:
    with recording("token:me") as work:
        work.record(toys.Ordered(parcel=f"p{number}"))


def of_one_stream(toys: ModuleType, number: int) -> None:
    with recording("token:me") as work:
        work.record(toys.Packed(parcel="shared"))


@pytest.mark.parametrize("begin", [of_one_stream, of_many_streams])
def test_many_at_once_end_every_flow_once(
    toys: ModuleType,
    engine: Engine,
    crew: Crew,
    monkeypatch: pytest.MonkeyPatch,
    begin: Callable[[ModuleType, int], None],
) -> None:
    def sometimes_closed() -> None:
        if crew.rng.random() < 0.3:
            toys.retryable()

    toys.trouble["send"] = sometimes_closed
    for action in ACTIONS.values():
        monkeypatch.setattr(action, "attempts", 100)  # a slow machine must not look like a poison
    before = deadlocks(engine)
    with crew.at_work():
        for number in range(FLOWS):
            begin(toys, number)
        wait_for(crew.at_rest, seconds=30, what="all flows to end")
    assert crew.errors == []
    assert crew.outcomes["not there"] > 0  # repeats there were
    assert deadlocks(engine) == before
    check_all(FLOWS)


def check_all(count: int) -> None:
    log.catch_up()
    assert {row.state for row in rows_of(reactions)} == {"done"}
    assert {(row.state, row.open) for row in rows_of(flows)} == {("succeeded", 0)}
    assert {(row.open, tuple(row.waiting)) for row in rows_of(scopes)} == {(0, ())}
    story = sorted(rows_of(events), key=lambda row: row.position)
    assert set(Counter(row.type for row in story).values()) == {count}
    assert [row.position for row in story] == list(range(1, len(story) + 1))
    for stream in {row.stream for row in story}:
        of_stream = [row for row in story if row.stream == stream]
        assert [row.sequence for row in of_stream] == list(range(1, len(of_stream) + 1))
        assert [row.time for row in of_stream] == sorted(row.time for row in of_stream)
    assert verify() == []
