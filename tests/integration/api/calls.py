"""Listeners that call receivers on this machine, and what these have heard."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Engine

from app.services.storage.memory import shared_memory
from tests.fixtures.api import Api, hello, made
from tests.fixtures.receivers import Receiver
from tests.fixtures.simulation import Simulation

OPEN = {"WEBHOOK_ALLOW_NETWORKS": "127.0.0.0/8"}


@pytest.fixture
def api(
    engine: Engine, configure: Callable[..., None], simulation: Simulation, monkeypatch: pytest.MonkeyPatch
) -> Api:
    """An administrator's API from which receivers on loopback may be called."""
    configure(**OPEN)
    shared_memory.cache_clear()
    return hello(Api(made()).bearing("admin"))


def wish(url: str, **more: Any) -> dict[str, Any]:
    return {"name": "tell ci", "on": ["site.deploy.*"], "do": {"webhook": {"url": url}}, **more}


def heard(receiver: Receiver) -> list[tuple[dict[str, str], bytes]]:
    """The headers and body of each call."""
    found = []
    for request in receiver.requests:
        head, _, body = request.partition(b"\r\n\r\n")
        lines = (line.split(": ", 1) for line in head.decode().split("\r\n")[1:])
        found.append(({name.lower(): value for name, value in lines}, body))
    return found


def types(receiver: Receiver) -> list[str]:
    return [json.loads(body)["type"] for _, body in heard(receiver)]


def listen(api: Api, url: str, **more: Any) -> Any:
    """Configure a listener, as the API shows it."""
    answer = api.post("/v1/listeners", wish(url, **more))
    assert answer.status_code == 201, answer.text
    return answer.json
