"""Lines: reactions with a key are worked off one after the other, in the order of their events, whatever
happens.
"""

import threading
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from types import ModuleType
from typing import Any

import pytest
from sqlalchemy import Engine, event, insert, text

from app.engine import log, now, ordering, reading
from app.engine.cancelling import request_cancel
from app.engine.database import writing
from app.engine.queue import lease
from app.engine.rebuild import verify
from app.engine.recording import recording
from app.engine.redrive import give_up, redrive
from app.engine.sweep import sweep
from app.engine.tables import events, flows, reactions
from app.errors import RetryableError
from tests.fixtures.databases import empty
from tests.fixtures.schedules import seeds
from tests.fixtures.simulation import Simulation
from tests.integration.engine.looking import flow_row, rows_of


def call(lines: ModuleType, *numbers: int, line: Any = "a", at: str = "1") -> str:
    return lines.record(*(lines.Called(line=line, number=number, at=at) for number in numbers))


def states() -> list[tuple[str, str | None]]:
    """How the reactions stand, in the order in which they were made."""
    return [(row.state, row.waits_for) for row in rows_of(reactions)]


def begun(lines: ModuleType) -> list[int]:
    return [number for _, number in lines.seen]


def bug() -> None:
    raise ZeroDivisionError


def closed() -> None:
    raise RetryableError("line_busy", "the line is busy")


READY, BEHIND = ("ready", None), ("waiting", "key")


def test_only_the_head_is_ready_and_its_end_lets_the_next_one_go(
    lines: ModuleType, simulation: Simulation
) -> None:
    lines.in_line()
    call(lines, 1, 2, 3)
    assert states() == [READY, BEHIND, BEHIND]
    call(lines, 4)
    assert len(simulation.messages) == 1
    simulation.deliver()
    assert states() == [("done", None), READY, BEHIND, BEHIND]
    assert len(simulation.messages) == 1  # the end of the head has sent it, no sweep
    simulation.drain()
    assert begun(lines) == [1, 2, 3, 4]
    assert verify() == []


def test_other_values_and_other_streams_do_not_wait(lines: ModuleType, simulation: Simulation) -> None:
    lines.in_line()
    call(lines, 1)
    call(lines, 2, line="b")
    call(lines, 3, at="2")
    assert states() == [READY] * 3
    simulation.drain()
    assert len(begun(lines)) == 3


def test_one_that_comes_while_the_head_is_at_work_waits(lines: ModuleType, simulation: Simulation) -> None:
    lines.in_line()
    lines.trouble[1] = lambda: call(lines, 2)
    call(lines, 1)
    simulation.deliver()
    assert lines.seen == [("1 a", 1)]
    assert states() == [("done", None), READY]


def test_one_that_is_tried_again_holds_back_those_behind_it(
    lines: ModuleType, simulation: Simulation
) -> None:
    lines.in_line()
    lines.trouble[1] = closed
    call(lines, 1, 2)
    simulation.deliver()
    assert states() == [("waiting", "retry"), BEHIND]
    call(lines, 3)
    sweep()
    assert states() == [("waiting", "retry"), BEHIND, BEHIND]
    lines.trouble.clear()
    simulation.drain()
    assert begun(lines) == [1, 1, 2, 3]


def test_a_dead_one_is_skipped_unless_it_stops(lines: ModuleType, simulation: Simulation) -> None:
    lines.in_line()
    lines.trouble[1] = bug
    call(lines, 1, 2)
    simulation.drain()
    assert begun(lines) == [1] * 9 + [2]
    assert states() == [("dead", None), ("done", None)]


