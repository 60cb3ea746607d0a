"""Listeners on the command line: added, shown, paused, removed, and the calls that they have made."""

import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.receivers import Receiver, answering


@pytest.fixture
def there(receiver: Callable[..., Receiver]) -> Receiver:
    return receiver(answering("200 OK", b"thanks"))


@pytest.fixture(autouse=True)
def open_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEBHOOK_ALLOW_NETWORKS", "127.0.0.0/8")


def test_a_listener_is_added_and_its_calls_are_listed(
    terminal: Any, at_once: None, folder: Any, there: Any
) -> None:
    assert "--all" in terminal("listeners", "list")
    assert "metering:usage.measure_deploy" in terminal("listeners", "list", "--all")
    when = '{"data": {"status": ["ok"]}}'
    said = terminal(
        "listeners", "add", "ci", "--on", "site.deploy.completed", "--when", when, "--webhook", there.url
    ).splitlines()
    assert said[-1].startswith("whsec_")
    (listener,) = terminal.json("listeners", "list")
    terminal("deploy", str(folder), "--site", "hello")
    (call,) = terminal.json("listeners", "attempts", listener["id"])
    assert (call["http_status"], call["event_type"]) == (200, "site.deploy.completed")
    assert "200" in terminal("listeners", "attempts", listener["id"])
    assert there.url in terminal("listeners", "show", listener["id"])
    new = terminal("listeners", "rotate-secret", listener["id"]).splitlines()[-1]
    assert new.startswith("whsec_")
    assert new != said[-1]
    assert "waits" in terminal("listeners", "pause", listener["id"])
    assert terminal.json("listeners", "show", listener["id"])["state"] == "paused"
    assert "active" in terminal("listeners", "resume", listener["id"])
    terminal("listeners", "delete", listener["id"])
    assert terminal.json("listeners", "list") == []


def test_what_means_nothing_is_told(terminal: Any) -> None:
    add = ("listeners", "add", "ci", "--webhook")
    near, inside = "http://127.0.0.1:9/", "http://10.0.0.1/"
    assert "[type_unknown]" in terminal.error(*add, near, "--on", "site.deploi.*")
    assert "[ssrf_blocked]" in terminal.error(*add, inside, "--on", "site.deploy.*")
    for command in ("show", "attempts", "rotate-secret", "pause", "delete"):
        assert "[listener_not_found]" in terminal.error("listeners", command, "nobody")


def test_actions_are_run_and_conditions_are_said_in_words(terminal: Any, at_once: None, folder: Any) -> None:
    assert "deploys.roll_back" in terminal("listeners", "actions")
    run = ("--action", "deploys.cancel", "--with", '{"site": "hello"}')
    added = (
        "listeners",
        "add",
        "three",
        "--on",
        "**.failed",
        "--count",
        "3",
        "--for-each",
        "data.site",
        *run,
    )
    assert "--within" in terminal.error(*added, code=2)
    terminal(*added, "--within", "3600")
    stays = ("--unless", "site.deploy.completed", "--within", "600")
    terminal("listeners", "add", "late", "--on", "site.deploy.requested", *stays, *run)
    late, three = terminal.json("listeners", "list")
    assert "3 within 3600 s of one data.site" in terminal("listeners", "show", three["id"])
    said = terminal("listeners", "show", late["id"])
    assert "unless site.deploy.completed within 600 s" in said
    assert "deploys.cancel site=hello" in said


def test_what_the_how_to_types_is_taken(terminal: Any) -> None:
    page = Path(__file__).parents[3] / "docs" / "howto" / "listen-to-events.md"
    said = re.findall(r"^flask (listeners add (?:.*\\\n)*.*)", page.read_text(), re.MULTILINE)
    assert len(said) == 6
    for line in said:
        words = shlex.split(line.replace("\\\n", " "))
        terminal(
            *("http://127.0.0.1:9/" if "example.org" in word or word == "..." else word for word in words)
        )
    assert len(terminal.json("listeners", "list")) == len(said)


def test_a_webhook_can_be_signed_with_a_key_of_two_halves(terminal: Any) -> None:
    add = ("listeners", "add", "ci", "--on", "site.deploy.*", "--webhook", "http://127.0.0.1:9/", "--thin")
    said = terminal(*add, "--signature", "v1a").splitlines()
    assert said[-1].startswith("whpk_")
    (listener,) = terminal.json("listeners", "list")
    assert listener["do"]["webhook"] == {"url": add[6], "payload": "thin", "signature": "v1a"}
    assert said[-1] in terminal("listeners", "show", listener["id"])
    rotated = terminal("listeners", "rotate-secret", listener["id"]).splitlines()
    assert rotated[-1] == said[-1]
    assert rotated[-2].startswith("whpk_")
