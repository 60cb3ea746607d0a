"""What a certificate authority would stumble over: CAA trees, port 80, signatures, name servers."""

import pytest

from app.dns.observed import Answer, NameServer, Observation, Signing, Zone
from app.dns.preflight import (
    Authority,
    PortProbe,
    caa_finding,
    dnssec_finding,
    port80_finding,
    zone_finding,
)
from app.dns.records import Claim, Expected, Ours, expected_records, record_types

HOST = "docs.example.com"
UP = NameServer("ns1.example.com", "198.51.100.1", "ok")
DOWN = NameServer("ns2.example.com", "198.51.100.2", "mute")


def seen(zone: Zone | None = None) -> Observation:
    return Observation(HOST, zone or Zone("example.com", (UP,)))


def caa(*values: str, name: str = HOST, rcode: str = "NOERROR") -> Answer:
    return Answer(name=name, type="CAA", source="resolver", rcode=rcode, values=values)


LETS = Authority()
PARENT = caa('0 issue "other.example"', name="example.com")


@pytest.mark.parametrize(
    ("climbed", "code"),
    [
        ([], ""),
        ([caa(), caa(name="example.com")], ""),
        ([caa(rcode="NXDOMAIN"), caa('0 issue "letsencrypt.org"', name="example.com")], ""),
        ([caa('0 issue "letsencrypt.org"'), PARENT], ""),  # the nearest set counts alone
        ([caa('0 iodef "mailto:ops@example.com"'), PARENT], ""),
        ([caa('0 issuewild ";"')], ""),
        ([caa('0 ISSUE "LetsEncrypt.org"', '0 issue "other.example"')], ""),
        ([caa('0 issue "letsencrypt.org; accounturi=https://ca.example/1"')], ""),
        ([caa('0 issue "letsencrypt.org; validationmethods=dns-01,http-01"')], ""),
        ([caa('0 issue "letsencrypt.org; validationmethods=dns-01"')], "caa_forbids"),
        ([caa(), PARENT], "caa_forbids"),
        ([caa('0 issue ";"')], "caa_forbids"),
        ([caa('0 issue ""')], "caa_forbids"),
        ([caa('128 tbs "unknown"', '0 issue "letsencrypt.org"')], "caa_forbids"),
        ([caa('0 tbs "unknown"')], ""),
        ([caa(rcode="SERVFAIL")], "acme_dns"),
        ([caa(rcode=""), PARENT], "acme_dns"),
    ],
)
def test_the_nearest_caa_records_decide_whether_an_authority_may_issue(climbed, code):
    finding = caa_finding(seen(), climbed, LETS)
    assert (finding.subject, finding.code, finding.ok) == ("caa", code, not code)
    assert bool(finding.hint) is bool(code)


def test_a_forbidding_record_is_named_with_where_it_stands():
    finding = caa_finding(seen(), [caa(), PARENT], LETS)
    assert "CAA records of example.com" in finding.message
    assert "only other.example" in finding.message
    assert finding.authoritative == ('0 issue "other.example"',)


@pytest.mark.parametrize(
    ("probe", "code", "told"),
    [
        (PortProbe(address="192.0.2.1", ours=True, status=200), "", ""),
        (PortProbe(address="192.0.2.1", trouble="connection refused"), "port80_blocked", "firewall"),
        (PortProbe(address="192.0.2.1", status=404), "port80_elsewhere", "Lead it to the gateway"),
        (
            PortProbe(address="192.0.2.1", status=301, location="https://x.example"),
            "challenge_redirected",
            "without",
        ),
    ],
)
def test_port_80_has_to_lead_to_us_at_every_address(probe, code, told):
    finding = port80_finding(seen(), [PortProbe(address="2001:db8::1", ours=True, status=200), probe])
    assert (finding.code, told in finding.hint) == (code, True)


def test_broken_signatures_and_silent_servers_are_findings_of_their_own():
    assert dnssec_finding(seen()).ok
    broken = Zone("example.com", (UP,), Signing("bogus", "there are no keys"))
    assert (dnssec_finding(seen(broken)).code, zone_finding(seen(broken)).ok) == ("dnssec_bogus", True)
    half = zone_finding(seen(Zone("example.com", (UP, DOWN))))
    assert (half.verdict, half.code, half.name) == ("wrong", "no_answer", "example.com")
    assert zone_finding(seen(Zone("example.com", (DOWN,)))).verdict == "unanswered"


def test_the_records_of_a_name_follow_from_what_is_ours():
    claim = Claim("t0ken", "d1")
    here = Ours(gateway="sites.example.net", zone="dns.example.net").with_addresses(
        ["2001:db8::1", "192.0.2.1"]
    )
    ownership, routing, link, challenge = expected_records(HOST, claim, here, apex=False)
    assert (ownership.name, ownership.values) == (
        "_antiphon-challenge.docs.example.com",
        ("antiphon-verify=t0ken",),
    )
    assert (routing.type, routing.values) == ("CNAME", ("sites.example.net",))
    assert (link.type, link.values) == ("CNAME", ("_dnslink.d1.dns.example.net",))
    assert challenge.values == ("_acme-challenge.d1.dns.example.net",)
    apex = expected_records("example.com", claim, here, apex=True)[1]
    assert record_types(apex) == {"A": ("192.0.2.1",), "AAAA": ("2001:db8::1",)}
    manual = expected_records(HOST, claim, Ours(gateway="g.example"), apex=False, dnslink="/ipfs/bafy")
    assert manual[2:] == (
        Expected(
            purpose="dnslink", name="_dnslink.docs.example.com", type="TXT", values=("dnslink=/ipfs/bafy",)
        ),
    )
    assert len(expected_records(HOST, claim, Ours(gateway="g.example"), apex=False)) == 2
