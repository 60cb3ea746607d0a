"""Dead letters: one or many are tried again or given up, and flows, scopes and lines go on as they should."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from types import ModuleType
from typing import Any

import pytest

from app.engine import now, on, recording
from app.engine.listeners import LISTENERS
from app.engine.rebuild import verify
from app.engine.redrive import Redriven, Wanted, give_up, redrive, redrive_many
from app.engine.tables import reactions
from app.errors import Conflict, NotFound
from tests.fixtures.simulation import Simulation
from tests.integration.engine.looking import (
    flow_row,
    order,
    reaction_of,
    rows_of,
    scope_rows,
    story,
    types_of,
)


def again(reaction: str) -> None:
    with recording("token:me") as work:
        redrive(work, reaction)


def all_again(limit: int = 1000, **wanted: Any) -> Redriven:
    with recording("token:me") as work:
        return redrive_many(work, Wanted(**wanted), limit)


def skip(reaction: str) -> None:
    with recording("token:me") as work:
        give_up(work, reaction)


def count(flow: str, type_: str) -> int:
    return types_of(flow).count(type_)


@pytest.fixture
def buried(toys: ModuleType, drain: Callable[..., int]) -> str:
    """A flow in which `insure` has died of a bug that is mended by now."""
    toys.trouble["insure"] = toys.bug
    flow = order(toys)
    drain()
    toys.trouble.clear()
    return flow


def test_a_dead_reaction_is_like_a_new_one_when_it_is_redriven(buried: str) -> None:
    dead = reaction_of("toys.insure")
    assert (dead.state, dead.attempt, flow_row(buried).open) == ("dead", 5, 0)
    again(dead.id)
    row = reaction_of("toys.insure")
    assert (row.state, row.outcome, row.attempt, row.fence) == ("ready", None, 0, dead.fence + 1)
    assert (row.started_at, row.ended_at, row.failure) == (None, None, dead.failure)
    assert row.wake_at > now()
    flow = flow_row(buried)
    assert (flow.state, flow.open, flow.ended_at, flow.deadline_at is None) == ("running", 1, None, False)


def test_who_redrove_it_is_told_in_the_flow_and_stream_of_the_event(buried: str) -> None:
    dead = reaction_of("toys.insure")
    again(dead.id)
    told = story(buried)[-1]
    assert (told.type, told.stream, told.cause) == (
        "platform.reaction.redriven", "/parcels/a", dead.event
    )  # fmt: skip
    assert (told.subject, told.label, told.actor) == (dead.id, "parcel a", "token:me")
    assert told.data["by"] == "token:me"
    assert (told.data["reaction"], told.data["action"]) == (dead.id, "toys.insure")
    assert told.data["listener"] == dead.listener


def test_a_redriven_flow_ends_as_if_nobody_had_died_and_nothing_answers_twice(
    buried: str, drain: Callable[..., int]
) -> None:
    assert count(buried, "toy.parcel.arrived") == 1  # the branch had settled without it
    again(reaction_of("toys.insure").id)
    drain()
    assert (flow_row(buried).state, flow_row(buried).open) == ("succeeded", 0)
    assert count(buried, "toy.parcel.arrived") == 1
    assert count(buried, "toy.parcel.stamped") == 1
    assert {(row.open, row.waiting == {}) for row in scope_rows()} == {(0, True)}
    assert {row.state for row in rows_of(reactions)} == {"done"}
    assert verify() == []


@pytest.fixture
def stamped(toys: ModuleType, drain: Callable[..., int]) -> str:
    """A flow of which nothing else is left but `stamp`, which has died twice over, for two events."""
    toys.trouble["stamp"] = toys.bug
    with recording() as work:
        flow = work.record(toys.Insured(parcel="a")).flow
        work.record(toys.Insured(parcel="a"))
    drain()
    toys.trouble.clear()
    assert flow_row(flow).state == "failed"
    return flow


def test_a_flow_in_which_another_is_dead_still_has_failed(stamped: str, drain: Callable[..., int]) -> None:
    for reaction, state in zip(rows_of(reactions), ("failed", "succeeded"), strict=True):
        again(reaction.id)
        drain()
        assert (flow_row(stamped).state, flow_row(stamped).open) == (state, 0)


def test_a_reaction_that_is_not_mended_dies_again_and_its_flow_has_failed_again(
    stamped: str, toys: ModuleType, drain: Callable[..., int]
) -> None:
    toys.trouble["stamp"] = toys.bug
    assert all_again(flow=stamped).count == 2
    assert flow_row(stamped).open == 2
    drain()
    assert {(row.state, row.attempt) for row in rows_of(reactions)} == {("dead", 5)}
    assert (flow_row(stamped).state, flow_row(stamped).open) == ("failed", 0)
    assert count(stamped, "platform.reaction.dead_lettered") == 4
    toys.trouble.clear()
    all_again()
    drain()
    assert flow_row(stamped).state == "succeeded"


def test_a_dead_follower_is_redriven_without_opening_its_flow(
    toys: ModuleType, drain: Callable[..., int]
) -> None:
    toys.trouble["note"] = toys.bug
    flow = order(toys)
    drain()
    toys.trouble.clear()
    before = flow_row(flow)
    again(reaction_of("toys.note").id)
    assert flow_row(flow) == before
    drain()
    assert reaction_of("toys.note").state == "done"
    assert story(flow)[-2].follower  # that it was redriven
    assert flow_row(flow) == before


def test_only_the_dead_are_redriven_or_given_up_and_only_once(buried: str, drain: Callable[..., int]) -> None:
    dead, done = reaction_of("toys.insure").id, reaction_of("toys.send").id
    again(dead)
    for act in (again, skip):
        with pytest.raises(NotFound) as unknown:
            act("no-such-reaction")
        assert unknown.value.code == "reaction_not_found"
        for reaction, state in ((dead, "ready"), (done, "done")):
            with pytest.raises(Conflict) as refused:
                act(reaction)
            assert (refused.value.code, state in refused.value.message) == ("reaction_not_dead", True)
    assert count(buried, "platform.reaction.redriven") == 1
    drain()
    assert reaction_of("toys.insure").attempt == 1


def test_of_many_clicks_at_once_one_counts(buried: str) -> None:
    dead = reaction_of("toys.insure").id

    def click(_: int) -> str:
        try:
            again(dead)
        except Conflict as refused:
            return refused.code
        return "redriven"

    with ThreadPoolExecutor(6) as people:
        answers = Counter(people.map(click, range(6)))
    assert answers == {"redriven": 1, "reaction_not_dead": 5}
    assert flow_row(buried).open == 1


def test_many_are_found_by_what_they_have_in_common(toys: ModuleType, simulation: Simulation) -> None:
    toys.trouble["pack"], toys.trouble["send"] = toys.bug, toys.bug
    first = order(toys, "a")
    with recording() as work:
        work.record(toys.Packed(parcel="p%"))
    simulation.drain()
    later = now()
    simulation.clock.shift(timedelta(hours=1))
    second = order(toys, "b")
    simulation.drain()
    toys.trouble.clear()
    nothing = Redriven(0, None)
    assert (
        all_again(listener="toys:none") == all_again(action="toys.none") == all_again(code="other") == nothing
    )
    assert all_again(since=now() + timedelta(hours=1)) == all_again(under="/sites/") == nothing
    assert all_again(under="/parcels/%") == nothing
    assert all_again(flow=second, since=later, code="internal").count == 1
    assert all_again(action="toys.send").count == 1
    assert all_again(listener="toys:toys.pack", flow=first, under="/parcels/a").count == 1
    assert all_again() == nothing
    simulation.drain()
    assert {row.state for row in rows_of(reactions)} == {"done"}


def test_many_are_redriven_part_by_part_the_oldest_first(toys: ModuleType, drain: Callable[..., int]) -> None:
    toys.trouble["pack"] = toys.bug
    flows = [order(toys, f"p{number}") for number in range(5)]
    drain()
    after, parts = None, []
    while not parts or after:
        part = all_again(2, after=after)
        parts, after = [*parts, part.count], part.next
    assert parts == [2, 2, 1]
    toys.trouble.clear()
    drain()
    assert {flow_row(flow).state for flow in flows} == {"succeeded"}


@pytest.fixture
def line(
    toys: ModuleType, monkeypatch: pytest.MonkeyPatch, drain: Callable[..., int]
) -> Callable[[str], None]:
    """`line("stop")`: three reactions one after the other, of which the first has died."""

    def die(on_dead: Any) -> None:
        for index in ("_by_name", "_by_type"):
            monkeypatch.setattr(LISTENERS, index, {})
        on(toys.Packed, do=toys.send, key="parcel", on_dead=on_dead)
        left = [3]

        def first() -> None:
            left[0] -= 1
            if left[0] >= 0:
                toys.bug()

        toys.trouble["send"] = first
        for _ in range(3):
            with recording() as work:
                work.record(toys.Packed(parcel="a"))
        drain()

    return die


def states() -> list[str]:
    return [row.state for row in rows_of(reactions)]


def test_a_line_that_a_dead_one_stops_goes_on_when_that_is_redriven(
    line: Callable[[str], None], drain: Callable[..., int]
) -> None:
    line("stop")
    assert states() == ["dead", "waiting", "waiting"]
    again(rows_of(reactions)[0].id)
    assert states() == ["ready", "waiting", "waiting"]
    drain()
    rows = rows_of(reactions)
    assert states() == ["done"] * 3
    assert [row.ended_at for row in rows] == sorted(row.ended_at for row in rows)


def test_a_line_that_a_dead_one_stops_goes_on_when_that_is_given_up(
    line: Callable[[str], None], drain: Callable[..., int]
) -> None:
    line("stop")
    dead = rows_of(reactions)[0]
    skip(dead.id)
    assert states() == ["skipped", "ready", "waiting"]
    drain()
    row = rows_of(reactions)[0]
    assert (row.state, row.outcome, row.failure) == ("skipped", "given_up", dead.failure)
    assert states() == ["skipped", "done", "done"]
    assert types_of(dead.flow)[-1] == "platform.reaction.skipped"
    assert (flow_row(dead.flow).state, flow_row(dead.flow).open) == ("failed", 0)
    assert verify() == []


def test_one_that_is_redriven_while_another_has_its_turn_waits_for_its_own(
    line: Callable[[str], None], toys: ModuleType, drain: Callable[..., int]
) -> None:
    line("skip")
    assert states() == ["dead", "done", "done"]
    with recording() as work:
        work.record(toys.Packed(parcel="a"))
    again(rows_of(reactions)[0].id)
    assert states() == ["waiting", "done", "done", "ready"]
    assert rows_of(reactions)[0].waits_for == "key"
    drain()
    assert states() == ["done"] * 4
    assert rows_of(reactions)[0].ended_at >= rows_of(reactions)[3].ended_at


@pytest.mark.parametrize("seed", range(6))
def test_dead_letters_are_redriven_through_chaos(
    toys: ModuleType, drain: Callable[..., int], seed: int
) -> None:
    toys.trouble["insure"] = toys.bug
    flows = [order(toys, parcel) for parcel in ("a", "b", "c")]
    drain()
    toys.trouble.clear()
    drain(seed, arrivals=[all_again, *[lambda: order(toys, "d")]])
    assert {flow_row(flow).state for flow in flows} == {"succeeded"}
    assert all(count(flow, "toy.parcel.arrived") == 1 for flow in flows)
    assert all(count(flow, "platform.reaction.redriven") == 1 for flow in flows)
    assert verify() == []
