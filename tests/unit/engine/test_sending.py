"""What is sent to Celery, how much of it, and when the broker is left alone; no broker here."""

import time
from collections.abc import Callable
from typing import Any

import pytest
from redis.exceptions import ConnectionError as RedisAway
from redis.exceptions import ResponseError

from app.engine import faults, queue
from app.engine.queue import HANDOFF_MESSAGES, Message, hand_off, send


def message(number: int) -> Message:
    return Message(f"reaction-{number}", "shop.pay", False, "flow", None, "order 7")


@pytest.fixture
def pushed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The reactions that reached the broker, which has not refused anything yet."""
    reached: list[str] = []
    monkeypatch.setattr(queue, "_breaker", queue._Breaker())
    monkeypatch.setattr(queue, "_push", lambda each: reached.append(each.reaction))
    return reached


def later() -> float:
    return time.monotonic() + 60


def test_everything_is_pushed_in_its_order(pushed: list[str]) -> None:
    assert send([message(1), message(2)], give_up=later()) == 2
    assert pushed == ["reaction-1", "reaction-2"]


def test_nothing_is_sent_for_nothing(pushed: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue, "send", lambda *_, **__: pytest.fail("it was called"))
    hand_off(None, [])
    assert pushed == []


def test_a_commit_hands_over_at_most_a_hundred(pushed: list[str]) -> None:
    hand_off(None, [message(number) for number in range(HANDOFF_MESSAGES + 50)])
    assert len(pushed) == HANDOFF_MESSAGES == 100


def test_a_hand_off_that_takes_too_long_ends_after_the_message_at_hand(
    pushed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]

    def push(each: Message) -> None:
        now[0] += 0.1
        pushed.append(each.reaction)

    monkeypatch.setattr(queue, "_push", push)
    monkeypatch.setattr("app.engine.queue.time.monotonic", lambda: now[0])
    hand_off(None, [message(number) for number in range(20)])
    assert len(pushed) == 3  # the third ended after 0.25 s


@pytest.mark.parametrize(
    "error", [ConnectionRefusedError(), RedisAway(), KeyError("any bug"), TimeoutError()]
)
def test_a_broker_that_refuses_is_left_alone_for_two_seconds(
    pushed: list[str], monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    now = [100.0]
    working = queue._push

    def push(each: Message) -> None:
        if each.reaction == "reaction-2":
            raise error
        working(each)

    monkeypatch.setattr(queue, "_push", push)
    monkeypatch.setattr("app.engine.queue.time.monotonic", lambda: now[0])
    assert send([message(number) for number in (1, 2, 3)], give_up=1000) == 1
    assert send([message(4)], give_up=1000) == 0
    now[0] += 1.9
    assert send([message(4)], give_up=1000) == 0
    now[0] += 0.2
    assert send([message(4)], give_up=1000) == 1
    assert pushed == ["reaction-1", "reaction-4"]


def test_a_crash_is_no_refusal(pushed: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """What ends the process must not be taken for trouble of the broker."""

    def die(_: Message) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(queue, "_push", die)
    with pytest.raises(KeyboardInterrupt):
        send([message(1)], give_up=later())


class FakeRedis:
    """Enough of a client for an identity."""

    def __init__(self, info: Callable[[], dict[str, Any]]) -> None:
        self.tell, self.keys = info, {}

    def info(self, _section: str) -> dict[str, Any]:
        return self.tell()

    def set(self, name: str, value: str, *, nx: bool) -> None:
        if not (nx and name in self.keys):
            self.keys[name] = value

    def get(self, name: str) -> str:
        return self.keys[name]


@pytest.mark.parametrize("error", [RedisAway("away"), ResponseError("NOPERM")])
def test_a_broker_that_does_not_answer_has_no_identity_and_is_left_alone(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    asked: list[int] = []

    def refuse() -> dict[str, Any]:
        asked.append(1)
        raise error

    monkeypatch.setattr(queue, "_breaker", queue._Breaker())
    monkeypatch.setattr(queue, "redis_client", lambda: FakeRedis(refuse))
    assert queue.broker_identity() is None
    assert queue.broker_identity() is None
    assert asked == [1]


def test_an_identity_changes_with_the_run_or_with_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    run = {"run_id": "one"}
    redis = FakeRedis(lambda: run)
    monkeypatch.setattr(queue, "_breaker", queue._Breaker())
    monkeypatch.setattr(queue, "redis_client", lambda: redis)
    first = queue.broker_identity()
    assert queue.broker_identity() == first
    run["run_id"] = "two"
    second = queue.broker_identity()
    redis.keys.clear()
    assert len({first, second, queue.broker_identity()}) == 3


def test_a_fault_point_lies_on_both_sides_of_each_push(monkeypatch: pytest.MonkeyPatch) -> None:
    reached: list[str] = []

    class Producers:
        def acquire(self, *, block: bool) -> Any:
            raise RuntimeError("no broker")

    monkeypatch.setattr(queue, "_breaker", queue._Breaker())
    monkeypatch.setattr(queue, "_producers", lambda _app: Producers())
    monkeypatch.setattr(queue, "get_celery", lambda: None)
    with faults.on_fault(reached.append):
        assert send([message(1)], give_up=later()) == 0
    assert reached == ["handoff.before_send"]
