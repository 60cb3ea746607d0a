"""Configured listeners and the past: replayed by their whole pattern, looked back on, and what of them this
process cannot read.
"""

from collections.abc import Callable
from datetime import timedelta
from types import ModuleType
from typing import Any

import pytest
from sqlalchemy import update

from app.engine import configured, log, new_id, now, reading, recording, replays, retrospect
from app.engine.coverage import missing_now
from app.engine.database import writing
from app.engine.hearing import Hearing
from app.engine.listeners import Listener
from app.engine.patterns import parse
from app.engine.rebuild import verify
from app.engine.sweep import sweep
from app.engine.tables import listener_versions, reactions
from app.errors import Conflict, NotFound
from app.signals.listeners import ListenerCreated, ListenerDeleted, ListenerDisabled, ListenerResumed
from tests.fixtures.simulation import Simulation
from tests.integration.engine.looking import rows_of
from tests.integration.engine.past import answered, begin, look, made, pack, past_of
from tests.integration.engine.past import world as world

UNKNOWN = {"data": {"parcel": [{"sounds-like": "p1"}]}}


def configure(when: Any = None, **more: Any) -> str:
    """A listener that people configured; nobody checks what it says."""
    listener = new_id()
    spec = {"on": ("toy.parcel.packed",), "do": {"webhook": {}}, "action": "toys.send", "outer": True, **more}
    with recording("test") as work:
        work.record(ListenerCreated(listener_id=listener, name=f"of {listener}", when=when, **spec))
    return listener


def happen(fact: type[Any], listener: str, **fields: Any) -> None:
    with recording("test") as work:
        work.record(fact(listener_id=listener, name="any", **fields))


def answers_of(listener: str) -> list[Any]:
    return rows_of(reactions, listener=listener)


def test_a_replay_to_a_configured_listener_matches_the_whole_event(
    world: ModuleType, drain: Callable[..., int]
) -> None:
    past = past_of(world, 5)
    subjects = [{"wildcard": "p[1]"}, "p1", {"prefix": "p3"}]
    listener = configure({"subject": subjects, "data": {"parcel": [{"anything-but": "p4"}]}})
    replay = begin(listener)
    drain()
    done = look(replay)
    assert (done.state, done.matched, done.made) == ("done", 2, 2)
    assert answered(replay) == [past[1], past[3]]
    assert begin(listener).generation == 2
    drain()
    assert verify() == []


def test_a_replay_goes_by_the_newest_version_and_ends_with_its_listener(
    world: ModuleType, simulation: Simulation
) -> None:
    past_of(world, 5)
    listener = configure({"subject": ["p0"]})
    happen(ListenerDisabled, listener, reason="manual")
    with pytest.raises(Conflict, match="disabled"):
        begin(listener)
    happen(ListenerResumed, listener)
    replay = begin(listener, rate=1)
    happen(ListenerDisabled, listener, reason="manual")
    sweep()
    assert (look(replay).state, look(replay).matched) == ("running", 0)
    happen(ListenerDeleted, listener)
    simulation.drain()
    assert look(replay).state == "cancelled"
    assert made(replay) == []
    with pytest.raises(NotFound, match="is deleted"):
        begin(listener)
    with pytest.raises(NotFound, match="no listener"):
        begin("a\0")


def test_a_replay_with_a_most_ends_there_and_says_where(world: ModuleType, drain: Callable[..., int]) -> None:
    past = past_of(world, 30)
    listener = configure({"subject": [{"suffix": str(n)} for n in (1, 2, 9)]})
    first = begin(listener, most=4)
    drain()
    done = look(first)
    assert (done.state, done.made, replays.left_after(done)) == ("done", 4, 12)
    assert answered(first) == [past[n] for n in (1, 2, 9, 11)]
    rest = begin(listener, first=13, most=5)
    drain()
    assert (look(rest).made, replays.left_after(look(rest))) == (5, None)
    sweep()
    with reading() as db:
        assert missing_now(db) == 0


def hearing(*types: str, when: Any = None) -> Hearing:
    return Hearing(Listener("", types, action="", outer=False), when and parse(when))


def test_looking_back_counts_the_newest_and_says_how_far_it_looked(
    world: ModuleType, simulation: Simulation, monkeypatch: pytest.MonkeyPatch
) -> None:
    past_of(world, 3)
    simulation.clock.shift(timedelta(days=1))
    began = now()
    past = past_of(world, 6)
    log.catch_up()
    wanted = hearing("toy.parcel.packed", "toy.parcel.sent", when={"subject": ["p0", "p2", "p4"]})
    with reading() as db:
        found = retrospect.look_back(db, wanted, began, None, 2)
        assert (found.looked_at, found.matched, found.capped) == (6, 3, False)
        assert found.by_type == {"toy.parcel.packed": 3}
        assert [event.id for event in found.samples] == [past[4], past[2]]
        assert found.oldest >= began
        monkeypatch.setattr(retrospect, "MOST", 5)
        monkeypatch.setattr(retrospect, "BATCH", 2)
        found = retrospect.look_back(db, wanted, 1, None, 2)
        assert (found.looked_at, found.matched, found.capped) == (5, 2, True)
        found = retrospect.look_back(db, wanted, 5, None, 2)
        assert (found.looked_at, found.capped) == (5, False)


@pytest.mark.parametrize("spec", [{"when": UNKNOWN}, {"on": None}], ids=["pattern", "types"])
def test_a_version_that_cannot_be_read_keeps_no_other_from_being_heard(
    world: ModuleType, drain: Callable[..., int], spec: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    before = configure()
    odd = configure()
    with writing() as db:  # as a newer process writes it, before this one has loaded it
        [(written,)] = db.execute(
            listener_versions.select()
            .with_only_columns(listener_versions.c.spec)
            .where(listener_versions.c.listener == odd)
        )
        changed = update(listener_versions).where(listener_versions.c.listener == odd)
        db.execute(changed.values(spec=written | spec))
    configured._of.cache_clear()
    after = configure()
    event = pack(world, "a")
    drain()
    assert [len(answers_of(each)) for each in (before, odd, after)] == [1, 0, 1]
    assert configured.here().unread == [odd]
    assert "listener could not be read" in capsys.readouterr().out
    with pytest.raises(NotFound):
        begin(odd)
    happen(ListenerDeleted, odd)
    pack(world, "b")
    drain()
    assert configured.here().unread == []
    assert [len(answers_of(each)) for each in (before, odd, after)] == [2, 0, 2]
    assert event
