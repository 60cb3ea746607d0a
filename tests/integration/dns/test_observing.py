"""Zones broken in each of the ways that people break them, on real servers: the code that comes out."""

from collections.abc import Callable
from itertools import count

import pytest

from app.dns.diagnosis import diagnose
from app.dns.findings import Finding
from app.dns.observed import Observation
from app.dns.preflight import Authority, caa_finding, dnssec_finding, zone_finding
from app.dns.records import Claim, Expected, Ours, expected_records
from app.services.dns.asking import Server
from app.services.dns.observing import Observer
from app.services.dns.port import Change
from app.services.dns.resolver import Resolver
from app.services.dns.rfc2136 import UpdatedZone
from tests.fixtures.nameservers import KEY, KNOT, MUTE, NameServers

OURS = Ours(gateway="gateway.sites.test", addresses=("192.0.2.1",), zone="sites.test")
_numbers = count(1)


@pytest.fixture
def observer(name_servers: NameServers) -> Observer:
    return observer_of(name_servers)


def observer_of(servers: NameServers, *resolvers: Server, seconds: float = 1.0) -> Observer:
    resolver = Resolver(resolvers or [Server("127.0.0.1", servers.resolver_port)], seconds)
    return Observer(resolver, servers.port, seconds)


@pytest.fixture
def host() -> str:
    """A name below example.test that no test has used."""
    return f"docs{next(_numbers)}.example.test"


def records_of(host: str, ours: Ours = OURS) -> dict[str, Expected]:
    claim, apex = Claim("t0ken", "d1"), host.count(".") == 1
    found = expected_records(host, claim, ours, apex=apex, dnslink="/ipfs/bafy")
    return {record.purpose: record for record in found}


def judged(observer: Observer, host: str, purpose: str, ours: Ours = OURS) -> Finding:
    record = records_of(host, ours)[purpose]
    return diagnose(record, observer.observe(host, [record]))


MANUAL = Ours(gateway=OURS.gateway, addresses=OURS.addresses)
Entries = Callable[[str], list[tuple[str, ...]]]
#: What is entered for a host, whose records, the record that is looked at, and the code; "" is right.
ENTERED: dict[str, tuple[Entries, Ours, str, str]] = {
    "nothing": (lambda h: [], OURS, "ownership", "nxdomain"),
    "another type alone": (
        lambda h: [(f"_antiphon-challenge.{h}", "A", "192.0.2.9")],
        OURS,
        "ownership",
        "no_record",
    ),
    "the right text": (
        lambda h: [(f"_antiphon-challenge.{h}", "TXT", '"antiphon-" "verify=t0ken"')],
        OURS,
        "ownership",
        "",
    ),
    "an old text": (
        lambda h: [(f"_antiphon-challenge.{h}", "TXT", "antiphon-verify=old")],
        OURS,
        "ownership",
        "wrong_value",
    ),
    "the right CNAME": (lambda h: [(h, "CNAME", "gateway.sites.test.")], OURS, "routing", ""),
    "our address": (lambda h: [(h, "A", "192.0.2.1")], OURS, "routing", ""),
    "another address": (lambda h: [(h, "A", "192.0.2.9")], OURS, "routing", "wrong_value"),
    "an IPv6 address beside": (
        lambda h: [(h, "A", "192.0.2.1"), (h, "AAAA", "2001:db8::9")],
        OURS,
        "routing",
        "extra_value",
    ),
    "a proxy": (lambda h: [(h, "A", "104.16.3.4")], OURS, "routing", "proxied_by_cdn"),
    "the name as a text": (lambda h: [(h, "TXT", "gateway.sites.test")], OURS, "routing", "wrong_type"),
    "mail in the way of a CNAME": (lambda h: [(h, "MX", "10 mail.test.")], OURS, "routing", "cname_conflict"),
    "the zone appended to the name": (
        lambda h: [(f"_dnslink.{h}.example.test", "CNAME", "_dnslink.d1.sites.test.")],
        OURS,
        "dnslink",
        "double_suffix",
    ),
    "the zone appended to the value": (
        lambda h: [(f"_dnslink.{h}", "CNAME", "_dnslink.d1.sites.test.example.test.")],
        OURS,
        "dnslink",
        "double_suffix",
    ),
    "a wildcard alone": (
        lambda h: [(f"*.{h}", "CNAME", "parked.test.")],
        OURS,
        "dnslink",
        "no_record",
    ),
    "a text where the CNAME belongs": (
        lambda h: [(f"_dnslink.{h}", "TXT", '"dnslink=/ipfs/old"')],
        OURS,
        "dnslink",
        "cname_conflict",
    ),
    "two DNSLinks": (
        lambda h: [(f"_dnslink.{h}", "TXT", '"dnslink=/ipfs/bafy"', '"dnslink=/ipfs/old"')],
        MANUAL,
        "dnslink",
        "multiple_dnslink",
    ),
    "the right DNSLink": (
        lambda h: [(f"_dnslink.{h}", "TXT", '"dnslink=/ipfs/bafy"')],
        MANUAL,
        "dnslink",
        "",
    ),
}


