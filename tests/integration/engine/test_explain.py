"""Why a listener did or did not answer an event: there is an answer for every pair of them."""

from collections.abc import Callable
from datetime import UTC, datetime
from types import ModuleType
from typing import Any

import pytest
from sqlalchemy import delete, insert, update

from app.engine import follow, log, on, reading, recording
from app.engine.actions import ACTIONS
from app.engine.cancelling import request_cancel
from app.engine.database import writing
from app.engine.explain import LONGEST, Explanation, explain
from app.engine.listeners import LISTENERS
from app.engine.tables import listener_sets, reactions
from app.errors import NotFound
from tests.fixtures.simulation import Simulation
from tests.fixtures.toys import forget_listeners
from tests.integration.engine.looking import order, story
from tests.integration.engine.past import begin

PACK, ARRIVE, STAMP, NOTE = "toys.pack", "toys.arrive@settled", "toys.stamp", "toys.note"


def why(event: str, listener: str) -> Explanation:
    name = listener if ":" in listener else f"toys:{listener}"
    with reading() as db:
        [found] = explain(db, log.require_event(db, event), name)
        assert found in explain(db, log.require_event(db, event)) or found.code == "not_declared_now"
    assert found.listener == name
    assert found.reason[-1] == "."
    return found


def said(event: str, listener: str) -> tuple[bool, str]:
    found = why(event, listener)
    return found.fired, found.code


def recorded(signal: Any) -> str:
    with recording() as work:
        return work.record(signal).id


def event_of(flow: str, type_: str) -> str:
    [event] = [each for each in story(flow) if each.type == type_]
    return event.id


