"""One attempt at a reaction: what it may read and decide, and what becomes of it when something is wrong
outside its body.
"""

from collections.abc import Callable
from datetime import timedelta
from types import ModuleType
from typing import Any

import pytest
from celery.exceptions import SoftTimeLimitExceeded
from sqlalchemy import Engine, update
from sqlalchemy.exc import OperationalError

from app.engine import current, database, faults, log, queue, reading, recording
from app.engine.actions import ACTIONS
from app.engine.database import writing
from app.engine.rebuild import verify
from app.engine.running import run
from app.engine.sweep import sweep
from app.engine.tables import events, reactions
from app.errors import PermanentError
from tests.fixtures.simulation import Crash, Simulation
from tests.integration.engine.looking import deliver_until, flow_row, order, reaction_of, story, types_of

BOTH_SORTS = pytest.mark.parametrize("action", ["toys.pack", "toys.send"])


def raise_trouble() -> None:
    raise OperationalError("SELECT 1", None, Exception("deadlock detected"))


@BOTH_SORTS
def test_an_event_that_this_process_cannot_read_is_counted_and_buried(
    toys: ModuleType, simulation: Simulation, action: str
) -> None:
    """A field that lost its meaning is a bug: uncounted it would go round for ever."""
    flow = order(toys)
    deliver_until(simulation, action)
    row = reaction_of(action)
    with writing() as db:
        db.execute(update(events).where(events.c.id == row.event).values(data={"parcel": {}}))
    simulation.drain()
    row = reaction_of(action)
    assert (row.state, row.attempt) == ("dead", ACTIONS[action].attempts)
    assert "ValidationError" in row.failure["message"]
    assert (flow_row(flow).state, flow_row(flow).open) == ("failed", 0)


@BOTH_SORTS
def test_trouble_with_the_database_is_told_as_such_and_not_as_a_killer_of_workers(
    toys: ModuleType, simulation: Simulation, action: str
) -> None:
    toys.trouble[action.partition(".")[2]] = raise_trouble
    order(toys)
    simulation.drain()
    row = reaction_of(action)
    assert (row.state, row.attempt, row.failure["code"]) == ("dead", ACTIONS[action].attempts, "internal")
    assert row.failure["message"] == f"{action} could not use the database: deadlock detected"
    assert any("raise_trouble" in line for line in row.failure["traceback"])


def test_the_first_trouble_of_an_inner_action_counts_as_no_attempt(
    toys: ModuleType, simulation: Simulation
) -> None:
    toys.trouble["pack"] = raise_trouble
    order(toys)
    assert run(ACTIONS["toys.pack"], reaction_of("toys.pack").id) == "left"
    row = reaction_of("toys.pack")
    assert (row.state, row.attempt, row.fence) == ("ready", 0, 0)
    del toys.trouble["pack"]
    simulation.drain()
    assert reaction_of("toys.pack").attempt == 1


def test_an_outer_action_that_meets_trouble_is_put_off_at_once(
    toys: ModuleType, simulation: Simulation
) -> None:
    """It need not wait until its lease is over."""
    toys.trouble["send"] = raise_trouble
    order(toys)
    deliver_until(simulation, "toys.send")
    assert run(ACTIONS["toys.send"], reaction_of("toys.send").id) == "waiting"
    assert reaction_of("toys.send").due_at is not None


def test_a_writer_that_waits_in_vain_for_sqlite_leaves_the_reaction_to_the_sweep(
    toys: ModuleType, sqlite_database: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "SQLITE_PATIENCE", 0.02)
    order(toys)
    with writing():
        with pytest.raises(OperationalError, match="database is locked"), writing():
            pass
        for redelivered in (False, True):  # unclaimed, and about to be claimed
            assert run(ACTIONS["toys.pack"], reaction_of("toys.pack").id, redelivered=redelivered) == "left"
    assert reaction_of("toys.pack").attempt == 0


