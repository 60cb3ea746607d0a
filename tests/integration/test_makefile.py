"""`make setup` on machines lacking things; the pythons here are small scripts that answer as those would."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
WHOLE = """#!/bin/sh
case "$*" in
  *version_info*) exit 0 ;;
  *ensurepip*) exit 0 ;;
  "-m venv --clear .venv") mkdir -p .venv/bin; cp "$0" .venv/bin/python; echo "made by $(basename "$0")" ;;
  *"pip install"*) echo "$*" >> installed; [ ! -e broken-index ] ;;
esac
"""
WITHOUT_VENV = WHOLE.replace("*ensurepip*) exit 0", "*ensurepip*) exit 1")
TOO_OLD = "#!/bin/sh\nexit 1\n"
SHIM = "#!/bin/sh\necho 'python3.12: command not found' >&2\nexit 127\n"


class Machine:
    """A folder with the project's Makefile and pins, and a PATH on which only these pythons are."""

    def __init__(self, place: Path) -> None:
        self.project, self.bin = place / "project", place / "bin"
        self.project.mkdir()
        self.bin.mkdir()
        for name in ("Makefile", "requirements.txt", "constraints.txt", "requirements-dev.txt"):
            shutil.copy(ROOT / name, self.project)
        for tool in ("sh", "cat", "cksum", "tr", "rm", "touch", "mkdir", "cp", "basename", "make", "cut"):
            (self.bin / tool).symlink_to(shutil.which(tool))

    def has(self, name: str, script: str) -> None:
        (self.bin / name).write_text(script)
        (self.bin / name).chmod(0o755)

    def make(self, *words: str) -> subprocess.CompletedProcess[str]:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
        return subprocess.run(
            ["make", *words],
            cwd=self.project,
            env={**inherited, "PATH": str(self.bin)},
            capture_output=True,
            text=True,
        )

    @property
    def installed(self) -> list[str]:
        file = self.project / "installed"
        return [line.rpartition("-r ")[2] for line in file.read_text().splitlines()] if file.exists() else []


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_the_newest_python_that_really_runs_makes_the_environment(machine):
    machine.has("python3.12", SHIM)
    machine.has("python3.11", WHOLE)
    machine.has("python3", WHOLE)
    made = machine.make("setup")
    assert made.returncode == 0, made.stderr
    assert "made by python3.11" in made.stdout
    assert machine.installed == ["requirements.txt"]
    assert "command not found" not in made.stderr


def test_a_python_without_venv_is_passed_over_for_one_that_has_it(machine):
    machine.has("python3.12", WITHOUT_VENV)
    machine.has("python3", WHOLE)
    assert "made by python3" in machine.make("setup").stdout


def test_where_no_python_has_venv_one_line_says_what_to_install(machine):
    machine.has("python3.11", WITHOUT_VENV)
    made = machine.make("setup")
    assert made.returncode != 0
    assert made.stderr.splitlines()[0] == (
        "python3.11 cannot make a virtual environment: install its venv package "
        "(Debian, Ubuntu: apt install python3-venv)."
    )
    assert not (machine.project / ".venv").exists()


@pytest.mark.parametrize("script", [TOO_OLD, SHIM, None])
def test_where_every_python_is_too_old_or_missing_one_line_says_which_is_needed(machine, script):
    if script:
        machine.has("python3", script)
    made = machine.make("setup")
    assert made.returncode != 0
    assert made.stderr.startswith("Python 3.11 or newer is needed: install it")


def test_a_second_setup_installs_nothing(machine):
    machine.has("python3", WHOLE)
    machine.make("setup")
    again = machine.make("setup")
    assert machine.installed == ["requirements.txt"]
    assert "Installing" not in again.stdout


def test_the_tests_requirements_are_added_when_they_are_needed(machine):
    machine.has("python3", WHOLE)
    machine.make("setup")
    machine.make("setup-dev")
    machine.make("setup-dev")
    assert machine.installed == ["requirements.txt", "requirements-dev.txt"]


@pytest.mark.parametrize("file", ["requirements.txt", "constraints.txt"])
def test_other_pins_are_installed_again(machine, file):
    machine.has("python3", WHOLE)
    machine.make("setup")
    with (machine.project / file).open("a") as pins:
        pins.write("# another pin\n")
    machine.make("setup")
    assert machine.installed == ["requirements.txt"] * 2


def test_a_failed_installation_is_tried_again(machine):
    machine.has("python3", WHOLE)
    (machine.project / "broken-index").touch()
    assert machine.make("setup").returncode != 0
    (machine.project / "broken-index").unlink()
    assert machine.make("setup").returncode == 0
    assert machine.installed == ["requirements.txt"] * 2


def test_an_environment_whose_python_has_gone_is_made_again(machine):
    machine.has("python3", WHOLE)
    machine.make("setup")
    (machine.project / ".venv" / "bin" / "python").unlink()
    assert "made by python3" in machine.make("setup").stdout
    assert machine.installed == ["requirements.txt"] * 2


def test_an_environment_that_was_left_half_made_is_made_again(machine):
    machine.has("python3", WHOLE)
    (machine.project / ".venv" / "bin").mkdir(parents=True)
    (machine.project / ".venv" / "bin" / "python").write_text("#!/bin/sh\nexit 0\n")
    (machine.project / ".venv" / "bin" / "python").chmod(0o755)
    assert "made by python3" in machine.make("setup").stdout
