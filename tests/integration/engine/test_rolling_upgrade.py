"""Processes of two versions at once: what one does not know the other does, and nothing is lost or counted
twice.
"""

import json
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from types import ModuleType
from typing import Any

import pytest
from sqlalchemy import update
from structlog.testing import capture_logs

from app.engine import log, now, passing, reading
from app.engine.actions import ACTIONS
from app.engine.database import get_engine, writing
from app.engine.passing import put_back
from app.engine.running import run
from app.engine.signal import SIGNALS, Event, revive
from app.engine.sweep import sweep
from app.engine.tables import events, flows, reactions, scopes
from tests.fixtures.databases import wait_for
from tests.fixtures.processes import BIN, ROOT, WORKER
from tests.fixtures.simulation import Simulation
from tests.fixtures.toy_processes import ToyProcesses
from tests.integration.engine.looking import deliver_until, order, reaction_of, rows_of

WORLD = "tests.integration.engine.versions"
VISITS = 20


def of_version(version: str, *command: str) -> tuple[str, ...]:
    return ("/usr/bin/env", f"VERSION={version}", *command)


def ask(version: str, call: str) -> str:
    command = of_version(version, sys.executable, "-c", f"from {WORLD} import *; {call}")
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True, timeout=60).stdout


def start(processes: ToyProcesses) -> None:
    """A pair of workers of each version, and a beat of the newer."""
    celery = (str(BIN / "celery"), "-A", WORLD)
    for version in ("old", "new"):
        for queue in ("inner", "outer"):
            options = (
                "worker",
                "-Q",
                queue,
                "-n",
                f"{version}-{queue}@%h",
                *WORKER[2:],
                "-c",
                "1",
                "-l",
                "INFO",
            )
            processes.begin(f"{version}-{queue}", of_version(version, *celery, *options))
    processes.begin("beat", of_version("new", *celery, "beat", "-S", "app.engine.workers.SweepScheduler"))
    for name in ("old-inner", "old-outer", "new-inner", "new-outer"):
        wait_for(lambda name=name: processes[name].says("ready."), seconds=60, what=name)


def test_twenty_flows_that_need_both_versions_end(
    toy_processes: ToyProcesses, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SWEEP_SECONDS", "0.3")
    start(toy_processes)
    ask("both", f"begin({VISITS})")

    def all_ended() -> bool:
        settled = not any(row.deadline_at for row in rows_of(scopes))  # else a sweep that knows goes on
        return settled and [row.open for row in rows_of(flows, state="succeeded")] == [0] * VISITS

    wait_for(all_ended, seconds=120, what="all visits to end")
    kinds = ("asked", "greeted", "stamped", "scanned", "left")
    counted = Counter(row.type.split(".")[2] for row in rows_of(events))
    assert counted == {**dict.fromkeys(kinds, VISITS), "noted": counted["noted"]}
    assert VISITS <= counted["noted"] <= 3 * VISITS, "who recorded it decides who hears it"
    assert {(row.state, row.attempt) for row in rows_of(reactions)} == {("done", 1)}
    for version, missing in (("old", ["leave", "scan"]), ("new", ["stamp"])):
        logs = "".join(toy_processes[f"{version}-{queue}"].log.read_text() for queue in ("inner", "outer"))
        assert "reaction was put back" in logs
        assert "Traceback" not in logs
        wait_for(lambda version=version: seen_by(version)["unchecked"] == 0, what="the sweep")
        seen = seen_by(version)
        assert (seen["missing"], seen["elsewhere"]) == (0, [f"versions.{name}" for name in missing])
        assert all(f"versions.{name} (elsewhere)" in seen["picture"] for name in missing)
    assert seen_by("both")["differences"] == 0


def seen_by(version: str) -> Any:
    return json.loads(ask(version, "check()"))


def test_what_no_worker_here_knows_comes_back_within_seconds_and_uncounted(
    toys: ModuleType, simulation: Simulation, monkeypatch: pytest.MonkeyPatch
) -> None:
    order(toys)
    deliver_until(simulation, "toys.send")
    simulation.messages.clear()
    row = reaction_of("toys.send")
    known = SIGNALS["toy.parcel.packed"]
    monkeypatch.delitem(SIGNALS, "toy.parcel.packed")
    for _ in range(20):
        with capture_logs() as lines:
            assert run(ACTIONS["toys.send"], row.id) == "left"
        assert [line["event"] for line in lines] == ["reaction was put back"]
        simulation.clock.shift(1.1)
        assert sweep().sent == 1
    monkeypatch.setitem(SIGNALS, "toy.parcel.packed", known)
    simulation.drain()
    done = reaction_of("toys.send")
    assert (done.state, done.attempt) == ("done", 1)


def test_what_is_found_out_only_at_work_is_handed_back_uncounted(
    toys: ModuleType, simulation: Simulation, monkeypatch: pytest.MonkeyPatch
) -> None:
    order(toys)
    deliver_until(simulation, "toys.send")
    simulation.messages.clear()
    row = reaction_of("toys.send")
    with monkeypatch.context() as older:
        older.setitem(toys.trouble, "send", lambda: revive(replace(event_of(row.event), type="toy.newer")))
        assert run(ACTIONS["toys.send"], row.id) == "left"
    back = reaction_of("toys.send")
    assert (back.state, back.attempt) == ("ready", 0)
    assert back.fence > row.fence
    simulation.clock.shift(1.1)
    assert sweep().sent == 1
    simulation.drain()
    assert reaction_of("toys.send").attempt == 1


def event_of(event: str) -> Event:
    with reading() as db:
        return log.require_event(db, event)


def test_only_what_is_ready_is_put_back(toys: ModuleType, simulation: Simulation) -> None:
    order(toys)
    row = reaction_of("toys.pack")
    for state in ("running", "waiting", "done", "dead"):
        with writing() as db:
            db.execute(update(reactions).values(state=state, sends=7))
        put_back(row.id, "toys.pack", "unknown")
        assert (reaction_of("toys.pack").sends, reaction_of("toys.pack").wake_at) == (7, row.wake_at)
    put_back("no such reaction", "toys.pack", "unknown")
    with writing() as db:
        db.execute(update(reactions).values(state="ready", sends=7))
    put_back(row.id, "toys.pack", "unknown")
    again = reaction_of("toys.pack")
    assert (again.sends, again.wake_at) == (1, now() + passing.SOON)


def test_a_database_that_is_away_leaves_it_to_the_sweep(
    toys: ModuleType, simulation: Simulation, monkeypatch: pytest.MonkeyPatch
) -> None:
    order(toys)
    row = reaction_of("toys.pack")

    def away() -> None:
        raise OSError("nobody is there")

    with capture_logs() as lines, monkeypatch.context() as broken:
        broken.setattr(passing, "writing", away)
        put_back(row.id, "toys.pack", "unknown")
    assert "nobody is there" in lines[0]["error"]
    assert reaction_of("toys.pack") == row
    assert get_engine()
