"""Host names on the command line: added, shown with what is wrong, looked at, and removed."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import click
import pytest

from app.cli import dnslinks
from tasks import names
from tests.fixtures.simulation import Simulation
from tests.integration.api.test_domains import HOST, Zones


@pytest.fixture
def zones(monkeypatch: pytest.MonkeyPatch) -> Zones:
    found = Zones()
    monkeypatch.setattr(names, "observer", lambda: found)
    return found


@pytest.fixture(autouse=True)
def known_in_the_world(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEWAY_URL", "https://sites.example.net")


def test_a_name_is_set_up_from_the_terminal(
    terminal: Any,
    work: Callable[[], None],
    zones: Zones,
    simulation: Simulation,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    terminal("sites", "create", "hello")
    assert "no host name" in terminal("domains", "list", "hello")
    said = terminal("domains", "add", "hello", HOST)
    work()
    assert f"_antiphon-challenge.{HOST}" in said
    shown = terminal("domains", "show", HOST)
    assert "prove (2 of 5)" in shown
    assert "! TXT" in shown
    assert "[nxdomain]" in shown
    assert f"CNAME {HOST}" not in terminal("domains", "list", "hello")
    for record in terminal.json("domains", "show", HOST)["records"]:
        zones.enter(record)
    simulation.wait(timedelta(minutes=1))
    assert "as soon as a worker is free" in terminal("domains", "verify", HOST, "--no-wait")
    monkeypatch.setattr("app.cli.domains.pause", lambda _seconds: work())
    done = terminal("domains", "verify", HOST)
    assert "live" in done
    assert "live" in terminal("domains", "show", HOST)
    assert "+ TXT" in done
    assert "CNAME" in terminal("domains", "remove", HOST)
    assert "[domain_not_found]" in terminal.error("domains", "show", HOST)
    assert "[hostname_wildcard]" in terminal.error("domains", "add", "hello", "*.example.com")


@pytest.fixture
def with_a_zone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DNS_ZONE", "links.example.net")


@pytest.mark.usefixtures("with_a_zone", "zones")
def test_what_visitors_do_without_is_told_apart(terminal: Any, work: Callable[[], None]) -> None:
    terminal("sites", "create", "hello")
    terminal("domains", "add", "hello", HOST)
    work()
    shown = terminal("domains", "show", HOST)
    assert f"! CNAME  _dnslink.{HOST}" in shown
    assert f"- CNAME  _acme-challenge.{HOST}" in shown
    assert "without port 80" in shown
    said = {each["purpose"]: each["needed"] for each in terminal.json("domains", "show", HOST)["records"]}
    assert said == {"ownership": True, "routing": True, "dnslink": True, "challenge": False}


def test_what_is_said_of_a_dnslink_is_what_is_wanted_written_and_seen() -> None:
    trouble = {"code": "update_badkey", "message": "It does not know the key.", "hint": "Look."}
    link = {"fqdn": "_dnslink.d1.links.test", "deploy": 2, "state": "failed", "failure": trouble}
    link |= {
        "wanted": "dnslink=/ipfs/new",
        "written": "dnslink=/ipfs/old",
        "seen": None,
        "warnings": [trouble],
    }
    times = {"wanted_at": "2026-01-02T03:04:05Z", "written_at": "2026-01-01T00:00:00Z", "seen_at": None}
    said = click.unstyle("\n".join(dnslinks.about(link | times | {"next_try_at": "2026-01-02T04:00:00Z"})))
    for part in (
        "could not be written (deploy #2)",
        "dnslink=/ipfs/new, 2026-01-02",
        "[update_badkey]",
        "Look.",
    ):
        assert part in said
    assert "seen" not in said
    assert dnslinks.about(None) == []
