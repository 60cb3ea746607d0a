"""What happens to a flow when nothing goes wrong: events, reactions, counts, scopes, followers."""

from collections.abc import Callable
from types import ModuleType

from sqlalchemy import select

from app.engine import log, reading, recording
from app.engine.tables import events, flows, reactions, scopes, streams


def order(toys: ModuleType, parcel: str = "a") -> str:
    with recording("token:me") as work:
        return work.record(toys.Ordered(parcel=parcel)).flow


def types_of(flow: str) -> list[str]:
    with reading() as db:
        return [event.type for event in log.read_flow(db, flow)]


def test_a_flow_runs_to_its_end_with_every_event_caused_by_one_of_the_flow(
    toys: ModuleType, drain: Callable[..., int]
) -> None:
    flow = order(toys)
    drain()
    with reading() as db:
        story = log.read_flow(db, flow)
        row = db.execute(select(flows).where(flows.c.id == flow)).one()
        worked = db.execute(select(reactions).where(reactions.c.flow == flow)).all()
        assert db.execute(select(scopes.c.open)).scalars().all() == [0]
    assert [event.type for event in story] == [
        "toy.parcel.ordered",
        "toy.parcel.packed",
        "toy.parcel.sent",
        "toy.parcel.insured",
        "toy.parcel.stamped",
        "toy.parcel.arrived",
        "toy.note.written",
    ]
    assert (row.state, row.open, row.kind, row.label) == ("succeeded", 0, "parcel", "parcel a")
    assert row.ended_at is not None
    assert {r.state for r in worked} == {"done"}
    assert story[0].cause is None
    assert story[0].actor == "token:me"
    assert all(later.cause in {earlier.id for earlier in story} for later in story[1:])
    assert [event.sequence for event in story] == [1, 2, 3, 4, 5, 6, 7]
    assert story[-1].follower
    assert not any(event.follower for event in story[:-1])
    assert list(toys.effects.values()) == [1]


def test_an_event_without_listeners_is_a_flow_that_has_ended(
    toys: ModuleType, drain: Callable[..., int]
) -> None:
    with recording() as work:
        flow = work.record(toys.Stamped(parcel="z")).flow
    assert drain() == 0
    with reading() as db:
        row = db.execute(select(flows.c.state, flows.c.open, flows.c.kind).where(flows.c.id == flow)).one()
    assert tuple(row) == ("succeeded", 0, "toy.parcel.stamped")


def test_a_condition_decides_which_events_a_listener_answers(
    toys: ModuleType, drain: Callable[..., int]
) -> None:
    flow = order(toys, "no-stamp")
    drain()
    assert "toy.parcel.stamped" not in types_of(flow)
    assert "toy.parcel.arrived" in types_of(flow)


def test_nothing_is_recorded_when_the_block_raises(toys: ModuleType, drain: Callable[..., int]) -> None:
    try:
        with recording() as work:
            work.record(toys.Ordered(parcel="a"))
            raise RuntimeError("changed my mind")
    except RuntimeError:
        pass
    with reading() as db:
        assert [db.execute(select(table)).first() for table in (events, reactions, flows, streams)] == [
            None
        ] * 4


def test_a_loop_ends_and_says_why(toys: ModuleType, drain: Callable[..., int]) -> None:
    with recording() as work:
        flow = work.record(toys.Echoed(parcel="a")).flow
    drain()
    with reading() as db:
        skipped = db.execute(select(reactions).where(reactions.c.state == "skipped")).one()
        row = db.execute(select(flows.c.state, flows.c.open).where(flows.c.id == flow)).one()
    assert types_of(flow) == [*["toy.echo.heard"] * 9, "platform.reaction.looped"]
    assert "8 times" in skipped.failure["message"]
    assert tuple(row) == ("succeeded", 0)