@pytest.mark.parametrize("odd", ["nul \0 here", "half a letter \udc80"], ids=["nul", "surrogate"])
@pytest.mark.parametrize("where", ["bug", "message", "evidence"])
def test_what_no_database_can_hold_does_not_hide_the_failure(
    toys: ModuleType, simulation: Simulation, odd: str, where: str
) -> None:
    """Names of files and answers of services may hold any character; PostgreSQL may not."""

    def fail() -> None:
        if where == "bug":
            raise ValueError(odd)
        raise PermanentError(
            "no_such_address",
            odd if where == "message" else "there is none",
            evidence={"streets": [{odd: odd}]} if where == "evidence" else None,
        )

    toys.trouble["send"] = fail
    order(toys)
    simulation.drain()
    row = reaction_of("toys.send")
    plain = odd.replace("\0", "\ufffd").replace("\udc80", "?")
    if where == "bug":
        assert (row.attempt, row.failure["message"]) == (3, f"toys.send raised ValueError: {plain}")
        assert any(plain in line for line in row.failure["traceback"])
    elif where == "message":
        assert row.failure["message"] == plain
    else:
        assert row.failure["evidence"] == {"streets": [{plain: plain}]}
    assert row.failure["code"] == ("internal" if where == "bug" else "no_such_address")


def test_an_attempt_that_was_overtaken_while_it_failed_is_lost(
    toys: ModuleType, simulation: Simulation, monkeypatch: pytest.MonkeyPatch
) -> None:
    toys.trouble["send"] = toys.retryable
    order(toys)
    deliver_until(simulation, "toys.send")
    monkeypatch.setattr("app.engine.claims.finish", lambda *_: False)
    assert run(ACTIONS["toys.send"], reaction_of("toys.send").id) == "lost"


def test_an_action_that_stops_because_its_lease_is_lost_writes_nothing(
    toys: ModuleType, simulation: Simulation
) -> None:
    def notice() -> None:
        current().lost.set()
        current().check()

    toys.trouble["send"] = notice
    flow = order(toys)
    deliver_until(simulation, "toys.send")
    before = types_of(flow)
    assert run(ACTIONS["toys.send"], reaction_of("toys.send").id) == "lost"
    assert types_of(flow) == before
    assert reaction_of("toys.send").state == "running"  # it is whose lease it is


def test_a_body_that_outlasts_its_time_is_tried_again(toys: ModuleType, simulation: Simulation) -> None:
    def outlast() -> None:
        raise SoftTimeLimitExceeded

    toys.trouble["send"] = outlast
    order(toys)
    deliver_until(simulation, "toys.send")
    assert run(ACTIONS["toys.send"], reaction_of("toys.send").id) == "waiting"
    failure = reaction_of("toys.send").failure
    assert (failure["code"], failure["retryable"]) == ("stage_timeout", True)
    assert failure["message"] == "toys.send did not end within 600 s"


def test_an_exception_that_an_action_names_is_tried_again_and_then_becomes_its_failure_signal(
    toys: ModuleType, simulation: Simulation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ACTIONS["toys.send"], "retry_on", {ConnectionError: "post_closed"})

    def refuse() -> None:
        raise ConnectionResetError("by the post")

    toys.trouble["send"] = refuse
    flow = order(toys)
    simulation.drain()
    failed = next(event for event in story(flow) if event.type == "toy.parcel.send.failed")
    assert failed.data["failure"]["code"] == "post_closed"
    assert failed.data["failure"]["attempt"] == 3
    assert "by the post" in failed.data["failure"]["message"]


def test_an_inner_action_decides_in_a_transaction_and_an_outer_one_holds_none(
    toys: ModuleType, simulation: Simulation
) -> None:
    seen: dict[str, Any] = {}

    def look_inside() -> None:
        seen["inner"] = log.read_flow(current().db, flow)

    def look_outside() -> None:
        with pytest.raises(RuntimeError, match="holds no transaction"):
            _ = current().db
        seen["outer"] = (current().attempt, current().flow, current().actor, current().idempotency_key)

    toys.trouble |= {"pack": look_inside, "send": look_outside}
    flow = order(toys)
    simulation.drain()
    assert [event.type for event in seen["inner"]] == ["toy.parcel.ordered"]
    assert seen["outer"] == (1, flow, "action:toys.send", reaction_of("toys.send").id)
    with pytest.raises(LookupError):
        current()


def test_a_decision_that_raises_in_the_results_transaction_is_a_failed_attempt(
    toys: ModuleType, simulation: Simulation, monkeypatch: pytest.MonkeyPatch
) -> None:
    decisions: list[Callable[[], Any]] = [toys.retryable, lambda: toys.Insured(parcel="a")]
    monkeypatch.setattr(ACTIONS["toys.insure"], "body", lambda _event: decisions.pop(0))
    flow = order(toys)
    simulation.drain()
    assert types_of(flow).count("toy.parcel.insured") == 1
    assert reaction_of("toys.insure").attempt == 2


