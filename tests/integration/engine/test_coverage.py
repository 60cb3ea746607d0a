"""The coverage invariant, and the sets of listeners that it rests on: every event is judged under its own."""

from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
from sqlalchemy import delete, insert, update
from structlog.testing import capture_logs

from app.engine import coverage, declared, follow, log, now, reading, recording
from app.engine.database import get_engine, writing
from app.engine.listeners import LISTENERS
from app.engine.past import Wish
from app.engine.replays import start
from app.engine.sweep import sweep
from app.engine.tables import coverage_gaps, engine_state, events, listener_sets, reactions, replays, scopes
from tests.fixtures.databases import empty
from tests.fixtures.simulation import Simulation
from tests.fixtures.toys import NOTHING
from tests.integration.engine.looking import order, rows_of

PACK, ARRIVE = "toys:toys.pack", "toys:toys.arrive@settled"


def gaps() -> set[tuple[str, str]]:
    with reading() as db:
        return {(row.event, row.listener) for row in db.execute(coverage_gaps.select())}


def missing() -> int:
    """What a sweep leaves missing."""
    sweep()
    with reading() as db:
        assert coverage.cursor(db) == log.last_position(db)
        return coverage.missing_now(db)


def change(statement: Any) -> None:
    with writing() as db:
        assert abs(db.execute(statement).rowcount) == 1  # some drivers count no inserts


def look_from_the_beginning() -> None:
    with writing() as db:
        db.execute(engine_state.delete())


def sent(toys: ModuleType) -> str:
    with recording() as work:
        return work.record(toys.Sent(parcel="a")).id


def sets() -> dict[str, Any]:
    with reading() as db:
        return {row.revision: row for row in db.execute(listener_sets.select())}


