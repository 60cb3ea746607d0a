"""Whether the processes of a start answer: each is asked in the way that its users will ask it."""

import re
import socket
from collections.abc import Callable, Mapping
from contextlib import suppress
from http.client import HTTPConnection, HTTPException

from redis import Redis
from redis.exceptions import RedisError

from config import addresses
from config.celery import make_celery, redis_address
from config.settings import Settings

Check = Callable[[], bool]
_NODE = re.compile(r"\bcelery\b.*\bworker\b.*\s-n\s+(\S+)@%h")


def checks_for(commands: Mapping[str, str], settings: Settings) -> dict[str, Check]:
    """How to ask each process that can be asked, by name; the scheduler of the sweep has no ear."""
    host = addresses.reachable(settings.host).strip("[]")
    known: dict[str, Check] = {
        "web": lambda: http_answers(host, settings.port, "/readyz"),
        "gateway": lambda: http_answers(host, settings.gateway_port, "/healthz"),
        "flower": lambda: http_answers(host, settings.flower_port, "/", (200, 401)),
    }
    checks = {name: known[name] for name in commands if name in known}
    control = make_celery(settings).control
    for name, command in commands.items():
        if node := _NODE.search(command):
            checks[name] = _worker_check(control.ping, f"{node[1]}@{socket.gethostname()}")
    return checks


def redis_answers(broker_url: str) -> bool:
    """Whether the broker takes commands at this moment."""
    try:
        with Redis.from_url(redis_address(broker_url), socket_timeout=1, socket_connect_timeout=1) as client:
            return bool(client.ping())
    except RedisError:
        return False


def end_redis(broker_url: str) -> None:
    """Shut down the Redis that answers there, if one does."""
    with suppress(RedisError), Redis.from_url(redis_address(broker_url), socket_timeout=1) as client:
        client.shutdown(nosave=True)


def http_answers(host: str, port: int, path: str, statuses: tuple[int, ...] = (200,)) -> bool:
    """Whether a GET is answered within two seconds with one of `statuses`."""
    connection = HTTPConnection(host, port, timeout=2)
    try:
        connection.request("GET", path)
        return connection.getresponse().status in statuses
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


def _worker_check(ping: Callable[..., list[object]], node: str) -> Check:
    def answers() -> bool:
        try:
            return bool(ping(destination=[node], timeout=0.5, limit=1))
        except OSError:  # kombu's OperationalError is one
            return False

    return answers
