"""Certificates end to end: a name that leads here gets one from a real authority (pebble), over sockets."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine

from app.engine import faults
from app.engine.rebuild import verify
from app.services.dns.port80 import PortProber
from tasks import preflight
from tests.fixtures.api import Api, recorded
from tests.fixtures.nameservers import NameServers
from tests.fixtures.pebbles import Pebble, Served
from tests.fixtures.simulation import Crash, Simulation
from tests.integration.api.test_dns_for_real import Later, Person
from tests.integration.api.test_dns_for_real import engine as engine
from tests.integration.api.test_dns_for_real import servers as servers
from tests.integration.api.test_domains import work as work
from tests.integration.api.test_gateway_process import gateway
from tests.integration.services.test_acme import verified

pytestmark = pytest.mark.enable_socket
FLOW = ["requested", "cleared", "ordered", "challenge_presented", "issued", "installed"]


@pytest.fixture
def authority(
    configure: Callable[..., None],
    servers: NameServers,
    pebble: Pebble,
    simulation: Simulation,
    monkeypatch: pytest.MonkeyPatch,
) -> Pebble:
    """The platform gets certificates from pebble, which finds our gateway at the names; it is today."""
    configure(ACME_DIRECTORY=pebble.directory, ACME_CA_FILE=str(pebble.ca), GATEWAY_ADDRESSES="127.0.0.1")
    servers.enter("gateway.sites.test", "A", "127.0.0.1")
    monkeypatch.setattr(preflight, "port_prober", lambda: PortProber(("127.0.0.1",), pebble.http_port))
    simulation.clock.move_to(time_machine.escape_hatch.datetime.datetime.now().astimezone())
    return pebble


@pytest.fixture
def gate(authority: Pebble) -> Iterator[Served]:
    served = Served(gateway()["app"], authority.http_port)
    yield served
    served.close()


@pytest.fixture
def later(later: Later, pebble: Pebble) -> Later:
    """Time passes for us alone: the authority takes its own."""

    def pass_by(**time: float) -> None:
        later(**time)
        pebble.settle()

    return pass_by


def until(later: Later, done: Callable[[], Any], **step: float) -> Any:
    for _ in range(40):
        if found := done():
            return found
        later(**(step or {"seconds": 5}))
    raise AssertionError([(each.type, each.data.get("failure")) for each in recorded()][-12:])


def certified() -> list[str]:
    """What has happened to certificates, by the last words of each type."""
    begin = "domain.certificate."
    return [each.type.removeprefix(begin) for each in recorded() if each.type.startswith(begin)]


def home(tmp_path: Path, person: Person) -> Path:
    return tmp_path / "var" / "certs" / person.host


def enter_all(person: Person, *purposes: str) -> None:
    for purpose in purposes:
        person.enter(purpose)


@pytest.mark.parametrize("method", ["http-01", "dns-01"])
def test_a_name_that_leads_here_gets_a_certificate_and_is_live(
    gate: Served,
    authority: Pebble,
    servers: NameServers,
    api: Api,
    later: Later,
    tmp_path: Path,
    method: str,
) -> None:
    person = Person(api, servers)
    delegated = ["challenge"] if method == "dns-01" else []
    enter_all(person, "ownership", "routing", "dnslink", *delegated)
    until(later, lambda: person.page["badge"] == "live")
    assert [each for each in certified() if each != "renewal_scheduled"] == FLOW
    assert person.page["tls"] == "active"
    leaf = verified(person.host, home(tmp_path, person), authority.ask("roots/0"))
    ordered = recorded("domain.certificate.ordered")[0].data
    assert (ordered["challenge_type"], bool(ordered["fqdn"])) == (method, method == "dns-01")
    if method == "dns-01":
        assert servers.ask(f"{ordered['fqdn']}.", "TXT") == []  # nothing is left behind
    told = str([each.data for each in recorded()])
    assert "PRIVATE" not in told
    scheduled = recorded("domain.certificate.renewal_scheduled")[0].data
    assert (scheduled["ari"], scheduled["serial"]) == (None, f"{leaf.serial_number:x}")
    assert api.get(f"/v1/flows/{person.flow}").json["state"] == "succeeded"
    assert verify() == []
    api.delete(f"/v1/domains/{person.host}")
    until(later, lambda: "removed" in certified())
    assert not home(tmp_path, person).exists()


def kill_after(simulation: Simulation, action: str) -> None:
    """Work until the process that runs the action has done it, and dies before anybody wrote that down."""
    doing = ""

    def die(reached: str) -> None:
        if reached == "outer.after_effect" and doing == action:
            raise Crash(reached)

    with faults.on_fault(die):
        while simulation.messages and not simulation.crashes:
            doing = simulation.messages[0].action
            simulation.deliver()


ACTIONS = ["look_ahead", "order", "present", "obtain", "install"]


@pytest.mark.parametrize("action", ACTIONS)
def test_whoever_dies_wherever_the_next_goes_on_with_the_same_order(
    gate: Served,
    authority: Pebble,
    servers: NameServers,
    api: Api,
    simulation: Simulation,
    later: Later,
    tmp_path: Path,
    action: str,
) -> None:
    person = Person(api, servers)
    enter_all(person, "ownership", "routing", "dnslink", "challenge")
    before = authority.orders()
    for _ in range(40):
        kill_after(simulation, ("preflight." if action == "look_ahead" else "certificates.") + action)
        if simulation.crashes:
            break
        simulation.wait(timedelta(seconds=5))
        simulation.sweep()
    assert simulation.crashes == 1
    simulation.messages.clear()
    simulation.wait(timedelta(hours=1))
    until(later, lambda: person.page["badge"] == "live")
    assert authority.orders() == before + 1
    assert certified().count("failed") == 0
    verified(person.host, home(tmp_path, person), authority.ask("roots/0"))
    assert verify() == []


@pytest.mark.parametrize("trouble", ["caa_forbids", "port80_blocked"])
def test_what_stands_in_the_way_is_told_before_the_authority_is_asked_and_goes_on_when_it_is_gone(
    authority: Pebble,
    servers: NameServers,
    api: Api,
    later: Later,
    work: Callable[[], None],
    tmp_path: Path,
    trouble: str,
) -> None:
    person = Person(api, servers)
    person.enter("ownership")
    if trouble == "caa_forbids":
        servers.enter(person.host, "CAA", '0 issue ";"', ttl=0)
    before = authority.orders()
    enter_all(person, "routing", "dnslink") if trouble != "caa_forbids" else alias(person, servers)
    until(later, lambda: person.page["certificate"])
    failure = until(later, lambda: person.page["certificate"]["failure"])
    assert (failure["code"], failure["stage"], authority.orders()) == (trouble, "preflight", before)
    served = Served(gateway()["app"], authority.http_port)
    servers.enter(person.host, "CAA", ttl=0)
    api.post(f"/v1/domains/{person.host}/verify", {})
    until(later, lambda: person.page["badge"] == "live")
    served.close()
    verified(person.host, home(tmp_path, person), authority.ask("roots/0"))


def alias(person: Person, servers: NameServers) -> None:
    """Beside a CAA record no CNAME may stand: an address does as well."""
    servers.enter(person.host, "A", "127.0.0.1", ttl=0)
    person.enter("dnslink")