@pytest.mark.parametrize("case", ENTERED)
def test_what_was_entered_gets_its_verdict(name_servers, observer, host, case):
    entries, ours, purpose, code = ENTERED[case]
    for name, kind, *values in entries(host):
        name_servers.enter(name, kind, *values, zone="example.test")
    finding = judged(observer, host, purpose, ours)
    assert (finding.code, finding.ok) == (code, not code), finding
    assert bool(finding.hint) is bool(code)


@pytest.mark.parametrize(
    ("host", "purpose", "code"),
    [
        ("docs.nowhere.test", "ownership", "nxdomain"),  # nobody registered it
        ("docs.lame.test", "ownership", "lame_delegation"),
        ("docs.refused.test", "ownership", "server_refused"),
        ("docs.failing.test", "ownership", "servfail"),
        ("apexed.test", "routing", "cname_at_apex"),
    ],
)
def test_a_zone_that_is_broken_as_a_whole_is_told_by_what_broke_it(observer, host, purpose, code):
    finding = judged(observer, host, purpose)
    assert finding.code == code, finding
    assert host.removeprefix("docs.") in finding.message


def test_a_zone_whose_servers_are_mute_is_told_in_time(name_servers):
    finding = judged(observer_of(name_servers, seconds=0.2), "docs.mute.test", "ownership")
    assert (finding.code, MUTE in finding.message) == ("no_answer", True), finding


def test_a_zone_of_which_one_server_is_lame_is_judged_by_the_others(observer, name_servers):
    name_servers.enter("docs.partly.test", "CNAME", "gateway.sites.test.")
    seen = observer.observe("docs.partly.test", [records_of("docs.partly.test")["routing"]])
    assert [server.state for server in seen.zone.servers] == ["ok", "lame"]
    assert seen.said("docs.partly.test", "A", "authoritative")[0].chain[0] == "gateway.sites.test"
    assert zone_finding(seen).code == "lame_delegation"


def test_a_change_that_one_server_lacks_is_not_propagated(observer, name_servers):
    name_servers.enter("_dnslink.docs.half.test", "CNAME", "_dnslink.d1.sites.test.", zone="half.test")
    finding = judged(observer, "docs.half.test", "dnslink")
    assert (finding.code, "ns1.half.test (127.0.0.5)" in finding.message) == ("not_propagated", True)


def test_a_resolver_that_remembers_is_told_from_a_record_that_is_wrong(observer, name_servers, host):
    assert judged(observer, host, "routing").code == "nxdomain"  # which unbound remembers from now on
    name_servers.enter(host, "CNAME", "gateway.sites.test.")
    finding = judged(observer, host, "routing")
    assert (finding.verdict, finding.code) == ("stale_cache", "stale_cache")
    assert finding.authoritative == ("gateway.sites.test",)
    assert 5 <= finding.wait <= 60  # the zone's negative TTL


@pytest.mark.parametrize(
    ("zone", "state", "reason"),
    [
        ("example", "unsigned", ""),
        ("signed", "valid", ""),
        ("unkeyed", "bogus", "has no keys"),
        ("rekeyed", "bogus", "none of the zone's keys"),
        ("expired", "bogus", "expired on 20"),
    ],
)
def test_the_signatures_of_a_zone_are_checked_up_to_its_parent(observer, zone, state, reason):
    host = f"docs.{zone}.test"
    seen = observer.observe(host, [records_of(host)["ownership"]])
    assert (seen.zone.signing.state, reason in seen.zone.signing.reason) == (state, True)
    assert dnssec_finding(seen).ok is (state != "bogus")


def test_a_right_record_in_a_zone_with_broken_signatures_is_refused_by_the_resolver(observer, name_servers):
    for zone, code in (("signed", ""), ("unkeyed", "dnssec_bogus"), ("rekeyed", "dnssec_bogus")):
        name_servers.enter(f"docs.{zone}.test", "A", "192.0.2.1")
        finding = judged(observer, f"docs.{zone}.test", "routing")
        assert (finding.code, finding.authoritative) == (code, ("192.0.2.1",))