@pytest.mark.parametrize("again", [redrive, give_up])
def test_a_dead_one_that_stops_holds_the_line_until_somebody_decides(
    lines: ModuleType, simulation: Simulation, again: Callable[..., None]
) -> None:
    lines.in_line(on_dead="stop")
    lines.trouble[1] = bug
    call(lines, 1, 2)
    call(lines, 3, line="b")
    simulation.drain()
    call(lines, 4)
    simulation.drain()
    assert states() == [("dead", None), BEHIND, ("done", None), BEHIND]
    lines.trouble.clear()
    lines.seen.clear()
    with recording("token:me") as work:
        again(work, rows_of(reactions)[0].id)
    simulation.drain()
    assert begun(lines) == ([1, 2, 4] if again is redrive else [2, 4])


def test_one_that_was_skipped_and_is_redriven_waits_for_its_turn_ahead_of_the_later_ones(
    lines: ModuleType, simulation: Simulation
) -> None:
    lines.in_line()
    lines.trouble[1] = bug
    call(lines, 1)
    simulation.drain()
    lines.trouble.clear()
    lines.seen.clear()
    call(lines, 2, 3)
    with recording("token:me") as work:
        redrive(work, rows_of(reactions)[0].id)
    assert states() == [BEHIND, READY, BEHIND]
    simulation.drain()
    assert begun(lines) == [2, 1, 3]


def test_a_head_that_is_cancelled_lets_the_next_one_go(lines: ModuleType, simulation: Simulation) -> None:
    lines.in_line()
    first = call(lines, 1)
    call(lines, 2)
    with recording("token:me") as work:
        request_cancel(work, first)
    assert flow_row(first).state == "cancelled"
    simulation.drain()
    assert begun(lines) == [2]


def test_a_head_whose_worker_is_gone_keeps_its_turn_until_it_is_buried(
    lines: ModuleType, simulation: Simulation
) -> None:
    lines.in_line()
    call(lines, 1, 2)
    head = simulation.messages.pop()
    for attempt in range(9):
        with writing() as db:
            from_ready = reactions.update().where(reactions.c.id == head.reaction)
            taken = {"state": "running", "attempt": attempt + 1, "wake_at": now() + lease()}
            db.execute(from_ready.values(taken))
        simulation.wait(lease() + timedelta(seconds=1))
        sweep()
        assert states()[1] == (READY if attempt == 8 else BEHIND)
    simulation.messages.clear()
    simulation.drain()
    assert begun(lines) == [2]


def test_what_only_follows_keeps_its_order_too(lines: ModuleType, simulation: Simulation) -> None:
    lines.followed_in_line()
    flow = call(lines, 1, 2)
    assert (states(), flow_row(flow).open) == ([READY, BEHIND], 0)
    simulation.drain()
    assert begun(lines) == [1, 2]


@pytest.mark.parametrize(
    ("one", "other", "together"),
    [
        (7, "7", True),
        (7, 7.0, True),
        (7, 7.5, False),
        (None, None, True),
        (None, "", False),
        (True, 1, False),
        (True, "true", True),
        (["a", 1], ["a", 1], True),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, True),
        ("é", "é", True),
        ("x" * 300 + "1", "x" * 300 + "2", False),
        ("x" * 300, "x" * 300, True),
    ],
)
def test_a_key_is_the_text_of_any_value(
    lines: ModuleType, simulation: Simulation, one: Any, other: Any, together: bool
) -> None:
    lines.in_line()
    call(lines, 1, line=one)
    call(lines, 2, line=other)
    assert states() == [READY, BEHIND if together else READY]
    assert all(len(row.key) <= 200 for row in rows_of(reactions))
    simulation.drain()
    assert begun(lines) == [1, 2]


