"""DNSLinks of delegated names: our zone follows what is live, what fails heals, what is late is let be."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from app.content.car import cids
from app.content.cid import Cid
from app.dns.findings import Finding
from app.engine.rebuild import verify
from app.errors import PermanentError, PlatformError, RetryableError
from app.services.dns.memory import MemoryZone
from app.services.dns.port import Change, Written
from app.services.ipfs.port import Pinned
from tasks import dnslinks, domains, storage
from tests.fixtures.api import Api, recorded
from tests.fixtures.simulation import Simulation
from tests.integration.api.test_domains import Zones, add
from tests.integration.api.test_domains import later as later
from tests.integration.api.test_domains import work as work
from tests.integration.api.test_domains import zones as zones
from tests.unit.content.forge import zip_of

OURS = "links.test"
DOCS, BLOG = "docs.example.com", "blog.example.com"
OTHER = zip_of([("index.html", b"other")])
UPDATE = "domain.dns_update."
Drain = Callable[[], None]


class OwnZone(MemoryZone):
    """A zone in memory; `trouble` is what a change of a host name's record raises, by its claim."""

    def __init__(self) -> None:
        super().__init__(OURS)
        self.trouble: dict[str, PlatformError] = {}

    def replace(self, change: Change) -> Written:
        if change.name in self.trouble:
            raise self.trouble[change.name]
        return super().replace(change)


