"""The past of the toy world, which nobody answered, and what the tests of replays ask of it."""

from types import ModuleType
from typing import Any

import pytest

from app.engine import log, reading, recording, replays
from app.engine.past import Preview, Wish, preview
from app.engine.replays import Replay, cancel, start
from app.engine.tables import reactions
from tests.fixtures.simulation import Simulation
from tests.fixtures.toys import forget_listeners
from tests.integration.engine.looking import rows_of

SEND = "new:toys.send"


def past_of(toys: ModuleType, count: int, parcel: str | None = None) -> list[str]:
    """Events of type Packed that nobody answered; their ids."""
    return [pack(toys, parcel or f"p{number}") for number in range(count)]


def pack(toys: ModuleType, parcel: str) -> str:
    with recording() as work:
        return work.record(toys.Packed(parcel=parcel)).id


def begin(listener: str = SEND, **wish: Any) -> Replay:
    log.catch_up()
    with recording("token:me") as work:
        return start(work, Wish(listener, **wish))


def stop(replay: Replay) -> Replay:
    with recording("token:me") as work:
        return cancel(work, replay.id)


def look(replay: Replay) -> Replay:
    with reading() as db:
        return replays.require(db, replay.id)


def tried(**wish: Any) -> Preview:
    log.catch_up()
    with reading() as db:
        return preview(db, Wish(SEND, **wish))


def made(replay: Replay) -> list[Any]:
    return rows_of(reactions, listener=replay.listener, generation=replay.generation)


def answered(replay: Replay) -> list[str]:
    return [row.event for row in sorted(made(replay), key=lambda row: row.ended_at)]


@pytest.fixture
def world(toys: ModuleType, monkeypatch: pytest.MonkeyPatch, simulation: Simulation) -> ModuleType:
    """The toys without listeners: a test declares the new ones when the past has happened."""
    forget_listeners(monkeypatch)
    return toys
