"""Streams on PostgreSQL, where transactions overlap: who waits for whom, and what order comes of it."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from types import ModuleType
from typing import Any

import pytest
from sqlalchemy import Engine, select, text
from sqlalchemy.exc import OperationalError

from app.engine import Recording, database, log, reading, recording
from app.engine.database import connect, writing
from app.engine.rebuild import rebuild, verify
from app.engine.tables import events
from tests.fixtures.databases import wait_for
from tests.integration.engine.looking import somebody_waits

pytestmark = pytest.mark.usefixtures("engine")


Beside = Callable[[Callable[[], Any]], Future[Any]]


@pytest.fixture
def engine(postgres_engine: Engine) -> Engine:
    """Here there is one database only: on SQLite no two transactions write at a time."""
    return postgres_engine


@pytest.fixture
def beside() -> Iterator[Beside]:
    """`beside(work)` lets another thread do something; the future has what it returned or raised."""
    with ThreadPoolExecutor(max_workers=8) as pool:
        yield pool.submit


def record(toys: ModuleType, *parcels: str) -> None:
    with recording() as work:
        for parcel in parcels:
            work.record(toys.Stamped(parcel=parcel))


def sealed() -> list[str]:
    with reading() as db:
        return [event.stream for event in log.read(db)]


def test_an_event_that_commits_late_is_sealed_behind_what_readers_have_seen(toys: ModuleType) -> None:
    """Its serial is lower than theirs: a reader that remembered serials would never see it."""
    with recording() as late:
        late.record(toys.Stamped(parcel="late"))
        record(toys, "early")
        assert log.catch_up() == 1
        assert sealed() == ["/parcels/early"]
    assert log.catch_up() == 1
    assert sealed() == ["/parcels/early", "/parcels/late"]
    with reading() as db:
        serials = select(events.c.stream).order_by(events.c.serial)
        assert list(db.execute(serials).scalars()) == ["/parcels/late", "/parcels/early"]
        assert log.last_position(db) == 2


def test_who_does_not_get_to_seal_leaves_it_to_the_one_who_does(toys: ModuleType) -> None:
    record(toys, "a", "b")
    with writing() as db:
        assert log.seal(db) == 2
        assert log.catch_up() == 0
        assert sealed() == []  # the one who seals has not committed
    assert sealed() == ["/parcels/a", "/parcels/b"]


def test_many_who_seal_at_once_while_others_record_leave_no_gap_and_turn_no_stream_round(
    toys: ModuleType, beside: Beside, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log, "SEAL_BATCH", 3)
    done = threading.Event()

    def seal() -> int:
        count = 0
        while not done.is_set():
            count += log.catch_up()
        return count

    def write() -> None:
        for number in range(25):
            record(toys, "shared", f"own {number % 3}")

    sealing = [beside(seal), beside(seal)]
    for writing_on in [beside(write) for _ in range(3)]:
        writing_on.result()
    done.set()
    assert sum(each.result() for each in sealing) + log.catch_up() == 150
    with reading() as db:
        rows = db.execute(select(events).order_by(events.c.position)).all()
    assert [row.position for row in rows] == list(range(1, 151))
    for stream in {row.stream for row in rows}:
        of_stream = [row for row in rows if row.stream == stream]
        assert [row.sequence for row in of_stream] == list(range(1, len(of_stream) + 1))
        assert [row.time for row in of_stream] == sorted(row.time for row in of_stream)


def test_time_does_not_turn_back_in_a_stream_for_who_came_to_it_late(toys: ModuleType) -> None:
    """Who began first and looked around first records last: durations between states must not be negative."""
    with recording() as early:
        record(toys, "a")
        early.record(toys.Stamped(parcel="a"))
    with reading() as db:
        times = list(db.execute(select(events.c.time).order_by(events.c.sequence)).scalars())
    assert len(times) == 2
    assert times == sorted(times)


def test_streams_that_are_named_together_are_locked_in_one_order(beside: Beside) -> None:
    """Named the other way round by two transactions at a time, forty times: a deadlock would raise."""

    def lock(*names: str) -> None:
        for _ in range(40):
            with recording() as work:
                work.lock(*names)

    for each in (beside(lambda: lock("/b", "/a", "/c")), beside(lambda: lock("/c", "/a", "/b"))):
        each.result()


@pytest.mark.parametrize("exists", [True, False], ids=["known", "new"])
def test_a_stream_that_comes_too_late_for_its_place_is_not_waited_for(
    toys: ModuleType, beside: Beside, exists: bool
) -> None:
    """Whoever holds it may wait for us: only the one who asks out of order can give way."""
    if exists:
        record(toys, "a")

    def lock_out_of_order() -> None:
        with recording() as work:
            work.lock("/parcels/b")
            work.lock("/parcels/a")

    with recording() as holder:
        holder.lock("/parcels/a")
        with pytest.raises(OperationalError):
            beside(lock_out_of_order).result(timeout=5)
    lock_out_of_order()  # nobody holds it any more


def test_a_stream_that_comes_late_and_is_free_is_locked_like_any(toys: ModuleType) -> None:
    with recording() as work:
        work.lock("/parcels/b")
        work.lock("/parcels/a")
        work.record(toys.Stamped(parcel="a"))
        assert work.db.execute(text("SHOW lock_timeout")).scalar() == "0"
        assert waits_for(work, "/parcels/a")


def waits_for(holder: Recording, stream: str) -> bool:
    """Whether another transaction would have to wait for a stream that `holder` has locked."""
    with writing() as db:
        return not log.lock_if_free(db, stream)


def test_two_who_make_the_same_stream_share_it(toys: ModuleType, beside: Beside) -> None:
    with recording() as first:
        first.record(toys.Stamped(parcel="new"))
        other = beside(lambda: record(toys, "new"))
        wait_for(somebody_waits, what="the second to wait for the first")
    other.result()
    with reading() as db:
        assert list(db.execute(select(events.c.sequence).order_by(events.c.serial)).scalars()) == [1, 2]


def test_a_rebuild_begins_when_nobody_records_and_folds_all_of_it(toys: ModuleType, beside: Beside) -> None:
    with recording() as holder:
        holder.lock("/parcels/a")
        rebuilding = beside(rebuild)
        wait_for(somebody_waits, what="the rebuild to wait for who holds a stream")
        holder.record(toys.Ordered(parcel="a"))
    assert rebuilding.result() == 1
    assert verify() == []


def test_a_transaction_that_stands_still_loses_its_locks(
    toys: ModuleType, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its machine may be gone: nobody would learn of it for hours."""
    record(toys, "a")
    monkeypatch.setattr(database, "STANDSTILL", 0.05)
    gone = connect(engine.url.render_as_string(hide_password=False))
    lost = gone.connect()
    log.lock_stream(lost, "/parcels/a")
    with writing() as db:
        assert log.lock_stream(db, "/parcels/a") == 1
    lost.invalidate()
    gone.dispose()
