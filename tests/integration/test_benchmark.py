"""The benchmark in its shortest form: it runs, and its contestants are comparable."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.timeout(120)
def test_the_benchmark_compares_three_kinds_of_flow() -> None:
    command = [sys.executable, "-m", "benchmarks.four_step", "--flows", "10", "--rounds", "1"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    first, *kinds = done.stdout.splitlines()
    assert first == "10 four-step flows a round, 1 rounds, sqlite, two worker processes"
    assert [line.split()[0] for line in kinds] == ["chain", "inner", "outer"]
    assert "1.00x by the clock, 1.00x by CPU" in kinds[0]
