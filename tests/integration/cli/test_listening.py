"""Listeners and the past on the command line: previews and backfills."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.fixtures.receivers import Receiver, answering


@pytest.fixture
def there(receiver: Callable[..., Receiver]) -> Receiver:
    return receiver(answering("200 OK", b"thanks"))


@pytest.fixture(autouse=True)
def open_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEBHOOK_ALLOW_NETWORKS", "127.0.0.0/8")


@pytest.fixture
def listener(terminal: Any, at_once: None, folder: Any, there: Receiver) -> str:
    """The id of a listener that came after a deploy."""
    terminal("deploy", str(folder), "--site", "hello")
    terminal("listeners", "add", "ci", "--on", "site.deploy.completed", "--webhook", there.url)
    return str(terminal.json("listeners", "list")[0]["id"])


def test_a_preview_tells_of_the_past_week(terminal: Any, listener: str) -> None:
    told = terminal("listeners", "preview", "--on", "site.deploy.*", "--when", '{"data": {"status": ["ok"]}}')
    assert told.startswith("Would have answered 1 events of ")
    assert "1  site.deploy.completed" in told
    assert terminal.json("listeners", "preview", listener)["matched"] == 1
    assert terminal.json("listeners", "preview", listener, "--to", "2")["matched"] == 0
    assert "[listener_unclear]" in terminal.error("listeners", "preview")
    assert "[listener_unclear]" in terminal.error("listeners", "preview", listener, "--on", "site.*")
    assert "[type_unknown]" in terminal.error("listeners", "preview", "--on", "site.deploi.*")


def test_a_backfill_is_a_replay(terminal: Any, listener: str, there: Receiver, drain: Any) -> None:
    told = terminal("listeners", "backfill", listener, "--from", "1", "--limit", "5").splitlines()
    assert "5 events at most" in told[0]
    drain()
    shown = terminal(*told[1].split()[1:])
    assert "1 done" in shown
    assert len(there.requests) == 1
    assert "[listener_not_found]" in terminal.error("listeners", "backfill", "nobody", "--from", "1")
    assert "[range_empty]" in terminal.error("listeners", "backfill", listener, "--from", "2100-01-01")


def test_what_it_was_told_it_is_told_again(terminal: Any, listener: str, there: Receiver, drain: Any) -> None:
    terminal("listeners", "backfill", listener, "--from", "1")
    drain()
    [told] = [each["event"] for each in terminal.json("listeners", "attempts", listener)]
    redeliver = ("listeners", "redeliver", listener)
    assert "1 events at most" in terminal(*redeliver, "--from", "1", "--limit", "1")
    assert "flask replays show" in terminal(*redeliver, "--event", told)
    drain()
    assert len(there.requests) == 3
    assert terminal(*redeliver, "--failed-since", "2020-01-01").startswith("0 that had failed")
    assert "[request_invalid]" in terminal.error(*redeliver)
    assert "[event_not_found]" in terminal.error(*redeliver, "--event", "nothing")


def test_a_webhook_is_tested(terminal: Any, listener: str, there: Receiver) -> None:
    said = terminal("listeners", "test", listener)
    assert "taken" in said
    assert "thanks" in said
    assert len(there.requests) == 1
    terminal("listeners", "add", "dead", "--on", "site.*", "--webhook", "http://127.0.0.1:9/")
    dead = terminal.json("listeners", "list")[0]["id"]
    assert terminal.json("listeners", "test", dead, code=1)["verdict"] == "unreachable"
    assert "[listener_not_found]" in terminal.error("listeners", "test", "nobody")