@pytest.fixture
def own(configure: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> Iterator[OwnZone]:
    gateway = {"GATEWAY_URL": "http://gateway.example.net", "GATEWAY_ADDRESSES": "192.0.2.80"}
    configure(DNS_ZONE=OURS, DNS_BACKEND="memory", **gateway)
    found = OwnZone()
    monkeypatch.setattr(dnslinks, "own_zone", lambda: found)
    return found


def set_up(api: Api, zones: Zones, work: Drain, *hosts: str) -> list[str]:
    """Names whose records are all right; returns where their DNSLinks stand in our zone."""
    found = []
    for host in hosts:
        records = add(api, host)["records"]
        for record in records:
            zones.enter(record)
        found += [each["expected"][0] for each in records if each["purpose"] == "dnslink"]
    work()
    return found


def said(own: MemoryZone, name: str) -> str | None:
    values = own.read(name, "TXT")
    return values[0].removeprefix("dnslink=/ipfs/") if values else None


def finished(api: Api, made: dict[str, Any]) -> tuple[Any, dict[str, str]]:
    """A deploy as it is now, and what became of its DNSLinks."""
    deploy = api.get(f"/v1/deploys/{made['id']}").json
    return deploy, {each["id"]: each["status"] for each in deploy["targets"] if each["kind"] == "dnslink"}


def test_a_name_that_is_set_up_and_every_deploy_and_rollback_write_what_is_live(
    own: OwnZone, api: Api, zones: Zones, work: Drain
) -> None:
    first = api.deploy()
    work()
    [name] = set_up(api, zones, work, DOCS)
    assert said(own, name) == finished(api, first)[0]["cid"]
    second = api.deploy(archive=OTHER)
    work()
    deploy, links = finished(api, second)
    assert (said(own, name), links, deploy["partial"]) == (deploy["cid"], {DOCS: "updated"}, False)
    assert api.post("/v1/sites/hello/rollback", {"deploy": first["id"]}).status_code == 202
    work()
    assert said(own, name) == finished(api, first)[0]["cid"]
    applied = recorded(f"{UPDATE}applied")
    assert [each.data["changed"] for each in applied] == [True] * 3
    assert applied[1].data["was"] == f"dnslink=/ipfs/{applied[0].data['cid']}"
    assert {each.data["warnings"][0]["code"] for each in applied} == {"not_provided"}
    propagated = recorded("domain.dns.propagated")
    assert [(each.data["fqdn"], each.data["cid"]) for each in propagated] == [
        (name, each.data["cid"]) for each in applied
    ]
    order = [event.type for event in recorded() if event.flow == second["flow"]]
    assert order.index(f"{UPDATE}applied") < order.index("site.deploy.completed")
    assert verify() == []


@pytest.mark.parametrize("code", ["update_badkey", "dns_unreachable"])
def test_one_name_that_fails_makes_the_deploy_partial_until_it_heals(
    own: OwnZone, api: Api, zones: Zones, work: Drain, later: Callable[..., None], code: str
) -> None:
    bad, good = set_up(api, zones, work, DOCS, BLOG)
    kind = RetryableError if code == "dns_unreachable" else PermanentError
    own.trouble[bad] = kind(code, "It will not.", "Look.")
    made = api.deploy()
    for _ in range(4):
        later(seconds=25)
    deploy, links = finished(api, made)
    assert (deploy["status"], deploy["partial"]) == ("live", True)
    assert links == {DOCS: "failed", BLOG: "updated"}
    missed = [each for each in deploy["targets"] if each["status"] == "failed"]
    assert [(each["kind"], each["failure"]["code"]) for each in missed] == [("dnslink", code)]
    assert (said(own, good), said(own, bad)) == (deploy["cid"], None)
    link = api.get(f"/v1/domains/{DOCS}").json["dnslink"]
    assert (link["state"], link["written"], link["deploy"]) == ("failed", None, deploy["number"])
    assert (link["wanted"], link["failure"]["code"]) == (f"dnslink=/ipfs/{deploy['cid']}", code)
    assert link["next_try_at"] > link["wanted_at"]
    for _ in range(5):
        later(hours=7)
    assert finished(api, made)[0]["partial"]
    del own.trouble[bad]
    later(hours=7)
    deploy, links = finished(api, made)
    assert (deploy["partial"], links) == (False, {DOCS: "updated", BLOG: "updated"})
    assert said(own, bad) == deploy["cid"]
    healed = api.get(f"/v1/domains/{DOCS}").json["dnslink"]
    assert (healed["state"], healed["seen"], healed["failure"]) == ("seen", link["wanted"], None)
    assert healed["wanted_at"] == link["wanted_at"] < healed["written_at"] <= healed["seen_at"]
    assert [each["code"] for each in healed["warnings"]] == ["not_provided"]
    told = [each for each in recorded("notification.sent") if each.data["event_type"] == f"{UPDATE}failed"]
    assert len(told) == 1
    assert DOCS in told[0].data["title"]
    assert verify() == []


def test_only_the_newest_content_is_written(
    own: OwnZone, api: Api, zones: Zones, work: Drain, simulation: Simulation
) -> None:
    [name] = set_up(api, zones, work, DOCS)
    held = []
    for archive in (OTHER, zip_of([("index.html", b"newest")])):
        newest = api.deploy(archive=archive)
        simulation.write_down()
        while simulation.messages:
            held += [each for each in simulation.messages if each.action == "dnslinks.write_link"]
            simulation.messages[:] = [each for each in simulation.messages if each not in held]
            if simulation.messages:
                simulation.deliver()
    simulation.messages.extend(held)
    before = own.serial
    work()
    assert (said(own, name), own.serial) == (finished(api, newest)[0]["cid"], before + 1)


def test_what_somebody_else_wrote_is_replaced_in_the_second_attempt(
    own: OwnZone, api: Api, zones: Zones, work: Drain, later: Callable[..., None]
) -> None:
    [name] = set_up(api, zones, work, DOCS)
    api.deploy()
    work()
    own.records[name, "TXT"] = ("dnslink=/ipfs/foreign",)
    newest = api.deploy(archive=OTHER)
    work()
    assert said(own, name) == "foreign"
    later(seconds=2)
    assert said(own, name) == finished(api, newest)[0]["cid"]


def test_a_name_that_was_removed_is_written_no_more(
    own: OwnZone, api: Api, zones: Zones, work: Drain
) -> None:
    [name] = set_up(api, zones, work, DOCS)
    api.delete(f"/v1/domains/{DOCS}")
    made = api.deploy()
    work()
    assert (said(own, name), finished(api, made)[1]) == (None, {})
    assert verify() == []


class Node:
    """A node in memory, which takes what it is given while it is `up`."""

    up = False

    def pin(self, root: Cid, get_block: Any) -> Pinned:
        if not self.up:
            raise PermanentError("ipfs_denied", "No.", "Look.")
        return Pinned(root, len(list(cids(root, get_block))), 0)


def test_where_there_is_a_node_the_dnslink_waits_for_the_pin(
    own: OwnZone,
    api: Api,
    zones: Zones,
    work: Drain,
    later: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    node = Node()
    for module in (storage, domains, dnslinks):
        monkeypatch.setattr(module, "open_ipfs", lambda: node)
    [name] = set_up(api, zones, work, DOCS)
    made = api.deploy()
    work()
    assert (said(own, name), finished(api, made)[0]["partial"]) == (None, True)
    node.up = True
    later(hours=1.2)
    deploy, _ = finished(api, made)
    assert (said(own, name), deploy["partial"]) == (deploy["cid"], False)
    [late] = set_up(api, zones, work, BLOG)  # what it needs is pinned by then
    assert said(own, late) == said(own, name)
    assert recorded(f"{UPDATE}applied")[-1].data["warnings"] == []


def test_the_operator_is_told_that_a_name_waits_is_live_and_leads_here_no_more(
    own: OwnZone, api: Api, zones: Zones, work: Drain, later: Callable[..., None]
) -> None:
    records = add(api, DOCS)["records"]
    work()
    later(minutes=16)
    for record in records:
        zones.enter(record)
    later(hours=1)
    del zones.records[DOCS, "CNAME"]
    later(hours=7)
    told = [each.data for each in recorded("notification.sent")]
    about = {each["event_type"]: each for each in told if each["event_type"].startswith("domain.")}
    assert {type_: each["title"] for type_, each in about.items()} == {
        "domain.setup.stalled": f"{DOCS} waits for you: prove",
        "domain.setup.completed": f"{DOCS} is live",
        "domain.misconfigured": f"{DOCS} does not lead here any more",
    }
    assert "_antiphon-challenge" in about["domain.setup.stalled"]["text"]
    assert "gateway.example.net" in about["domain.misconfigured"]["text"]


def test_what_is_written_and_not_everywhere_says_so_until_it_is(
    own: OwnZone,
    api: Api,
    zones: Zones,
    work: Drain,
    later: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    set_up(api, zones, work, DOCS)
    lagging = {"verdict": "missing", "code": "not_propagated", "message": "One lags.", "hint": "Wait."}

    def link_at(fqdn: str, text: str) -> Finding:
        return Finding(subject="dnslink", name=fqdn, type="TXT", **lagging)

    monkeypatch.setattr(dnslinks, "link_at", link_at)
    made = api.deploy()
    work()
    assert api.get(f"/v1/domains/{DOCS}").json["dnslink"]["state"] == "applied"
    for _ in range(9):
        later(hours=2.3)
    link = api.get(f"/v1/domains/{DOCS}").json["dnslink"]
    assert (link["state"], link["failure"]["code"], link["seen"]) == ("applied", "not_propagated", None)
    assert finished(api, made)[1] == {DOCS: "updated"}  # it was written, which is what the deploy is told
    monkeypatch.undo()
    assert verify() == []
