"""The whole platform in one process: its workflows, a spool and a storage of the test's own."""

from collections.abc import Iterator

import pytest

from app.commands.sites import create_site
from app.engine import queue, recording
from app.engine.discovery import discover
from app.engine.listeners import LISTENERS
from app.services.storage.memory import shared_memory
from tests.fixtures.simulation import Simulation
from tests.integration.domain.running import Platform

discover("tasks")
NAMES = [name.rpartition(".")[2] for name in discover("workflows")]

#: The platform's own listeners, whatever other tests declare.
BUILT_IN = [listener for listener in LISTENERS.all() if listener.name.split(":")[0] in NAMES]


@pytest.fixture(autouse=True)
def listening(monkeypatch: pytest.MonkeyPatch) -> None:
    """Exactly the platform's listeners are declared, and nobody delivers unless a simulation does."""
    monkeypatch.setattr(queue, "send", lambda _messages, *, give_up: 0)
    monkeypatch.setattr(LISTENERS, "_by_name", {})
    monkeypatch.setattr(LISTENERS, "_by_type", {})
    monkeypatch.setattr(LISTENERS, "_revision", "")
    for listener in BUILT_IN:
        LISTENERS.declare(listener)


@pytest.fixture
def platform(simulation: Simulation) -> Iterator[Platform]:
    """Everything at rest, with site `hello` and its host name."""
    shared_memory.cache_clear()
    running = Platform(simulation, shared_memory(), simulation.drain)
    with recording(actor="token:t1") as work:
        create_site(work, "hello")
    running.drain()
    yield running
    shared_memory.cache_clear()
