"""A replay by real processes whose beat is killed: one reaction each, in order, no faster than wished, while
the tables follow the log.
"""

import json
from collections import Counter
from collections.abc import Callable
from types import ModuleType

import pytest

from app.engine import now, recording
from app.engine.rebuild import verify
from app.engine.tables import reactions
from tests.fixtures.databases import wait_for
from tests.fixtures.toy_processes import ToyProcesses
from tests.fixtures.toys import forget_listeners
from tests.integration.engine.looking import rows_of
from tests.integration.engine.past import begin, look

NOTE = "toys:toys.note"
EVENTS, RATE = 500, 80.0
#: The beat is killed when so many reactions are made.
KILLS = [120, 250, 400]
HOW = {"note": {"key": "parcel"}}


def past_of(toys: ModuleType) -> list[str]:
    """Events of ten streams, in turn, that nobody has answered; their ids."""
    ids = []
    for number in range(EVENTS):
        with recording() as work:
            ids.append(work.record(toys.Arrived(parcel=f"p{number % 10}")).id)
    return ids


@pytest.mark.timeout(300)
def test_a_replay_survives_the_death_of_beat_and_keeps_order_and_rate(
    toy_processes: ToyProcesses,
    toys: ModuleType,
    configure: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    configure(TOY_LISTENERS=json.dumps(HOW), SWEEP_SECONDS="0.2")
    forget_listeners(monkeypatch)
    past = past_of(toys)
    toys.declare(HOW)
    toy_processes.worker("outer", slots=2)
    beat = toy_processes.beat()
    replay, kills = begin(NOTE, rate=RATE), list(KILLS)

    def is_over() -> bool:
        seen = look(replay)
        assert seen.made <= 1 + RATE * (now() - replay.started_at).total_seconds()
        if kills and seen.made >= kills[0]:
            beat.kill()
            kills.pop(0)
            assert verify() == []
        return seen.state == "done"

    wait_for(is_over, seconds=200, what="the replay to be done")
    assert len(beat.deaths) == len(KILLS)
    assert (look(replay).matched, look(replay).made, look(replay).suppressed) == (EVENTS, EVENTS, 0)
    rows = rows_of(reactions, listener=NOTE)
    assert Counter(row.event for row in rows) == dict.fromkeys(past, 1)
    assert {(row.state, row.generation) for row in rows} == {("done", 1)}
    assert sorted(set(toy_processes.effects("note"))) == sorted(row.id for row in rows)
    ended = toy_processes.ends("note")
    of_event = {row.event: ended[row.id] for row in rows}
    for stream in range(10):
        times = [of_event[event] for event in past[stream::10]]
        assert times == sorted(times)
    assert verify() == []
