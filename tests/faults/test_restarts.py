"""What is to come later survives a restart of everything: the workers, beat, Redis and PostgreSQL."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from types import ModuleType

import pytest

from app.engine import log, now, reading, recording
from app.engine.database import get_engine
from app.engine.tables import events, flows, reactions
from tests.fixtures.databases import wait_for
from tests.fixtures.toy_processes import ToyProcesses
from tests.fixtures.toys import forget_listeners
from tests.fixtures.worlds import played
from tests.integration.engine.looking import rows_of

#: When the money for a room comes.
ROOMS = ("before", "meanwhile", "afterwards", "never")


@pytest.fixture
def house(toy_processes: ToyProcesses, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    toy_processes.root = "tests.faults.booking_worker"
    forget_listeners(monkeypatch)
    with played("tests.faults.booking", get_engine()) as world:
        world.declare()
        yield world


def record(house: ModuleType, name: str, room: str) -> None:
    with recording("token:me") as work:
        signal = getattr(house, name)(room=room)
        booked = work.db.execute(house.rooms.select().where(house.rooms.c.id == room)).one_or_none()
        work.record(signal if booked is None else signal.within(booked.flow, booked.flow))


def times(name: str) -> dict[str, datetime]:
    """When this was recorded, by room: once at most."""
    rows = rows_of(events, type=f"toy.room.{name}")
    found = {row.data["room"]: row.time for row in rows}
    assert len(found) == len(rows), f"{name} was recorded twice"
    return found


def restart_database(request: pytest.FixtureRequest) -> None:
    if get_engine().dialect.name == "postgresql":
        request.getfixturevalue("postgres").restart()
    get_engine().dispose()


def test_a_delay_a_wait_and_a_deadline_survive_a_restart_of_everything(
    request: pytest.FixtureRequest,
    toy_processes: ToyProcesses,
    house: ModuleType,
    configure: Callable[..., None],
) -> None:
    configure(LEASE_SECONDS="2", SWEEP_SECONDS="0.3")
    toy_processes.worker("inner", "inner")
    toy_processes.worker("outer")
    toy_processes.beat()
    for room in ROOMS:
        record(house, "Booked", room)
    record(house, "Paid", "before")
    wait_for(lambda: times("confirmed"), what="the first confirmation")
    assert {row.waits_for for row in rows_of(reactions, state="waiting")} == {"delay", "event"}
    assert not times("reminded"), "the restart was to come before"

    toy_processes.end()
    restart_database(request)
    booked = times("booked")
    record(house, "Paid", "meanwhile")
    over = max(booked.values()) + timedelta(seconds=house.DELAY)
    wait_for(lambda: now() > over, what="the delay to be over while nobody is there")
    assert not times("reminded")
    assert set(times("confirmed")) == {"before"}

    toy_processes.redis()
    toy_processes.worker("another inner", "inner")
    record(house, "Paid", "afterwards")
    toy_processes.worker("another outer")
    toy_processes.beat()
    wait_for(lambda: len(times("released")) == len(ROOMS), what="the deadlines")
    wait_for(lambda: not any(row.wake_at for row in rows_of(reactions)), what="everything to end")

    later = [("reminded", ROOMS, house.DELAY), ("released", ROOMS, house.HOLD)]
    later += [("payment.missed", ("never",), house.PATIENCE), ("confirmed", ROOMS[:3], 0)]
    for name, those, least in later:
        came = times(name)
        assert set(came) == set(those)
        assert all(at - booked[room] >= timedelta(seconds=least) for room, at in came.items())
    assert {(row.state, row.open) for row in rows_of(flows)} == {("succeeded", 0)}
    with reading() as db:
        assert all(len(log.read_flow(db, row.id)) >= 4 for row in rows_of(flows))
