"""The chaos harness in its short form: whatever is killed, flushed or cut off, nothing is lost and nothing is
done twice.

`make chaos` runs the long one. A failure names its seed, by which `make chaos SEED=` plans the same faults.
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import Engine

from tests.fixtures.processes import ROOT

NOT_HERE = 77


@pytest.mark.timeout(240)
@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_nothing_is_lost_or_done_twice_while_everything_is_killed(database: str, tmp_path: Path) -> None:
    size = ("--flows", "25", "--kills", "8", "--lease", "2", "--sweep", "0.3")
    asked = (sys.executable, "-m", "tests.faults.chaos", "--database", database, *size)
    done = subprocess.run(
        [*asked, "--json", tmp_path / "report"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if done.returncode == NOT_HERE:
        pytest.skip(done.stdout.splitlines()[-1])
    assert done.returncode == 0, done.stdout + done.stderr[-4000:]
    [report] = json.loads((tmp_path / "report").read_text())
    assert report["missed"] == []
    assert report["killed"] >= 8
    assert sum(report["figures"]["deploys by status"].values()) == 25


def test_a_postgresql_that_is_gone_without_a_word_is_given_up_after_seconds(postgres_engine: Engine) -> None:
    with postgres_engine.connect() as db:
        told = db.connection.driver_connection.info.get_parameters()
    assert int(told["tcp_user_timeout"]) <= 20_000
    idle, interval, count = (int(told[f"keepalives_{name}"]) for name in ("idle", "interval", "count"))
    assert idle + interval * count <= 20
