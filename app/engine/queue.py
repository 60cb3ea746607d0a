"""The way to Celery: messages that carry a reaction's id, and a hand-off that may fail without harm."""

import os
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache, partial

import structlog
from celery import Celery
from kombu.pools import ProducerPool
from redis import Redis
from redis.exceptions import RedisError

from app.engine import clock, faults
from app.engine.aside import Aside
from config.celery import INNER, OUTER, make_celery, redis_address
from config.settings import get_settings

#: A commit hands over at most so many messages itself, for at most so long; the sweep sends the rest.
HANDOFF_MESSAGES = 100
HANDOFF_SECONDS = 0.25
#: How long anybody waits for one message to be pushed, with all that it takes to connect. With the above,
#: what a request waits for the broker stays under a second.
PUSH_SECONDS = 0.5
#: How long one command may wait for a broker that takes it and does not answer.
HANG_SECONDS = 0.4
#: After a refusal the broker is left alone for so long, so that a request never waits for it twice.
BREAK_SECONDS = 2.0
SENTINEL = "antiphon:sentinel"

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Message:
    """One delivery of a reaction: all that a worker needs is the id; the rest is for Flower's eyes."""

    reaction: str
    action: str
    outer: bool
    flow: str
    parent: str | None
    label: str


class _Breaker:
    """Remembers that the broker did not answer."""

    def __init__(self) -> None:
        self._left_alone_until = 0.0

    def allows(self) -> bool:
        """Whether it is worth a try."""
        return time.monotonic() >= self._left_alone_until

    def trip(self) -> None:
        """Leave the broker alone for a while."""
        self._left_alone_until = time.monotonic() + BREAK_SECONDS


_breaker = _Breaker()


def lease() -> timedelta:
    """How long a running reaction may go unheard of before another attempt takes it."""
    return timedelta(seconds=get_settings().lease_seconds)


def sweep_pause() -> float:
    """Seconds from the start of one sweep to the start of the next."""
    return float(get_settings().sweep_seconds)


@lru_cache(maxsize=1)
def get_celery() -> Celery:
    """This process's Celery application."""
    return make_celery(get_settings())


@lru_cache(maxsize=1)
def _producers(app: Celery) -> ProducerPool:
    """Connections of publishers: unlike a worker's they do not wait for a broker that hangs."""
    impatient = {
        "socket_timeout": HANG_SECONDS,
        "socket_connect_timeout": HANG_SECONDS,
        "max_retries": 0,  # a second try would wait as long again
    }
    connections = app.connection_for_write(transport_options=impatient).Pool(app.conf.broker_pool_limit)
    return ProducerPool(connections, limit=connections.limit)


#: Pushes, for all of this process.
_pusher = Aside()


def _forget() -> None:
    global _pusher
    _producers.cache_clear()  # a forked child must not share its parent's connections
    _pusher = Aside()  # and has its threads only in name


os.register_at_fork(after_in_child=_forget)


def hand_off(_sender: object, messages: Sequence[Message]) -> None:
    """Send what was just committed. What is not sent here is sent by the sweep, a few seconds later."""
    if messages:
        send(messages[:HANDOFF_MESSAGES], give_up=time.monotonic() + HANDOFF_SECONDS)


def send(messages: Iterable[Message], *, give_up: float) -> int:
    """Push messages until `give_up` (by the monotonic clock); returns how many were pushed.

    A broker that refuses is logged and left alone for a moment: the rows stay, nothing is lost.
    """
    if not _breaker.allows():
        return 0
    sent = 0
    try:
        for message in messages:
            faults.point("handoff.before_send")
            _pusher.run(partial(_push, message), seconds=PUSH_SECONDS)
            faults.point("handoff.after_send")
            sent += 1
            if time.monotonic() > give_up:
                break
    except Exception as error:  # any broker trouble: kombu, redis and sockets raise unrelated classes
        _breaker.trip()
        log.warning("broker refused messages", sent=sent, error=repr(error))
    return sent


def _push(message: Message) -> None:
    app = get_celery()
    with _producers(app).acquire(block=True) as producer:
        app.send_task(
            message.action,
            (message.reaction,),
            task_id=message.reaction,
            root_id=message.flow,
            parent_id=message.parent,
            argsrepr=message.label,
            kwargsrepr="",
            queue=OUTER if message.outer else INNER,
            producer=producer,
            retry=False,
        )


def broker_identity() -> str | None:
    """What tells this Redis and its content from another: its run id, and a key of ours that a flush removes.

    None when it does not answer.
    """
    if not _breaker.allows():
        return None
    try:
        client = redis_client()
        run_id = client.info("server").get("run_id")
        client.set(SENTINEL, clock.new_id(), nx=True)
        return f"{run_id}:{client.get(SENTINEL)!r}"
    except RedisError as error:
        _breaker.trip()
        log.warning("broker did not answer", error=repr(error))
        return None


@lru_cache(maxsize=1)
def redis_client() -> Redis:
    """A client of the broker's Redis, whose answers are text; each command gives up after HANG_SECONDS."""
    url = redis_address(get_settings().broker_url)
    return Redis.from_url(
        url, socket_timeout=HANG_SECONDS, socket_connect_timeout=HANG_SECONDS, decode_responses=True
    )