def test_who_comes_at_the_same_moment_from_several_processes_gets_one_head(
    lines: ModuleType, simulation: Simulation
) -> None:
    lines.in_line()
    together, many = threading.Barrier(4), 5

    def come(first: int) -> None:
        together.wait()
        for number in range(first, first + many):
            call(lines, number)

    threads = [threading.Thread(target=come, args=(first,)) for first in (0, 10, 20, 30)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(states()) == [READY] + [BEHIND] * (4 * many - 1)
    simulation.drain()
    came = sorted(rows_of(events, type=lines.Called.type), key=lambda row: row.serial)
    assert begun(lines) == [row.data["number"] for row in came]


def check_lines(lines: ModuleType, calls: int) -> None:
    """Never two of one line at work at once, never one before its turn, and all of them have ended.

    A worker that was frozen may call after its lease is over: that is a repeat, and not recorded.
    """
    log.catch_up()
    told = sorted(rows_of(events), key=lambda row: row.serial)
    came, rang = (
        [
            (f"{row.data['at']} {row.data['line']}", row.data["number"])
            for row in told
            if row.type == wanted.type
        ]
        for wanted in (lines.Called, lines.Rang)
    )
    assert sorted(number for _, number in came) == list(range(calls))
    for line in {line for line, _ in came}:
        in_order = [each for each in came if each[0] == line]
        assert [each for each in rang if each[0] == line] == in_order
        assert list(dict.fromkeys(each for each in lines.seen if each[0] == line)) == in_order
    assert set(lines.crowd) == {1}
    assert {row.state for row in rows_of(reactions)} == {"done"}
    assert {(row.state, row.open) for row in rows_of(flows)} == {("succeeded", 0)}
    assert verify() == []


SEEDS = seeds(range(10))


@pytest.mark.parametrize("block", range(3))
def test_no_crash_loss_or_delay_brings_a_line_out_of_order(
    lines: ModuleType, simulation: Simulation, engine: Engine, block: int
) -> None:
    lines.in_line()
    crashes = 0
    for seed in SEEDS[block::3]:
        empty(engine)
        lines.forget()
        simulation.restart()
        came = [partial(call, lines, number, line="ab"[number % 2]) for number in range(8)]
        simulation.drain(seed, arrivals=came)
        with simulation.telling():
            check_lines(lines, 8)
        crashes += simulation.crashes
    assert crashes > 8


WAITING = 500


def test_what_an_end_costs_does_not_grow_with_the_line(
    lines: ModuleType, simulation: Simulation, engine: Engine
) -> None:
    lines.in_line()
    lines.record(*(lines.Called(number=number) for number in range(3)))
    one = rows_of(reactions)[0]._mapping
    plain = {"state": "waiting", "waits_for": "key", "wake_at": None}
    ended = {"state": "done", "waits_for": None, "wake_at": None}
    with writing() as db:
        for place, more in [(10**6, plain), (-(10**6), ended)]:
            new = [
                {**one, **more, "id": f"{place}-{n}", "event": f"{place}-{n}", "place": place + n}
                for n in range(WAITING)
            ]
            db.execute(insert(reactions), new)
        db.execute(text("ANALYZE"))
    line = (one["listener"], one["stream"], one["key"])
    plans = []

    def explain(conn: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, many: bool) -> None:
        if not statement.startswith(("EXPLAIN", "SAVEPOINT", "BEGIN")) and not many:
            how = "EXPLAIN QUERY PLAN" if engine.dialect.name == "sqlite" else "EXPLAIN"
            plans.append([row[-1] for row in conn.exec_driver_sql(f"{how} {statement}", parameters)])

    event.listen(engine, "before_cursor_execute", explain)
    try:
        with reading() as db:
            assert ordering.has_head(db, line)
        with writing() as db:
            db.execute(reactions.update().where(reactions.c.id == one["id"]).values(state="done"))
            [message] = ordering.next_in_line(db, line, one["created_at"])
    finally:
        event.remove(engine, "before_cursor_execute", explain)
    assert message.reaction == rows_of(reactions, place=one["place"] + 1)[0].id
    told = "\n".join(step for plan in plans for step in plan)
    assert "ix_reactions_queue" in told
    assert "SCAN reactions" not in told
    assert "Seq Scan" not in told
    assert "TEMP B-TREE FOR ORDER BY" not in told
    assert not [step for step in told.splitlines() if step.strip(" ->").startswith("Sort  (")]
