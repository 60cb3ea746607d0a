"""What people wait for a broker that refuses, hangs or is slow: less than a second, and only once."""

import threading
import time
from collections.abc import Sequence
from types import ModuleType
from typing import Any

import pytest
from sqlalchemy import Engine

from app.engine import health, queue, recording
from app.engine.aside import Aside
from app.engine.queue import Message
from app.engine.tables import reactions
from tests.integration.engine.looking import rows_of

LONGEST = 1.0  # seconds that a request may wait
AT_ONCE = 0.1


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long each commit waited for its hand-off, by a process that knows nothing of the broker yet."""
    waited: list[float] = []
    send = queue.send

    def timed(messages: Sequence[Message], *, give_up: float) -> int:
        began = time.monotonic()
        try:
            return send(messages, give_up=give_up)
        finally:
            waited.append(time.monotonic() - began)

    monkeypatch.setattr(queue, "send", timed)
    monkeypatch.setattr(queue, "_breaker", queue._Breaker())
    monkeypatch.setattr(queue, "_pusher", Aside())
    monkeypatch.setattr(health, "_asker", Aside())
    return waited


def ask_for(toys: ModuleType, many: int, name: str = "") -> None:
    with recording("token:me") as work:
        for number in range(many):
            work.record(toys.Ordered(parcel=f"{name}{number}"))


def test_a_command_that_makes_a_hundred_reactions_waits_less_than_a_second_and_the_next_not_at_all(
    toys: ModuleType, engine: Engine, troubled_broker: str, waits: list[float]
) -> None:
    ask_for(toys, 100)
    ask_for(toys, 1, "next")
    assert len(rows_of(reactions)) == 101
    assert waits[0] < LONGEST
    if troubled_broker != "slow":  # what takes its time and works is used
        assert waits[1] < AT_ONCE


@pytest.mark.parametrize("troubled_broker", ["mute", "slow"], indirect=True)
def test_those_who_ask_at_the_same_time_do_not_wait_for_each_other(
    sqlite_database: Engine, toys: ModuleType, troubled_broker: str, waits: list[float]
) -> None:
    together = threading.Barrier(8)

    def ask(name: str) -> None:
        together.wait()
        queue.hand_off(None, [Message(name, "toys.pack", False, "flow", None, name)] * 100)

    threads = [threading.Thread(target=ask, args=(str(number),)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(waits) == 8
    assert max(waits) < LONGEST


def test_a_look_at_the_broker_and_its_workers_takes_less_than_a_second(
    sqlite_database: Engine, troubled_broker: str, waits: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "GOOD_FOR", 0.01)
    began = time.monotonic()
    answers = health.broker_answers()
    assert health.workers() == []
    assert time.monotonic() - began < LONGEST
    assert not answers


def test_what_is_done_aside_hands_back_what_it_returns_and_raises() -> None:
    aside = Aside()

    def fail() -> None:
        raise ZeroDivisionError

    assert aside.run(lambda: 7, seconds=5) == 7
    with pytest.raises(ZeroDivisionError):
        aside.run(fail, seconds=5)
    assert aside.run(lambda: 8, seconds=5) == 8


def test_what_could_not_begin_in_time_is_never_done() -> None:
    aside, free, done = Aside(), threading.Event(), list[Any]()
    for errand in (lambda: free.wait(5), lambda: done.append("too late")):
        with pytest.raises(TimeoutError):
            aside.run(errand, seconds=0.05)
    free.set()
    aside.run(lambda: done.append("in time"), seconds=5)
    assert done == ["in time"]