def test_caa_records_are_climbed_to_and_an_alias_is_followed(observer, name_servers, host):
    name_servers.enter("example.test", "CAA", '0 issue "other.example"')
    name_servers.enter("caa.example.test", "CAA", '0 issue "letsencrypt.org"')
    name_servers.enter(host, "CNAME", "caa.example.test.")
    seen = Observation(host, observer.observe(host, []).zone)
    assert caa_finding(seen, observer.climb_caa(f"a.{host}"), Authority()).ok
    forbidding = observer.climb_caa("another.example.test")
    assert [answer.name for answer in forbidding] == ["another.example.test", "example.test"]
    assert caa_finding(seen, forbidding, Authority()).code == "caa_forbids"
    assert caa_finding(seen, observer.climb_caa("docs.unkeyed.test"), Authority()).code == "acme_dns"


def test_where_a_zone_begins_is_asked_and_not_counted(observer, name_servers, host):
    assert observer.apex("example.test")
    assert not observer.apex(host)
    assert not observer.apex("gateway.sites.test")


def test_a_resolver_that_is_gone_leaves_the_verdict_to_the_next(name_servers, host):
    both = Server(MUTE, name_servers.port), Server("127.0.0.1", name_servers.resolver_port)
    assert judged(observer_of(name_servers, *both, seconds=0.2), host, "ownership").code == "nxdomain"
    alone = observer_of(name_servers, both[0], seconds=0.05)
    finding = judged(alone, host, "ownership")
    assert (finding.verdict, finding.code) == ("unanswered", "no_answer")
    assert "DNS_RESOLVER" in finding.hint


def test_an_answer_too_long_for_udp_comes_over_tcp(name_servers, observer, host):
    long = [f'"{number:02} {"x" * 200}"' for number in range(20)]
    name_servers.enter(
        f"_antiphon-challenge.{host}", "TXT", '"antiphon-verify=t0ken"', *long, zone="example.test"
    )
    finding = judged(observer, host, "ownership")
    assert finding.ok
    assert len(finding.authoritative) == 20  # of 21; more are not shown


def test_an_authoritative_server_may_stand_in_for_the_resolver(name_servers, host):
    direct = observer_of(name_servers, Server(KNOT, name_servers.port))
    name_servers.enter(host, "A", "192.0.2.1")
    assert judged(direct, host, "routing").ok


def test_a_deploy_changes_our_own_zone_alone_and_everybody_follows(name_servers, observer, host):
    claim, server = Claim("t0ken", f"d{next(_numbers)}"), Server(KNOT, name_servers.port)
    delegated = expected_records(host, claim, OURS, apex=False)[2]
    name_servers.enter(delegated.name, "CNAME", f"{delegated.values[0]}.")  # once, by its owner
    zone = UpdatedZone("sites.test", server, KEY)
    for cid in ("bafya", "bafyb"):
        link = Expected(
            purpose="dnslink", name=delegated.values[0], type="TXT", values=(f"dnslink=/ipfs/{cid}",)
        )
        zone.replace(Change(name=link.name, type="TXT", values=link.values, ttl=60))
        assert diagnose(delegated, observer.observe(host, [delegated])).ok
        finding = diagnose(link, observer.observe(link.name, [link]))
        assert finding.authoritative == link.values
        assert finding.code == ("" if cid == "bafya" else "stale_cache")


def test_a_strangers_zone_puts_neither_floods_nor_control_characters_into_the_log(
    name_servers, observer, host
):
    texts = [f'"dnslink={number:03}\\000\\007{"x" * 240}" "{"y" * 200}"' for number in range(100)]
    name_servers.enter(f"_dnslink.{host}", "TXT", *texts, zone="example.test")
    finding = judged(observer, host, "dnslink", MANUAL)
    assert finding.code == "multiple_dnslink"
    text = str(finding.as_data())
    assert (len(text) < 16_000, "\x00" in text, "\\x00" in finding.message + finding.hint) == (
        True,
        False,
        True,
    )


def test_cnames_in_a_circle_are_the_owners_and_not_the_resolvers_fault(name_servers, observer, host):
    name_servers.enter(host, "CNAME", f"b.{host}.", zone="example.test")
    name_servers.enter(f"b.{host}", "CNAME", f"{host}.", zone="example.test")
    finding = judged(observer, host, "routing")
    assert (finding.code, finding.authoritative) == ("wrong_value", (f"b.{host}",))