@pytest.fixture
def another_process(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """`another_process(declare)`: from here on this process declares what that does, and nothing else."""

    def begin(declare: Callable[[], object] = lambda: None) -> None:
        for name, value in NOTHING.items():
            monkeypatch.setattr(LISTENERS, name, type(value)())
        monkeypatch.setattr(declared, "_announced", None)
        monkeypatch.setattr(declared, "_again_at", 0.0)
        declared._sets.cache_clear()
        declare()

    return begin


def test_a_platform_at_rest_misses_nothing(toys: ModuleType, simulation: Simulation) -> None:
    for parcel in "abc":
        order(toys, parcel)
    simulation.drain()
    assert missing() == 0


def test_while_flows_run_through_chaos_nothing_is_missing(toys: ModuleType, simulation: Simulation) -> None:
    for seed in range(3):
        order(toys, f"p{seed}")
        simulation.drain(seed)
        assert missing() == 0


def test_a_lost_reaction_is_missing_until_it_turns_up(toys: ModuleType, simulation: Simulation) -> None:
    flow = order(toys)
    [row] = rows_of(reactions)
    change(delete(reactions).where(reactions.c.id == row.id))
    with capture_logs() as lines:
        assert missing() == 1
    [told] = [line for line in lines if line["log_level"] == "error"]
    assert told["first"] == [(flow, PACK)]
    assert missing() == 1
    change(insert(reactions).values(row._mapping))
    assert missing() == 0


def test_a_replay_fills_what_was_missing(toys: ModuleType, simulation: Simulation) -> None:
    order(toys)
    [row] = rows_of(reactions)
    change(update(reactions).where(reactions.c.id == row.id).values(generation=1))
    sweep()
    assert gaps() == {(row.event, PACK)}, "what a replay has made is no answer of the live event"
    assert missing() == 0


def test_what_waits_to_settle_is_not_missing(toys: ModuleType, simulation: Simulation) -> None:
    event = sent(toys)
    assert missing() == 0
    change(update(scopes).where(scopes.c.id == event).values(waiting={}))
    look_from_the_beginning()
    assert missing() == 1
    assert gaps() == {(event, ARRIVE)}


def test_an_event_that_meets_no_condition_is_not_expected_to_be_answered(
    toys: ModuleType, simulation: Simulation
) -> None:
    with recording() as work:
        work.record(toys.Insured(parcel="not one of the three"))
        work.record(toys.Insured(parcel="a"))
    assert missing() == 0
    with writing() as db:
        assert db.execute(delete(reactions)).rowcount == 1
    look_from_the_beginning()
    assert missing() == 1


def test_each_event_is_judged_by_the_listeners_of_the_process_that_recorded_it(
    toys: ModuleType, simulation: Simulation, another_process: Callable[..., None]
) -> None:
    order(toys, "old")
    another_process(lambda: [toys.declare(), follow(toys.Ordered, do=toys.note, name="new")])
    order(toys, "new")
    another_process()
    assert missing() == 0
    assert len(sets()) == 3
    change(delete(reactions).where(reactions.c.listener == "new"))
    look_from_the_beginning()
    assert missing() == 1


def test_what_was_matched_under_an_unknown_set_counts_until_the_set_is_known(
    toys: ModuleType, simulation: Simulation, another_process: Callable[..., None]
) -> None:
    another_process()
    sweep()
    another_process(toys.declare)
    event = order(toys)
    [known] = [row for revision, row in sets().items() if revision == LISTENERS.revision]
    change(delete(listener_sets).where(listener_sets.c.revision == known.revision))
    change(delete(reactions).where(reactions.c.event == event))
    another_process()
    assert missing() == 1
    assert gaps() == {(event, coverage.UNKNOWN)}
    change(insert(listener_sets).values(known._mapping))
    assert missing() == 1
    assert gaps() == {(event, PACK)}


def test_events_from_before_sets_were_written_down_are_not_judged(
    toys: ModuleType, simulation: Simulation, another_process: Callable[..., None]
) -> None:
    order(toys)
    with writing() as db:
        db.execute(delete(listener_sets))
    another_process()
    simulation.clock.shift(1)
    assert missing() == 0


def test_a_set_is_there_before_what_was_matched_under_it(
    toys: ModuleType, simulation: Simulation, another_process: Callable[..., None]
) -> None:
    another_process(toys.declare)
    with recording():
        [row] = sets().values()
    assert row.revision == LISTENERS.revision
    assert {each["name"]: each["types"] for each in row.listeners}[PACK] == ["toy.parcel.ordered"]
    assert "toys.pack" in {each["name"] for each in row.actions}


def test_whatever_is_said_of_a_listener_comes_back_from_the_database(
    toys: ModuleType, simulation: Simulation, another_process: Callable[..., None]
) -> None:
    another_process(lambda: toys.declare({"send": {"key": "parcel", "on_dead": "stop", "rate": 1.5}}))
    declared.announce()
    revision, said = LISTENERS.revision, LISTENERS.all()
    another_process()
    with reading() as db:
        read = declared.set_of(db, revision)
    assert read is not None
    assert sorted(read.all(), key=lambda each: each.name) == sorted(said, key=lambda each: each.name)
    assert read.revision == revision


def test_a_process_writes_its_set_once_and_then_once_a_minute(
    toys: ModuleType, simulation: Simulation, monkeypatch: pytest.MonkeyPatch
) -> None:
    order(toys, "a")
    [first] = sets().values()
    simulation.clock.shift(30)
    order(toys, "b")
    assert list(sets().values()) == [first]
    monkeypatch.setattr(declared, "_again_at", 0.0)  # a minute has passed
    order(toys, "c")
    [again] = sets().values()
    assert (again.first_at, again.seen_at) == (first.first_at, now())


def test_a_process_knows_its_own_set_even_in_an_emptied_database(
    toys: ModuleType, simulation: Simulation
) -> None:
    order(toys, "a")
    empty(get_engine())
    order(toys, "b")
    assert missing() == 0
    change(delete(reactions))
    look_from_the_beginning()
    assert missing() == 1


def test_a_process_that_changes_its_database_writes_its_set_there(
    toys: ModuleType, engine: object, configure: Callable[..., None], simulation: Simulation
) -> None:
    order(toys, "a")
    configure()  # forgets the engine
    with writing() as db:
        db.execute(delete(listener_sets))
    order(toys, "b")
    assert set(sets()) == {LISTENERS.revision}


@pytest.mark.parametrize("wrong", [{"matched": 2}, {"made": 2, "matched": 2}, {"suppressed": 1}])
def test_a_replay_that_made_too_little_is_missing_something(
    toys: ModuleType, simulation: Simulation, wrong: dict[str, int]
) -> None:
    order(toys)
    simulation.drain()
    with recording() as work:
        replay = start(work, Wish(PACK, again=True))
    change(update(replays).values(until=replay.until))
    simulation.drain()
    assert missing() == 0
    [ended] = rows_of(events, type="platform.replay.completed")
    change(update(replays).values(**wrong))
    look_from_the_beginning()
    assert missing() == 1
    assert gaps() == {(ended.id, f"{PACK} (replay 1)")}


def test_sweeps_at_the_same_time_find_the_same_once(
    toys: ModuleType, simulation: Simulation, monkeypatch: pytest.MonkeyPatch
) -> None:
    order(toys)
    change(delete(reactions))
    log.catch_up()
    note, found = coverage._note, []

    def overtaken(*args: Any) -> bool:
        monkeypatch.setattr(coverage, "_note", note)
        found.append(coverage.check(now()))
        return note(*args)

    monkeypatch.setattr(coverage, "_note", overtaken)
    assert (coverage.check(now()), found) == (0, [1])
    assert len(gaps()) == 1


def test_an_event_is_looked_at_once(
    toys: ModuleType, simulation: Simulation, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked_at: list[str] = []
    monkeypatch.setattr(coverage, "_missing", lambda _db, batch, _made: looked_at.extend(x.id for x in batch))
    monkeypatch.setattr(coverage, "_note", lambda *args: note(*args[:2], [], *args[3:]))
    ids = [order(toys, parcel) for parcel in "abcd"]
    sweep()
    sweep()
    assert looked_at == ids


note = coverage._note
