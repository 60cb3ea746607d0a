"""Every process says what is wrong with its settings, all of it, and ends without a traceback."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("module", ["wsgi", "gateway", "worker"])
def test_a_process_with_wrong_settings_names_every_mistake_and_ends(module: str, tmp_path: Path) -> None:
    wrong = {**os.environ, "PORT": "abc", "LEASE_SECONDS": "-1", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", f"import {module}"]
    done = subprocess.run(command, cwd=tmp_path, env=wrong, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    first, *mistakes = done.stderr.splitlines()
    assert first == "The settings are wrong:"
    assert {line.partition(":")[0] for line in mistakes} == {"PORT", "LEASE_SECONDS"}
