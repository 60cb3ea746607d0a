"""The hand-off to a real broker: Redis that refuses, hangs, comes back, is flushed or is another one."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from redis import Redis
from sqlalchemy import Engine

from app.engine import queue
from app.engine.queue import Message
from app.engine.sweep import sweep
from app.engine.tables import reactions
from tests.fixtures.databases import wait_for
from tests.fixtures.processes import redis_command
from tests.integration.engine.looking import order, rows_of

MESSAGES = [
    Message(f"reaction {number}", "toys.pack", number == 2, "flow", "parent", "parcel a") for number in (1, 2)
]


class Broker:
    """A Redis of the test's own, on a socket."""

    def __init__(self, folder: Path) -> None:
        self.socket = folder / "broker.sock"
        self.start()

    def start(self) -> None:
        self.process = subprocess.Popen(redis_command(self.socket), stdout=subprocess.DEVNULL)
        wait_for(self.answers, seconds=10, what="redis")

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()
        self.socket.unlink(missing_ok=True)

    def hang(self) -> None:
        os.kill(self.process.pid, signal.SIGSTOP)

    def go_on(self) -> None:
        os.kill(self.process.pid, signal.SIGCONT)

    def client(self, db: int = 0) -> Redis:
        return Redis(unix_socket_path=str(self.socket), db=db, decode_responses=True)

    def answers(self) -> bool:
        return self.socket.exists() and bool(self.client().ping())

    def waiting(self, name: str = "inner", db: int = 0) -> list[dict[str, Any]]:
        """The messages of a queue, newest first."""
        return [json.loads(each) for each in self.client(db).lrange(f"antiphon:{name}", 0, -1)]


@pytest.fixture
def broker(
    tmp_path: Path, configure: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Broker]:
    running = Broker(tmp_path)
    configure(REDIS_URL=f"redis+socket://{running.socket}")
    monkeypatch.setattr(queue, "_breaker", queue._Breaker())
    monkeypatch.setattr(queue, "BREAK_SECONDS", 0.05)
    yield running
    running.stop()


def soon() -> float:
    return time.monotonic() + 5


def breaker_is_closed() -> bool:
    return queue._breaker.allows()


def test_a_message_names_its_task_and_carries_nothing_but_the_reaction(broker: Broker) -> None:
    assert queue.send(MESSAGES, give_up=soon()) == 2
    [message] = broker.waiting("inner")
    headers = message["headers"]
    assert (headers["task"], headers["id"], headers["root_id"], headers["parent_id"]) == (
        "toys.pack",
        "reaction 1",
        "flow",
        "parent",
    )
    assert (headers["argsrepr"], headers["kwargsrepr"], headers["eta"]) == ("parcel a", "", None)
    [outer] = broker.waiting("outer")
    assert outer["headers"]["id"] == "reaction 2"


def test_a_port_where_nobody_listens_refuses_at_once_and_is_left_alone_for_a_moment(
    configure: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(REDIS_URL="redis://127.0.0.1:1/0")
    monkeypatch.setattr(queue, "_breaker", queue._Breaker())
    began = time.monotonic()
    assert queue.send(MESSAGES, give_up=soon()) == 0
    assert time.monotonic() - began < 1
    monkeypatch.setattr(queue, "_push", lambda _: pytest.fail("it was asked again"))
    assert queue.send(MESSAGES, give_up=soon()) == 0
    assert queue.broker_identity() is None


def test_a_broker_that_comes_back_is_used_again(broker: Broker) -> None:
    assert queue.send(MESSAGES[:1], give_up=soon()) == 1
    broker.stop()
    assert queue.send(MESSAGES[:1], give_up=soon()) == 0
    broker.start()
    wait_for(breaker_is_closed, seconds=2)
    wait_for(lambda: queue.send(MESSAGES[:1], give_up=soon()), seconds=5, what="the broker to be used")
    assert len(broker.waiting()) == 1


def test_a_broker_that_hangs_holds_a_request_up_for_seconds_neither_first_nor_later(
    broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue, "HANG_SECONDS", 0.1)
    assert queue.send(MESSAGES[:1], give_up=soon()) == 1
    broker.hang()
    for _ in range(2):
        wait_for(breaker_is_closed, seconds=2)
        began = time.monotonic()
        assert queue.send(MESSAGES, give_up=soon()) == 0
        assert time.monotonic() - began < 1
    broker.go_on()


def test_a_hand_off_ends_with_its_time_and_leaves_the_rest_to_the_sweep(
    broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert queue.send(MESSAGES, give_up=time.monotonic() - 1) == 1
    monkeypatch.setattr(queue, "HANDOFF_MESSAGES", 1)
    queue.hand_off(None, MESSAGES)
    assert len(broker.waiting("inner")) == 2
    assert broker.waiting("outer") == []


def test_the_identity_of_a_broker_changes_with_its_process_and_with_a_flush(broker: Broker) -> None:
    first = queue.broker_identity()
    assert first is not None
    assert queue.broker_identity() == first
    broker.client().flushall()
    flushed = queue.broker_identity()
    assert flushed not in (None, first)
    broker.stop()
    assert queue.broker_identity() is None
    broker.start()
    wait_for(breaker_is_closed, seconds=2)
    assert queue.broker_identity() not in (None, first, flushed)


def test_the_identity_is_that_of_the_database_in_which_the_messages_are(
    broker: Broker, configure: Callable[..., None]
) -> None:
    """Somebody who flushes only that one has lost the messages as well."""
    configure(REDIS_URL=f"redis+socket://{broker.socket}?virtual_host=3")
    first = queue.broker_identity()
    assert queue.send(MESSAGES[:1], give_up=soon()) == 1
    assert len(broker.waiting(db=3)) == 1
    broker.client(3).flushdb()
    assert queue.broker_identity() != first


def test_a_broker_that_does_not_tell_its_run_id_is_known_by_our_key(
    broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some hosted ones do not: that must not end every sweep."""
    client = queue.redis_client()
    monkeypatch.setattr(client, "info", lambda _section: {"redis_version": "7"})
    first = queue.broker_identity()
    assert first is not None
    broker.client().flushall()
    assert queue.broker_identity() not in (None, first)


def test_a_flushed_broker_gets_all_its_messages_again_at_once(
    toys: ModuleType, engine: Engine, broker: Broker
) -> None:
    sweep()
    for parcel in "abc":
        order(toys, parcel)
    assert len(broker.waiting()) == 3
    broker.client().flushall()
    assert sweep().sent == 3  # it notices
    sent = {message["headers"]["id"] for message in broker.waiting()}
    assert sent == {row.id for row in rows_of(reactions)}
    assert sweep().sent == 0