@pytest.fixture
def declares_only(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """`declares_only(declare)`: the processes that declared anything else are gone."""

    def begin_anew(declare: Callable[[], object] = lambda: None) -> None:
        with writing() as db:
            row = db.execute(listener_sets.select().limit(1)).one()
            db.execute(update(listener_sets).values(seen_at=row.first_at.replace(year=2020)))
        forget_listeners(monkeypatch)
        declare()

    return begin_anew


def test_one_that_answered_says_with_what_and_how_it_went(toys: ModuleType, simulation: Simulation) -> None:
    flow = order(toys)
    ready = why(flow, PACK)
    assert (ready.fired, ready.code, ready.reaction and ready.reaction.state) == (True, "fired", "ready")
    simulation.drain()
    done = why(flow, PACK)
    assert done.reaction
    assert (done.reaction.state, done.generations) == ("done", (0,))
    assert done.reason == "It answered; toys.pack is done (succeeded)."


def test_every_listener_there_is_gets_its_answer(toys: ModuleType, simulation: Simulation) -> None:
    flow = order(toys)
    with reading() as db:
        found = explain(db, log.require_event(db, flow))
    assert [each.listener for each in found] == [each.name for each in LISTENERS.all()]
    assert [each.code for each in found] == ["fired"] + ["type_differs"] * (len(found) - 1)


def test_another_type_is_named(toys: ModuleType, simulation: Simulation) -> None:
    found = why(order(toys), NOTE)
    assert (found.fired, found.code) == (False, "type_differs")
    expected = "It answers toy.parcel.arrived or toy.parcel.send.failed; this is toy.parcel.ordered."
    assert found.reason == expected


def test_a_condition_that_is_not_met_is_named_with_the_value(
    toys: ModuleType, simulation: Simulation
) -> None:
    found = why(recorded(toys.Insured(parcel="d")), STAMP)
    assert (found.fired, found.code, found.reaction) == (False, "condition_failed", None)
    assert found.reason == 'Its condition wants parcel to be "a" or "b" or "c"; it is "d".'


def test_all_conditions_that_are_not_met_are_named_and_long_values_cut(
    toys: ModuleType, simulation: Simulation
) -> None:
    on(toys.Ordered, do=toys.pack, name="x:odd", when={"branches": [1], "fragile": [False], "parcel": ["x"]})
    found = why(recorded(toys.Ordered(parcel="y")), "x:odd")
    assert found.reason == ('Its condition wants branches to be 1; it is 0, and parcel to be "x"; it is "y".')
    on(toys.Insured, do=toys.stamp, name="x:long", when={"parcel": ["x"]})
    reason = why(recorded(toys.Insured(parcel="y" * 150)), "x:long").reason
    assert len(reason) < LONGEST + 60


def test_one_that_waits_to_settle_says_until_when_and_for_what(
    toys: ModuleType, simulation: Simulation
) -> None:
    event = recorded(toys.Sent(parcel="a"))
    found = why(event, ARRIVE)
    assert (found.fired, found.code) == (False, "waiting_to_settle")
    assert "until 2026-01-01T01:00:00+00:00 at most; open: toys.insure (ready)." in found.reason
    simulation.drain()
    assert said(event, ARRIVE) == (True, "fired")


def test_one_that_was_declared_later_and_one_that_is_gone_are_told_apart(
    toys: ModuleType, simulation: Simulation, declares_only: Callable[..., None]
) -> None:
    flow = order(toys)
    follow(toys.Ordered, do=toys.note, name="x:new")
    assert said(flow, "x:new") == (False, "not_declared_then")
    recorded(toys.Packed(parcel="b"))
    declares_only()
    assert said(flow, "x:new") == (False, "not_declared_now")
    assert said(flow, PACK) == (True, "fired")
    assert "It is not declared any more." in why(flow, NOTE).reason


def test_one_that_waits_to_settle_and_that_no_process_knows_says_so(
    toys: ModuleType, simulation: Simulation, declares_only: Callable[..., None]
) -> None:
    event = recorded(toys.Sent(parcel="a"))
    declares_only()
    assert said(event, ARRIVE) == (False, "not_declared_now")


def test_what_another_process_declares_counts_as_declared_now(
    toys: ModuleType, simulation: Simulation, monkeypatch: pytest.MonkeyPatch
) -> None:
    flow = order(toys)
    follow(toys.Ordered, do=toys.note, name="x:new")
    recorded(toys.Packed(parcel="b"))
    forget_listeners(monkeypatch)
    assert said(flow, "x:new") == (False, "not_declared_then")
    simulation.clock.shift(3600)
    assert said(flow, "x:new") == (False, "not_declared_now")


def test_a_loop_that_was_cut_is_told(toys: ModuleType, simulation: Simulation) -> None:
    flow = recorded(toys.Echoed(parcel="a"))
    simulation.drain()
    last = [event for event in story(flow) if event.type == toys.Echoed.type][-1].id
    found = why(last, "toys.echo")
    assert (found.fired, found.code) == (False, "loop")
    assert found.reaction
    assert found.reaction.state == "skipped"
    assert "8 times" in found.reason


@pytest.mark.parametrize(
    ("how", "waits"),
    [
        ({"waits_for": "retry"}, "for its next attempt, after: no paper"),
        ({"waits_for": "key", "key": "a"}, "for its turn behind others with 'a'"),
        ({"waits_for": "slot"}, "until fewer are at work"),
        ({"waits_for": "rate"}, "for its place in the rate"),
        ({"waits_for": "delay"}, "waits until 2030-01-01T00:00:00+00:00"),
        ({"waits_for": "event", "key": "a"}, "for another event with 'a', until 2030"),
        ({"waits_for": "paused"}, "until its listener is resumed"),
    ],
    ids=lambda value: value.get("waits_for") if isinstance(value, dict) else "",
)
@pytest.mark.usefixtures("simulation")
def test_one_that_waits_says_for_what(toys: ModuleType, how: dict[str, Any], waits: str) -> None:
    flow = order(toys)
    until = datetime(2030, 1, 1, tzinfo=UTC)
    with writing() as db:
        failure = {"message": "no paper."}
        db.execute(update(reactions).values(state="waiting", due_at=until, failure=failure, **how))
    found = why(flow, PACK)
    assert (found.fired, found.code) == (True, "waiting")
    assert waits in found.reason


@pytest.mark.parametrize("otherwise", [True, False])
def test_one_for_which_nothing_came_says_so(
    play: Callable[[str], ModuleType], simulation: Simulation, otherwise: bool
) -> None:
    lines = play("tests.integration.engine.toy_lines")
    listener = lines.waits(**({} if otherwise else {"otherwise": None}))
    flow = lines.record(lines.Placed(number=1))
    simulation.drain()
    found = why(flow, listener.name)
    assert (found.fired, found.code) == (False, "timed_out")
    assert ("that was recorded" in found.reason) == otherwise


def test_a_cancelled_one_says_whether_it_had_begun(toys: ModuleType, simulation: Simulation) -> None:
    event = recorded(toys.Sent(parcel="a"))
    with recording() as work:
        request_cancel(work, event)
    for listener in ("toys.insure", ARRIVE):
        assert said(event, listener) == (False, "cancelled")
        assert why(event, listener).reason == "Its flow was cancelled before it began."


def test_a_dead_one_has_answered_and_says_of_what_it_died(
    toys: ModuleType, simulation: Simulation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ACTIONS["toys.send"], "attempts", 1)
    toys.trouble["send"] = toys.bug
    flow = order(toys)
    simulation.drain()
    found = why(event_of(flow, "toy.parcel.packed"), "toys.send")
    assert (found.fired, found.code, found.reaction and found.reaction.state) == (True, "fired", "dead")
    assert "nobody thought of this" in found.reason


def test_replays_are_named_beside_the_answer_or_instead_of_one(
    toys: ModuleType, simulation: Simulation
) -> None:
    flow = order(toys)
    simulation.drain()
    follow(toys.Ordered, do=toys.pack, name="x:late")
    begin(f"toys:{PACK}", again=True)
    begin("x:late")
    simulation.drain()
    found = why(flow, PACK)
    assert (found.code, found.generations, found.reaction and found.reaction.generation) == (
        "fired",
        (0, 1),
        0,
    )
    assert "by replay 1 (done)" in found.reason
    late = why(flow, "x:late")
    assert (late.fired, late.code, late.generations) == (True, "replayed", (1,))
    assert late.reason.startswith("It was given the event by replay 1 (done). It is declared now")


def test_a_reaction_that_is_missing_is_told(toys: ModuleType, simulation: Simulation) -> None:
    flow = order(toys)
    with writing() as db:
        db.execute(delete(reactions))
    assert said(flow, PACK) == (False, "missing")


def test_without_the_set_of_that_time_nobody_knows(
    toys: ModuleType, simulation: Simulation, declares_only: Callable[..., None]
) -> None:
    flow = order(toys)
    with reading() as db:
        known = db.execute(listener_sets.select()).one()
    declares_only(lambda: follow(toys.Ordered, do=toys.note, name="x:now"))
    with writing() as db:
        db.execute(delete(listener_sets))
    assert said(flow, "x:now") == (False, "unknown_then")
    assert said(flow, PACK) == (True, "fired")
    with writing() as db:
        db.execute(insert(listener_sets).values(known._mapping))
    assert said(flow, "x:now") == (False, "not_declared_then")


def test_a_name_that_nobody_ever_declared_is_an_error_with_a_hint(
    toys: ModuleType, simulation: Simulation
) -> None:
    flow = order(toys)
    with reading() as db:
        event = log.require_event(db, flow)
        with pytest.raises(NotFound, match="never was") as error:
            explain(db, event, "toys:toys.pakc")
        assert (error.value.code, error.value.hint[:28]) == (
            "listener_not_found",
            "Did you mean toys:toys.pack ",
        )
        with pytest.raises(NotFound) as error:
            explain(db, event, "\x00")
        assert "flask graph show" in error.value.hint