@pytest.mark.parametrize(
    ("facts", "outcome", "count"),
    [(None, "ignored", 0), ([], "ignored", 0), ("one", "succeeded", 1), ("two", "succeeded", 2)],
)
def test_an_action_may_answer_with_nothing_one_signal_or_several(
    toys: ModuleType,
    simulation: Simulation,
    monkeypatch: pytest.MonkeyPatch,
    facts: Any,
    outcome: str,
    count: int,
) -> None:
    answers = {"one": toys.Packed(parcel="a"), "two": [toys.Packed(parcel="a"), toys.Packed(parcel="b")]}
    monkeypatch.setattr(
        ACTIONS["toys.pack"], "body", lambda _: answers.get(facts) if isinstance(facts, str) else facts
    )
    flow = order(toys)
    simulation.drain()
    assert reaction_of("toys.pack").outcome == outcome
    packed = [event for event in story(flow) if event.type == "toy.parcel.packed"]
    assert [event.stream for event in packed] == ["/parcels/a", "/parcels/b"][:count]
    assert {event.cause for event in packed} <= {story(flow)[0].id}
    assert not verify()


def test_a_worker_that_dies_before_it_claims_leaves_the_reaction_as_it_was(
    toys: ModuleType, simulation: Simulation
) -> None:
    def die(point: str) -> None:
        if point == "claim.before_commit":
            raise Crash(point)

    order(toys)
    deliver_until(simulation, "toys.send")
    before = reaction_of("toys.send")
    with faults.on_fault(die), pytest.raises(Crash):
        run(ACTIONS["toys.send"], before.id)
    assert reaction_of("toys.send") == before


def test_a_message_that_comes_back_is_counted_before_an_inner_action_works(
    toys: ModuleType, simulation: Simulation
) -> None:
    seen: list[tuple[int, str]] = []

    def look() -> None:
        with reading() as db:
            [state] = db.execute(reactions.select().where(reactions.c.action == "toys.pack")).all()
        seen.append((state.attempt, state.state))
        raise Crash("killed")

    toys.trouble["pack"] = look
    order(toys)
    reaction = reaction_of("toys.pack").id
    for redelivered in (False, True):
        with pytest.raises(Crash):
            run(ACTIONS["toys.pack"], reaction, redelivered=redelivered)
    assert seen == [(0, "ready"), (1, "running")]


def test_a_reaction_that_waits_for_its_time_is_not_taken_up_by_an_old_message(
    toys: ModuleType, simulation: Simulation
) -> None:
    toys.trouble["send"] = toys.retryable
    order(toys)
    deliver_until(simulation, "toys.send")
    reaction = reaction_of("toys.send").id
    assert run(ACTIONS["toys.send"], reaction) == "waiting"
    assert run(ACTIONS["toys.send"], reaction) == "not there"
    simulation.clock.shift(timedelta(hours=1))
    assert run(ACTIONS["toys.send"], reaction) == "not there"
    sweep()
    assert run(ACTIONS["toys.send"], reaction) == "waiting"


def test_a_hand_off_that_raises_harms_no_result(
    toys: ModuleType, simulation: Simulation, monkeypatch: pytest.MonkeyPatch
) -> None:
    def break_down(*_: Any, **__: Any) -> int:
        raise ConnectionError("anything at all")

    flow = order(toys)
    monkeypatch.setattr(queue, "send", break_down)
    assert run(ACTIONS["toys.pack"], reaction_of("toys.pack").id) == "lost"
    assert types_of(flow) == ["toy.parcel.ordered", "toy.parcel.packed"]
    assert reaction_of("toys.pack").state == "done"


def test_a_request_of_a_person_is_one_transaction(toys: ModuleType, simulation: Simulation) -> None:
    def cannot_be_folded() -> None:
        with recording("token:me") as work:
            work.record(toys.Ordered(parcel="a"))
            work.record(toys.Ordered(parcel="a"))  # the same primary key

    with pytest.raises(Exception, match=r"(?i)unique"):
        cannot_be_folded()
    assert not simulation.messages
    assert not verify()
