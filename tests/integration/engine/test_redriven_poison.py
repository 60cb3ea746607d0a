"""A poison that kills real workers: buried after its attempts, blocking nobody, and redriven when mended."""

import json
from collections.abc import Callable
from types import ModuleType

import pytest

from app.engine import recording
from app.engine.database import get_engine
from app.engine.redrive import redrive
from app.engine.tables import reactions
from tests.fixtures.databases import wait_for
from tests.fixtures.toy_processes import ToyProcesses
from tests.fixtures.toys import forget_listeners
from tests.integration.engine.looking import rows_of

ATTEMPTS = 3  # of toys.send


def states(parcel: str) -> list[str]:
    return [row.state for row in rows_of(reactions, action="toys.send", label=f"parcel {parcel}")]


#: What becomes of those behind the dead one; on each database one of the two, because each takes its time.
BEHIND = {"sqlite": ("stop", ["waiting", "waiting"]), "postgresql": ("skip", ["done", "done"])}


def test_a_poison_is_buried_and_blocks_nobody_until_it_is_redriven(
    toy_processes: ToyProcesses,
    toys: ModuleType,
    configure: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    on_dead, behind = BEHIND[get_engine().dialect.name]
    how = {"send": {"key": "parcel", "on_dead": on_dead}}
    configure(TOY_LISTENERS=json.dumps(how), LEASE_SECONDS="1", SWEEP_SECONDS="0.2")
    forget_listeners(monkeypatch)
    toys.declare(how)
    for parcel in "aaabc":
        with recording() as work:
            work.record(toys.Packed(parcel=parcel))
    first = rows_of(reactions, action="toys.send")[0]
    poison = toy_processes.folder / "send.poison"
    poison.write_text(first.id)
    toy_processes.worker("outer", slots=1)
    toy_processes.beat()
    wait_for(lambda: states("a") == ["dead", *behind], seconds=60, what="the burial, and those behind it")
    wait_for(lambda: states("b") == states("c") == ["done"], what="the others of the same worker")
    [dead] = rows_of(reactions, id=first.id)
    assert (dead.attempt, dead.failure["code"]) == (ATTEMPTS, "poison_event")
    deaths = [one.pid for one in toy_processes.begun() if one.key == first.id]
    assert len(set(deaths)) == len(deaths) == ATTEMPTS  # each in a process of its own
    assert first.id not in toy_processes.effects()
    poison.unlink()
    with recording("token:me") as work:
        redrive(work, first.id)
    wait_for(lambda: states("a") == ["done"] * 3, what="the line to go on")
    assert sorted(toy_processes.effects()) == sorted(row.id for row in rows_of(reactions, action="toys.send"))
