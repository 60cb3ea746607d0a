"""Channels and the ledger on the command line: the URL is typed where nobody keeps it."""

import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.mailboxes import Mailboxes, nobody


@pytest.fixture(autouse=True)
def open_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEBHOOK_ALLOW_NETWORKS", "127.0.0.0/8")


def url_of(port: int) -> str:
    return f"mailto://me:p4ss@127.0.0.1:{port}?from=a@example.org&to=me@example.org\n"


@pytest.mark.filterwarnings("ignore:Requiring AUTH")
def test_a_channel_is_added_tried_and_told_by(
    terminal: Any, at_once: None, folder: Any, mailboxes: Callable[..., Mailboxes]
) -> None:
    there = mailboxes(user=(b"me", b"p4ss"))
    assert "E-mail addresses need none" in terminal("channels", "list")
    said = terminal("channels", "add", "ops", typed=url_of(there.port))
    assert "flask channels test ops" in said
    assert "p4ss" not in said + terminal("channels", "list")
    assert "Sent by ops: A test of ops." in terminal("channels", "test", "ops")
    on = ("listeners", "add", "tell", "--on", "site.deploy.completed", "--notify", "ops")
    terminal(*on, "--title", "{data.site} is {data.status}", "--template", "{type}")
    assert "notify ops" in terminal("listeners", "list")
    terminal("deploy", str(folder), "--site", "hello")
    assert there.titles == ["A test of ops", "hello is ok"]
    lines = terminal("notifications", "list", "--channel", "ops").splitlines()
    assert "hello is ok" in lines[1]
    assert "[channel_in_use]" in terminal.error("channels", "remove", "ops")


def test_what_the_how_to_types_is_taken(terminal: Any) -> None:
    page = (Path(__file__).parents[3] / "docs" / "howto" / "notifications.md").read_text()
    terminal("channels", "add", "team", typed=url_of(9))
    for line in re.findall(r"^flask ((?:listeners|notifications) (?:.*\\\n)*.*)", page, re.MULTILINE):
        terminal(*shlex.split(line.replace("\\\n", " ")))
    names = ["tell by day", "tell hourly", "tell the team", "tell ops"]
    assert [each["name"] for each in terminal.json("listeners", "list")][:4] == names
    listed = terminal("listeners", "list")
    assert "notify ops@example.org, gathered for 3600 s" in listed
    assert "notify team, not 22:00-07:00 Europe/Berlin" in listed


def test_quiet_hours_that_are_none_are_told(terminal: Any) -> None:
    add = ("listeners", "add", "tell", "--on", "site.deploy.*", "--notify", "me@example.org")
    assert "[quiet_invalid]" in terminal.error(*add, "--quiet", "22:00")
    assert "[timezone_unknown]" in terminal.error(*add, "--quiet", "22:00-07:00", "--tz", "Atlantis")
    assert "[digest_invalid]" in terminal.error(*add, "--digest", "5")
    assert "besides --tz" in terminal.run((*add, "--tz", "UTC"), 2, None, {})[1]


def test_quiet_hours_stand_in_a_file(terminal: Any, tmp_path: Path) -> None:
    how = '{to: me@example.org, digest: 60, quiet: {from: "22:00", to: "07:00", tz: UTC}}'
    file = tmp_path / "listeners.yml"
    file.write_text(f"listeners: [{{name: a, on: [site.updated], do: {{notify: {how}}}}}]")
    assert terminal("listeners", "apply", file, "--yes") == "+ a\nDone.\n"
    assert terminal("listeners", "apply", file, "--yes").startswith("Nothing to do")
    file.write_text(file.read_text().replace('"', ""))  # which some readers of YAML take for numbers
    assert terminal("listeners", "apply", file, "--yes").startswith("Nothing to do")


def test_a_channel_that_does_not_work_says_why(terminal: Any, at_once: None) -> None:
    terminal("channels", "add", "ops", typed=url_of(nobody()))
    said = terminal("channels", "test", "ops", code=1)
    assert "[connection_reset]" in said
    assert "failed" in terminal("notifications", "list", "--state", "failed")
    assert "[channel_scheme_refused]" in terminal.run(("channels", "add", "new"), 1, "json://p4ss/\n", {})[1]
    assert "[channel_not_found]" in terminal.error("channels", "test", "nobody")
    assert "Removed ops." in terminal("channels", "remove", "ops")
