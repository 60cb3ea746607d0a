"""Host names on the command line: added, shown with what is wrong, looked at, and removed."""

from collections.abc import Callable
from typing import Any

import pytest

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


@pytest.fixture
def work(simulation: Simulation) -> Callable[[], None]:
    """Work off what can be at once; looks go on for as long as a name is there."""

    def drain() -> None:
        simulation.write_down()
        while simulation.messages:
            simulation.deliver()

    return drain


def test_a_name_is_set_up_from_the_terminal(terminal: Any, work: Callable[[], None], zones: Zones) -> None:
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
    assert HOST in terminal("domains", "verify", HOST)
    work()
    done = terminal("domains", "show", HOST)
    assert "live" in done
    assert "+ TXT" in done
    assert "CNAME" in terminal("domains", "remove", HOST)
    assert "[domain_not_found]" in terminal.error("domains", "show", HOST)
    assert "[hostname_wildcard]" in terminal.error("domains", "add", "hello", "*.example.com")
