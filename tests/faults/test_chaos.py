"""The chaos harness in its short form: whatever is killed, flushed or cut off, nothing is lost and nothing is
done twice. And that the harness would see it.

`make chaos` runs the long one. A failure names its seed, by which `make chaos SEED=` plans the same faults.
"""

import json
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, Table, delete, insert, select, update

from app.engine import faults, new_id
from app.engine.database import writing
from app.engine.discovery import discover
from app.engine.tables import events, flows, reactions
from app.models.deploys import deploys
from app.models.sites import sites
from tests.faults.asking import ask, make_site
from tests.faults.chaos import __main__ as command
from tests.faults.chaos.__main__ import NOT_HERE
from tests.faults.chaos.counting import count_database, count_outside
from tests.faults.chaos.receiver import CALLER, Call
from tests.faults.chaos.report import TARGETS, Report
from tests.faults.chaos.run import Wanted
from tests.faults.chaos.troubles import KILLS, UNREACHED, plan
from tests.faults.chaos.watching import Fault, Watch
from tests.fixtures.processes import ROOT
from tests.fixtures.simulation import Simulation

discover("app.models", "tasks", "workflows")

#: For each database a seed, and what it plans at least: kills, and so many others, these among them.
SHORT = {
    "sqlite": (478, {"beat main", "redis main", "web main"}, 4, {"flush redis", "cut redis", "slow redis"}),
    "postgresql": (82, {"worker main", "web main"}, 6, {"restart postgres", "cut postgres", "slow postgres"}),
}


@pytest.mark.timeout(330)
@pytest.mark.parametrize("database", SHORT)
def test_nothing_is_lost_or_done_twice_while_everything_is_killed(database: str, tmp_path: Path) -> None:
    seed, kills, others, kinds = SHORT[database]
    size = ("--flows", "25", "--kills", "8", "--others", str(others), "--lease", "2", "--sweep", "0.3")
    asked = (sys.executable, "-m", "tests.faults.chaos", "--database", database, "--seed", str(seed), *size)
    done = subprocess.run(
        [*asked, "--json", tmp_path / "report"], cwd=ROOT, capture_output=True, text=True, timeout=300
    )
    if done.returncode == NOT_HERE:
        pytest.skip(done.stdout.splitlines()[-1])
    assert done.returncode == 0, done.stdout + done.stderr[-4000:]
    [report] = json.loads((tmp_path / "report").read_text())
    assert report["missed"] == []
    assert report["killed"] >= 8
    assert kills <= set(report["kills"])
    assert kinds <= set(report["others"])
    assert sum(report["figures"]["deploys by status"].values()) == 25


def lose_a_reaction(db: Connection) -> None:
    db.execute(delete(reactions).where(reactions.c.listener == "notices:notifications.tell"))


def publish_again(db: Connection) -> None:
    row = db.execute(select(events).where(events.c.type == "site.deploy.uploaded")).first()._asdict()
    del row["serial"]
    db.execute(insert(events), row | {"id": new_id(), "sequence": 1000, "position": 1000})


def invent_a_reaction(db: Connection) -> None:
    row = db.execute(select(reactions)).first()._asdict()
    db.execute(insert(reactions), row | {"id": new_id(), "listener": "nobody"})


def leave(table: Table, **values: object) -> Callable[[Connection], None]:
    def do(db: Connection) -> None:
        db.execute(update(table).values(**values))

    return do


@pytest.mark.parametrize(
    ("plant", "figure"),
    [
        (lose_a_reaction, "reactions lost"),
        (publish_again, "done twice in the database"),
        (leave(reactions, ended_at=None), "reactions left open"),
        (leave(reactions, state="dead"), "reactions dead"),
        (invent_a_reaction, "reactions nobody wanted"),
        (leave(flows, state="running"), "flows not terminal"),
        (leave(flows, open=1), "flows with a wrong count"),
        (leave(deploys, status="uploading"), "deploys not terminal"),
        (leave(deploys, status="failed"), "deploys failed"),
        (leave(deploys, cid="other"), "fold differences"),
        (leave(sites, live_deploy_id="other"), "sites whose newest is not live"),
    ],
)
def test_the_harness_sees_what_was_planted(
    simulation: Simulation, plant: Callable[[Connection], None], figure: str
) -> None:
    make_site("hello")
    ask("hello", "one")
    simulation.drain()
    before = count_database([])
    with writing() as db:
        plant(db)
    assert count_database([])[figure] > before[figure]


