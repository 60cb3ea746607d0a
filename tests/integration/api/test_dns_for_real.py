"""A person and two real name servers: a name is set up in their zone, and deploys change only ours."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import count
from types import SimpleNamespace
from typing import Any

import dns.message
import dns.resolver
import pytest
import time_machine
from sqlalchemy import Engine

from app.engine import faults
from app.engine.rebuild import verify
from app.services.dns.asking import Server
from app.services.dns.rfc2136 import UpdatedZone
from tasks import dnslinks
from tests.fixtures.api import Api, recorded
from tests.fixtures.nameservers import KEY, MUTE, READER, REFUSING, SECRET, NameServers, free_port
from tests.fixtures.simulation import Crash, Simulation
from tests.integration.api.test_dnslinks import OTHER, finished, set_up
from tests.integration.api.test_domains import Zones, add
from tests.integration.api.test_domains import later as later
from tests.integration.api.test_domains import work as work
from tests.integration.api.test_domains import zones as zones

pytestmark = pytest.mark.enable_socket
_numbers = count(1)
Later = Callable[..., None]
STEPS = ["claim", "prove", "point", "certify", "live"]


@pytest.fixture
def engine(sqlite_database: Engine) -> Engine:
    """One database: what is looked at here is outside of it."""
    return sqlite_database


@pytest.fixture
def servers(
    configure: Callable[..., None], name_servers: NameServers, monkeypatch: pytest.MonkeyPatch
) -> Iterator[NameServers]:
    """The platform is told of the real servers; signatures have the real time, not that of the simulation."""
    configure(
        DNS_ZONE="sites.test",
        DNS_BACKEND="rfc2136",
        DNS_SERVER=name_servers.server,
        DNS_UPDATE_KEY=KEY,
        DNS_RESOLVER=name_servers.resolver,
        DNS_AUTHORITATIVE_PORT=str(name_servers.port),
        GATEWAY_URL="http://gateway.sites.test",
        GATEWAY_ADDRESSES="192.0.2.80",
    )
    name_servers.enter("gateway.sites.test", "A", "192.0.2.80")
    monkeypatch.setattr(dns.message, "time", SimpleNamespace(time=time_machine.escape_hatch.time.time))
    monkeypatch.setattr(dnslinks, "TTL", 0)  # so that the resolver remembers nothing
    return name_servers


class Person:
    """Somebody with a name of their own, who enters what the platform shows them."""

    def __init__(self, api: Api, servers: NameServers) -> None:
        self.api, self.servers = api, servers
        self.host = f"docs{next(_numbers)}.people.test"
        self.flow = add(api, self.host)["flow"]

    def enter(self, purpose: str) -> None:
        for record in self.page["records"]:
            if record["purpose"] == purpose:
                values = [f"{each}." if record["type"] == "CNAME" else each for each in record["expected"]]
                self.servers.enter(record["name"], record["type"], *values, ttl=0)

    @property
    def page(self) -> dict[str, Any]:
        return dict(self.api.get(f"/v1/domains/{self.host}").json)

    def dnslink(self) -> str:
        return text_at(f"_dnslink.{self.host}", self.servers)


def text_at(name: str, servers: NameServers) -> str:
    """What the world sees, by a resolver that is not ours."""
    resolver = dns.resolver.Resolver(configure=False)
    resolver.nameservers, resolver.port = ["127.0.0.1"], servers.resolver_port
    [found] = resolver.resolve(f"{name}.", "TXT")
    return b"".join(found.strings).decode()


def kill(simulation: Simulation) -> None:
    """The process at work dies with what it did unwritten, and the broker loses all that it had."""

    def die(point: str) -> None:
        if point == "outer.after_effect":
            raise Crash(point)

    simulation.write_down()
    with faults.on_fault(die):
        while simulation.messages and not simulation.crashes:
            simulation.deliver()
    simulation.messages.clear()


@pytest.mark.parametrize("stop", STEPS)
def test_a_person_who_stops_at_any_step_goes_on_days_later_and_deploys_change_our_zone_alone(
    servers: NameServers, api: Api, simulation: Simulation, work: Callable[[], None], later: Later, stop: str
) -> None:
    first = api.deploy()
    work()
    person = Person(api, servers)

    def pause_at(step: str) -> None:
        if step == stop:
            kill(simulation)
            simulation.wait(timedelta(days=3))
            for _ in range(3):
                later(hours=7)
        else:
            later(hours=7)

    pause_at("claim")
    for step, purposes in (("prove", ["ownership"]), ("point", ["routing"]), ("certify", ["dnslink"])):
        for purpose in purposes:
            person.enter(purpose)
        api.post(f"/v1/domains/{person.host}/verify", {})
        pause_at(step)
    api.post(f"/v1/domains/{person.host}/verify", {})
    pause_at("live")
    later(minutes=5)
    assert simulation.crashes == 1
    assert person.page["badge"] == "live", person.page
    assert person.dnslink() == f"dnslink=/ipfs/{finished(api, first)[0]['cid']}"
    theirs = servers.ask("people.test.", "SOA")
    second = api.deploy(archive=OTHER)
    work()
    deploy, links = finished(api, second)
    assert (deploy["partial"], links) == (False, {person.host: "updated"})
    assert person.dnslink() == f"dnslink=/ipfs/{deploy['cid']}"
    assert servers.ask("people.test.", "SOA") == theirs
    assert recorded("domain.dns.propagated")[-1].data["cid"] == deploy["cid"]
    assert [each.data["step"] for each in recorded("domain.setup.advanced")] == STEPS
    assert api.get(f"/v1/flows/{person.flow}").json["state"] == "succeeded"
    assert verify() == []


@pytest.fixture
def person(servers: NameServers, api: Api, work: Callable[[], None]) -> Person:
    """A name that is set up, before anything was deployed."""
    found = Person(api, servers)
    for purpose in ("ownership", "routing", "dnslink"):
        found.enter(purpose)
    work()
    assert found.page["badge"] == "live", found.page
    return found


OTHER_SECRET = "hmac-sha256:antiphon:b3RoZXI="


@pytest.mark.parametrize(
    ("key", "at", "code"),
    [
        (f"hmac-sha256:stranger:{SECRET}", "", "update_badkey"),
        (OTHER_SECRET, "", "update_badsig"),
        (READER, "", "update_badkey"),
        (KEY, "clock", "update_badtime"),
        (KEY, REFUSING, "update_refused"),
        (KEY, MUTE, "dns_unreachable"),
        (KEY, "gone", "dns_unreachable"),
    ],
)
def test_what_a_server_says_is_the_code_of_the_deploys_target_and_it_heals_when_that_is_mended(
    person: Person,
    api: Api,
    monkeypatch: pytest.MonkeyPatch,
    later: Later,
    key: str,
    at: str,
    code: str,
) -> None:
    port = free_port() if at == "gone" else person.servers.port
    address = at if at in (MUTE, REFUSING) else "127.0.0.1"
    with monkeypatch.context() as broken:
        server = Server(address, port)
        broken.setattr(dnslinks, "own_zone", lambda: UpdatedZone("sites.test", server, key, 0.1))
        if at == "clock":
            broken.setattr(dns.message, "time", SimpleNamespace(time=lambda: 1_600_000_000))
        made = api.deploy()
        for _ in range(4):
            later(seconds=25)
    deploy, links = finished(api, made)
    assert (deploy["status"], deploy["partial"], links) == ("live", True, {person.host: "failed"})
    [failure] = [each["failure"] for each in deploy["targets"] if each["status"] == "failed"]
    assert (failure["code"], bool(failure["hint"])) == (code, True)
    assert SECRET not in str([each.data for each in recorded()])
    later(minutes=6)
    deploy, links = finished(api, made)
    assert (deploy["partial"], links) == (False, {person.host: "updated"})
    assert person.dnslink() == f"dnslink=/ipfs/{deploy['cid']}"


def test_a_worker_that_dies_between_writing_and_telling_is_followed_by_one_that_finds_it_written(
    person: Person, api: Api, simulation: Simulation, later: Later
) -> None:
    made = api.deploy()
    simulation.write_down()
    while simulation.messages[0].action != "dnslinks.write_link":
        simulation.deliver()
    kill(simulation)
    assert recorded("domain.dns_update.applied") == []
    for _ in range(3):
        later(minutes=12)
    [applied] = recorded("domain.dns_update.applied")
    deploy, links = finished(api, made)
    assert (applied.data["changed"], deploy["partial"], links) == (False, False, {person.host: "updated"})
    assert person.dnslink() == f"dnslink=/ipfs/{deploy['cid']}"


def test_fifty_names_follow_one_deploy(
    servers: NameServers, api: Api, zones: Zones, work: Callable[[], None]
) -> None:
    names = set_up(api, zones, work, *(f"d{number}.example.com" for number in range(50)))
    began = time_machine.escape_hatch.time.time()
    made = api.deploy()
    work()
    took = time_machine.escape_hatch.time.time() - began
    deploy, links = finished(api, made)
    assert (deploy["partial"], len(links), set(links.values())) == (False, 50, {"updated"})
    assert {text_at(name, servers) for name in names} == {f"dnslink=/ipfs/{deploy['cid']}"}
    assert len(recorded("domain.dns.propagated")) == 50
    print(f"50 DNSLinks after one deploy, written and seen at the servers: {took:.2f} s")
