"""Which past events a replay is about: a range, a listener's condition, and what it has answered before."""

from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from types import ModuleType
from typing import Any

import pytest
from sqlalchemy import update

from app.engine import now, on, recording, settled
from app.engine.database import writing
from app.engine.replays import cancel
from app.engine.sweep import sweep
from app.engine.tables import events, flows, reactions
from app.errors import InvalidInput, NotFound
from tests.fixtures.simulation import Simulation
from tests.integration.engine.looking import rows_of
from tests.integration.engine.past import SEND, answered, begin, look, made, pack, past_of, tried
from tests.integration.engine.past import world as world


def test_only_what_the_listener_accepts_is_replayed(world: ModuleType, drain: Callable[..., int]) -> None:
    for parcel, fragile in (("a", True), ("b", False), ("c", True)):
        with recording() as work:
            work.record(world.Ordered(parcel=parcel, fragile=fragile))
            work.record(world.Noted(parcel="a"))
    on(world.Ordered, do=world.pack, name="new:pack", when={"fragile": [True]})
    replay = begin("new:pack")
    drain()
    assert (look(replay).matched, look(replay).made) == (2, 2)


def test_a_range_is_given_by_positions_or_by_moments(world: ModuleType, simulation: Simulation) -> None:
    past, moments = [], []
    for number in range(6):
        simulation.clock.shift(timedelta(minutes=1))
        past.append(pack(world, f"p{number}"))
        moments.append(now())
    on(world.Packed, do=world.send, name=SEND)
    for bounds, expected in (
        ({"first": 2, "last": 4}, past[1:4]),
        ({"first": moments[3]}, past[3:]),
        ({"last": moments[1]}, past[:2]),
        ({"first": moments[1], "last": 3}, past[1:3]),
        ({"first": moments[4] + timedelta(seconds=1), "last": 99}, past[5:]),
        ({"last": 10**15}, past),
    ):
        assert [event.id for event in tried(**bounds).samples] == expected
    replay = begin(first=2, last=moments[3])
    simulation.drain()
    assert answered(replay) == past[1:4]


def test_a_dry_run_counts_and_changes_nothing(world: ModuleType, drain: Callable[..., int]) -> None:
    past = past_of(world, 12)
    on(world.Packed, do=world.send, name=SEND)
    begin(last=3)
    drain()
    before = [rows_of(table) for table in (events, reactions, flows)]
    found = tried()
    assert (found.after, found.until, found.matched, found.made, found.suppressed) == (
        0,
        len(before[0]),
        12,
        9,
        3,
    )
    assert [event.id for event in found.samples] == past[3:]
    assert (tried(again=True).made, len(tried(again=True).samples)) == (12, 10)
    assert [rows_of(table) for table in (events, reactions, flows)] == before


def test_an_event_is_answered_again_only_when_that_is_wished(
    world: ModuleType, drain: Callable[..., int]
) -> None:
    past_of(world, 3)
    on(world.Packed, do=world.send, name=SEND)
    for wish, counted in (({}, (1, 3, 0)), ({}, (2, 0, 3)), ({"again": True}, (3, 3, 0))):
        replay = begin(**wish)
        drain()
        done = look(replay)
        assert (done.generation, done.made, done.suppressed) == counted
    assert Counter(world.effects.values()) == {1: 6}  # each under a key of its own


@pytest.mark.parametrize(
    ("state", "suppressed"),
    [
        ("waiting", 1),
        ("ready", 1),
        ("running", 1),
        ("done", 1),
        ("dead", 0),
        ("skipped", 0),
        ("cancelled", 0),
    ],
)
def test_what_came_to_nothing_is_no_duplicate(world: ModuleType, state: str, suppressed: int) -> None:
    on(world.Packed, do=world.send, name=SEND)
    pack(world, "a")
    with writing() as db:
        db.execute(update(reactions).values(state=state))
    assert (tried().made, tried().suppressed) == (1 - suppressed, suppressed)


def test_a_listener_that_waits_for_something_to_settle_answers_the_past_at_once(
    world: ModuleType, simulation: Simulation
) -> None:
    on(world.Sent, do=world.insure)
    with recording() as work:
        work.record(world.Sent(parcel="old"))
    on(settled(world.Sent, within=3600), do=world.arrive, name="new:arrive")
    with recording() as work:
        work.record(world.Sent(parcel="new"))
    replay = begin("new:arrive")
    sweep()
    assert [(row.label, row.state) for row in made(replay)] == [("parcel old", "ready")]
    assert look(replay).suppressed == 1  # it is about to answer the new one
    simulation.drain()
    assert len(rows_of(events, type="toy.parcel.arrived")) == 2


@pytest.mark.parametrize(
    ("wish", "code"),
    [
        ({"rate": 0}, "rate_invalid"),
        ({"rate": -1.5}, "rate_invalid"),
        ({"rate": float("nan")}, "rate_invalid"),
        ({"first": 3, "last": 2}, "range_invalid"),
        ({"first": 4}, "range_empty"),
        ({"last": 0}, "range_empty"),
        ({"first": 10**30}, "range_empty"),
    ],
)
def test_a_wish_that_cannot_be_is_refused(world: ModuleType, wish: dict[str, Any], code: str) -> None:
    past_of(world, 3)
    on(world.Packed, do=world.send, name=SEND)
    for act in (begin, tried):
        with pytest.raises(InvalidInput) as refused:
            act(**wish)
        assert refused.value.code == code
    assert rows_of(flows, kind="replay") == []


def test_a_range_of_moments_may_be_turned_round_or_empty(world: ModuleType) -> None:
    past_of(world, 3)
    on(world.Packed, do=world.send, name=SEND)
    hour = timedelta(hours=1)
    for wish, code in (
        ({"first": now() + hour, "last": now()}, "range_invalid"),
        ({"first": now() + hour}, "range_empty"),
        ({"last": now() - hour}, "range_empty"),
    ):
        with pytest.raises(InvalidInput) as refused:
            begin(**wish)
        assert refused.value.code == code


def test_an_unknown_listener_is_answered_with_the_closest_names(world: ModuleType) -> None:
    past_of(world, 1)
    on(world.Packed, do=world.send, name=SEND)
    on(world.Sent, do=world.insure)
    for name, hint in (
        ("toys.send", f"Did you mean {SEND}?"),
        ("new:toys.sned", f"Did you mean {SEND}"),
        ("", "flask graph show"),
    ):
        with pytest.raises(NotFound) as unknown:
            begin(name)
        assert unknown.value.code == "listener_not_found"
        assert hint in unknown.value.hint
    with pytest.raises(NotFound) as lost, recording() as work:
        cancel(work, "no-such-replay")
    assert lost.value.code == "replay_not_found"