def test_the_harness_sees_calls_under_another_key_and_calls_that_never_came(
    simulation: Simulation,
) -> None:
    make_site("hello")
    simulation.drain()
    with writing() as db:  # one reaction stands for that of the harness' own listener
        one = db.execute(select(reactions).limit(1)).one()
        db.execute(update(reactions).where(reactions.c.id == one.id).values(action=CALLER, event="e"))
    good = Call(key=one.id, event="e", deploy="d")
    assert count_outside([good, good])["repeats outside under their key"] == 1
    assert count_outside([good, good])["calls under a wrong key"] == 0
    assert count_outside([good, Call("other", "e", "d")])["repeats outside under another key"] == 1
    assert count_outside([Call("other", "e", "d")])["calls under a wrong key"] == 1
    assert count_outside([])["never told outside"] == 1


@pytest.mark.parametrize("postgres", [True, False])
def test_a_seed_plans_the_same_faults_again_and_every_fault_point_among_them(postgres: bool) -> None:
    planned = plan(random.Random(7), 80, 20, postgres=postgres)
    assert planned == plan(random.Random(7), 80, 20, postgres=postgres)
    assert planned != plan(random.Random(8), 80, 20, postgres=postgres)
    left_out = UNREACHED if postgres else UNREACHED | {"sweep.after_seal"}
    assert {kind.removeprefix("at ") for kind in planned} >= set(faults.POINTS) - left_out
    assert any("postgres" in kind for kind in planned) == postgres
    assert len(planned) >= 100
    kills = [kind for kind in planned if kind in KILLS or kind.startswith("at ")]
    assert sum(kind.startswith("at ") for kind in kills) == len(kills) // 2 > 40


def test_a_report_misses_its_target_by_one_thing_lost_or_one_kill_too_few() -> None:
    report = Report("sqlite", seed=1, flows=1, lease=1, wanted_kills=1, kills={"beat main": 1})
    assert len(report.missed()) > 10, "what was not counted was not shown"
    report.figures = dict.fromkeys(TARGETS, 0)
    assert report.missed() == []
    assert "every target was met" in str(report)
    report.figures["reactions lost"], report.wanted_kills = 1, 2
    assert report.missed() == ["reactions lost: 1", "kills: 1 of 2"]
    assert "MISSED" in str(report)


@pytest.mark.usefixtures("sqlite_database")
def test_a_report_misses_its_target_by_a_kill_that_is_not_recovered_from_or_by_slow_ones() -> None:
    watch = Watch()
    watch.stop()
    watch.faults = [Fault("beat main", "beat", kill=True, recovered=seconds) for seconds in (1.0, 22.9)]
    report = Report("sqlite", seed=1, flows=1, lease=1, wanted_kills=2, figures=dict.fromkeys(TARGETS, 0))
    report.figures |= report.take_faults(watch)
    assert report.missed() == []
    watch.faults += [Fault("beat main", "beat", kill=True, recovered=23.1)] * 2
    watch.note("cut redis", "redis", kill=False)
    report.figures |= report.take_faults(watch)
    slow = "recovered from a kill, p95: 23.1 s, 23 s are allowed"
    assert report.missed() == ["faults not recovered from: 1", slow]


def outcome_of(patch: pytest.MonkeyPatch, folder: Path, on_sqlite: dict[str, int]) -> tuple[int, list[Any]]:
    """The exit code and the written reports of a run on both databases, of which PostgreSQL is not there."""

    def run(wanted: Wanted, _say: object) -> Report:
        if wanted.database == "postgresql":
            pytest.skip("no PostgreSQL")
        return Report("sqlite", 1, 1, 1, 0, figures=dict.fromkeys(TARGETS, 0) | on_sqlite)

    patch.setattr(command, "run", run)
    patch.setattr(sys, "argv", ["chaos", "--json", str(folder / "report")])
    return command.main(), json.loads((folder / "report").read_text())


def test_a_database_that_is_not_there_hides_nothing_of_the_other(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    code, reports = outcome_of(monkeypatch, tmp_path, {"reactions lost": 1})
    assert (code, [report["missed"] for report in reports]) == (1, [["reactions lost: 1"]])
    code, reports = outcome_of(monkeypatch, tmp_path, {})
    assert (code, [report["missed"] for report in reports]) == (NOT_HERE, [[]])


def test_a_postgresql_that_is_gone_without_a_word_is_given_up_after_seconds(postgres_engine: Engine) -> None:
    with postgres_engine.connect() as db:
        told = db.connection.driver_connection.info.get_parameters()
    assert int(told["tcp_user_timeout"]) <= 20_000
    idle, interval, count = (int(told[f"keepalives_{name}"]) for name in ("idle", "interval", "count"))
    assert idle + interval * count <= 20
