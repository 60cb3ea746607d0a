"""What `docs/howto/deploy-from-ci.md` tells people to type works as it stands there."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from app.models.deploys import UNPUBLISHED
from tests.fixtures.visitors import Served, new_token

PAGE = (Path(__file__).parents[3] / "docs" / "howto" / "deploy-from-ci.md").read_text()
BLOCKS = re.findall(r"^```(?:yaml)?\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


def block(start: str) -> str:
    """The one block of the page that begins like this."""
    (found,) = [text for text in BLOCKS if text.startswith(start)]
    return found


@pytest.fixture
def public(tmp_path: Path) -> Path:
    for tool in ("bash", "curl", "tar"):
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not on PATH")
    (tmp_path / "public").mkdir()
    (tmp_path / "public" / "index.html").write_text("<h1>built</h1>")
    return tmp_path


def shell(script: str, cwd: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    given = {"PATH": os.environ["PATH"], **variables}
    return subprocess.run(
        ["bash", "-euc", script], cwd=cwd, env=given, capture_output=True, text=True, timeout=60
    )


@pytest.fixture
def site(served: Served) -> dict[str, str]:
    """The variables of a CI with a token that was made as the page says."""
    near = served.terminal(new_token("admin")[1])
    near("sites", "create", "my-site")
    secret = near(*block("flask tokens create").split()[1:]).splitlines()[1]
    run = {"CI_RUN": "17", "BRANCH": "main", "COMMIT": "abc", "MESSAGE": "New"}
    return {"ANTIPHON_SERVER": served.url, "ANTIPHON_TOKEN": secret, **run}


def test_the_request_deploys_and_says_what_was_built(served, public, site):
    sent = shell(block("tar -czf"), public, **site)
    assert sent.returncode == 0, sent.stderr
    deploy = json.loads(sent.stdout)
    assert (deploy["site"], deploy["ref"], deploy["commit"], deploy["message"]) == (
        "my-site",
        "main",
        "abc",
        "New",
    )
    assert json.loads(shell(block("tar -czf"), public, **site).stdout)["id"] == deploy["id"]
    served.work()
    near = served.terminal(site["ANTIPHON_TOKEN"])
    assert near.json("deploys", "show", deploy["id"])["status"] == "live"


def test_the_command_deploys_with_the_same_two_variables(served, public, site, monkeypatch):
    monkeypatch.chdir(public)
    words = block("deploy=$(curl") and re.search(r"^flask (deploy public .*?) +#", PAGE, re.MULTILINE)[1]
    typed = words.replace('"$COMMIT"', "abc").split()
    deploy = served.terminal(site["ANTIPHON_TOKEN"]).json(*typed, "--no-watch")
    assert (deploy["site"], deploy["commit"]) == ("my-site", "abc")


def test_the_states_that_the_page_waits_for_are_all_that_there_are():
    going_on = re.findall(r"`([a-z]+)`", PAGE.partition("`status` is none of")[2].partition(".")[0])
    over = re.findall(r"^    ([a-z|]+)\) exit", block("deploy=$(curl"), re.MULTILINE)
    every = {*UNPUBLISHED, "published", "live", "failed", "skipped", "superseded", "cancelled", "archived"}
    assert sorted([*going_on, *"|".join(over).split("|")]) == sorted(every)


def test_a_hook_deploys_without_a_token(served, public, site):
    near = served.terminal(new_token("admin")[1])
    make, send = block("flask hooks create").splitlines()
    address = near(*re.findall(r'"[^"]+"|\S+', make)[1:]).splitlines()[1]
    shell("tar -czf site.tar.gz -C public .", public)
    sent = shell(send.replace("<the address that was printed>", address), public)
    assert json.loads(sent.stdout)["trigger"]["kind"] == "hook"


def test_a_refused_request_fails_the_build_with_the_reason(served, public, site):
    sent = shell(block("tar -czf").replace("-C public .", "-T /dev/null"), public, **site)
    assert sent.returncode != 0
    assert json.loads(sent.stdout)["code"] == "archive_empty"
