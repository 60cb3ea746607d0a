"""Verdicts on records: each way of being wrong, as answers show it, and the code and hint that come out."""

from dataclasses import replace

import pytest

from app.dns.codes import CODES
from app.dns.diagnosis import diagnose
from app.dns.observed import Answer, NameServer, Observation, Signing, Zone
from app.dns.records import Claim, Expected, Ours, expected_records

HOST, APEX = "docs.example.com", "example.com"
GATEWAY, ADDRESSES = "sites.example.net", ("192.0.2.1", "2001:db8::1")
OURS = Ours(gateway=GATEWAY, addresses=ADDRESSES, zone="dns.example.net")
OK = (
    NameServer("ns1.example.com", "198.51.100.1", "ok"),
    NameServer("ns2.example.com", "198.51.100.2", "ok"),
)
ZONE = Zone(APEX, OK)


def expected(purpose: str, host: str = HOST, *, zone: str = OURS.zone) -> Expected:
    records = expected_records(
        host, Claim("t0ken", "d1"), replace(OURS, zone=zone), apex=host == APEX, dnslink="/ipfs/bafy"
    )
    return next(record for record in records if record.purpose == purpose)


OWNERSHIP, ROUTING, AT_APEX = expected("ownership"), expected("routing"), expected("routing", APEX)
LINK, TYPED_LINK, CHALLENGE = expected("dnslink"), expected("dnslink", zone=""), expected("challenge")


def direct(name: str, kind: str, *values: str, server: int = 1, **more) -> Answer:
    return Answer(
        name=name, type=kind, source="authoritative", server=f"ns{server}", values=values,
        **{"rcode": "NOERROR", "ttl": 300 if values else None} | more,
    )  # fmt: skip


def heard(answer: Answer, **more) -> Answer:
    """The same from the resolver, unless told otherwise."""
    return replace(answer, source="resolver", server="", **more)


def judged(record: Expected, *answers: Answer, zone: Zone = ZONE):
    """The finding; where the resolver says nothing by itself, it says what the first server says."""
    if not any(answer.source == "resolver" for answer in answers):
        answers += tuple(heard(answer) for answer in answers if answer.server == "ns1")
    return diagnose(record, Observation(HOST, zone, answers))


def right(record: Expected) -> Answer:
    if record.purpose == "routing" and record.type == "CNAME":
        return direct(record.name, "A", chain=(GATEWAY,), ttl=300)
    return direct(record.name, record.type, *record.values[:1])


GOOD = {
    "ownership": (OWNERSHIP, [right(OWNERSHIP)]),
    "ownership among other texts": (OWNERSHIP, [direct(OWNERSHIP.name, "TXT", "v=spf1", *OWNERSHIP.values)]),
    "routing by a CNAME": (ROUTING, [right(ROUTING)]),
    "routing by a CNAME in between": (
        ROUTING,
        [
            direct(HOST, "A", chain=("a.example.org",)),
            heard(direct(HOST, "A", "192.0.2.1", chain=("a.example.org", GATEWAY))),
        ],
    ),
    "routing by our addresses": (
        ROUTING,
        [direct(HOST, "A", "192.0.2.1"), direct(HOST, "AAAA", "2001:db8::1")],
    ),
    "an apex with one address": (AT_APEX, [direct(APEX, "A", "192.0.2.1"), direct(APEX, "AAAA")]),
    "a delegated DNSLink": (LINK, [right(LINK)]),
    "a DNSLink beside another text": (
        TYPED_LINK,
        [direct(TYPED_LINK.name, "TXT", "hello", "dnslink=/ipfs/bafy")],
    ),
    "a challenge": (CHALLENGE, [right(CHALLENGE)]),
    "ownership that is delegated by its owner": (
        OWNERSHIP,
        [
            direct(OWNERSHIP.name, "TXT", chain=("x.example.org",)),
            heard(direct(OWNERSHIP.name, "TXT", *OWNERSHIP.values, chain=("x.example.org",))),
        ],
    ),
    "servers that do not answer us, but a resolver": (OWNERSHIP, [heard(right(OWNERSHIP))]),
}


@pytest.mark.parametrize("case", GOOD)
def test_what_is_right_is_right(case):
    record, answers = GOOD[case]
    finding = judged(record, *answers)
    assert (finding.verdict, finding.code) == ("ok", ""), finding
    assert finding.ok


def none(record: Expected, rcode: str = "NXDOMAIN") -> list[Answer]:
    kinds = ("A", "AAAA") if record.purpose == "routing" else (record.type,)
    return [direct(record.name, kind, rcode=rcode, negative_ttl=900) for kind in kinds]


TWICE = f"{LINK.name}.{APEX}"
BAD = {
    "nothing at all": (OWNERSHIP, none(OWNERSHIP), "missing", "nxdomain", "name “_antiphon-challenge.docs”"),
    "the name without the type": (OWNERSHIP, none(OWNERSHIP, "NOERROR"), "missing", "no_record", "type TXT"),
    "no address": (AT_APEX, none(AT_APEX, "NOERROR"), "missing", "no_record", "type AAAA, name “@”"),
    "entered at the host itself": (
        OWNERSHIP,
        [*none(OWNERSHIP), direct(HOST, "TXT", *OWNERSHIP.values)],
        "missing",
        "nxdomain",
        "Enter type",
    ),
    "another token": (
        OWNERSHIP,
        [direct(OWNERSHIP.name, "TXT", "antiphon-verify=old")],
        "wrong",
        "wrong_value",
        "Replace",
    ),
    "another address": (ROUTING, [direct(HOST, "A", "203.0.113.9")], "wrong", "wrong_value", "Delete the A"),
    "a CNAME elsewhere": (
        ROUTING,
        [direct(HOST, "A", chain=("old.example.org",))],
        "wrong",
        "wrong_value",
        "not “old.example.org”",
    ),
    "an old DNSLink": (
        TYPED_LINK,
        [direct(TYPED_LINK.name, "TXT", "dnslink=/ipfs/old")],
        "wrong",
        "wrong_value",
        "/ipfs/bafy",
    ),
    "two DNSLinks": (
        TYPED_LINK,
        [direct(TYPED_LINK.name, "TXT", "dnslink=/ipfs/bafy", "dnslink=/ipfs/old")],
        "extra",
        "multiple_dnslink",
        "with “dnslink=/ipfs/old”. Keep “dnslink=/ipfs/bafy”",
    ),
    "an IPv6 address of somebody else": (
        ROUTING,
        [direct(HOST, "A", "192.0.2.1"), direct(HOST, "AAAA", "2001:db8::bad")],
        "extra",
        "extra_value",
        "Delete the AAAA record of docs.example.com with “2001:db8::bad”",
    ),
    "two CNAMEs": (
        LINK,
        [direct(LINK.name, "CNAME", *LINK.values, "x.example.org")],
        "extra",
        "extra_value",
        "x.example.org",
    ),
    "the text as a CNAME": (
        OWNERSHIP,
        [*none(OWNERSHIP, "NOERROR"), direct(OWNERSHIP.name, "CNAME", *OWNERSHIP.values)],
        "wrong",
        "wrong_type",
        "Delete the CNAME",
    ),
    "the CNAME as a text": (
        LINK,
        [*none(LINK, "NOERROR"), direct(LINK.name, "TXT", LINK.values[0] + ".")],
        "wrong",
        "wrong_type",
        "Enter type CNAME",
    ),
    "a text in the way of a CNAME": (
        CHALLENGE,
        [*none(CHALLENGE, "NOERROR"), direct(CHALLENGE.name, "TXT", "an old challenge")],
        "wrong",
        "cname_conflict",
        "Delete the TXT",
    ),
    "a CNAME in the way of a text": (
        OWNERSHIP,
        [direct(OWNERSHIP.name, "TXT", chain=("parked.example.org",))],
        "wrong",
        "cname_conflict",
        "TXT",
    ),
    "a CNAME at the apex": (
        AT_APEX,
        [direct(APEX, "A", chain=(GATEWAY,))],
        "wrong",
        "cname_at_apex",
        "value 192.0.2.1, 2001:db8::1",
    ),
    "the zone appended to the name": (
        LINK,
        [*none(LINK), direct(TWICE, "CNAME", *LINK.values)],
        "missing",
        "double_suffix",
        "to “_dnslink.docs”",
    ),
    "the zone appended to the value": (
        LINK,
        [direct(LINK.name, "CNAME", f"{LINK.values[0]}.{APEX}")],
        "wrong",
        "double_suffix",
        "a dot at its end",
    ),
    "the orange cloud": (ROUTING, [direct(HOST, "A", "104.16.1.1")], "proxied", "proxied_by_cdn", "DNS only"),
    "a network's name": (
        ROUTING,
        [direct(HOST, "A", chain=("d1.cloudfront.net",))],
        "proxied",
        "proxied_by_cdn",
        "proxy off",
    ),
    "one server of two": (
        LINK,
        [right(LINK), *(replace(answer, server="ns2") for answer in none(LINK))],
        "missing",
        "not_propagated",
        "Nothing to enter",
    ),
    "a resolver that remembers nothing": (
        LINK,
        [right(LINK), heard(none(LINK)[0])],
        "stale_cache",
        "stale_cache",
        "Nothing to do",
    ),
    "a resolver that remembers another": (
        LINK,
        [right(LINK), heard(right(LINK), values=("old.example.net",))],
        "stale_cache",
        "stale_cache",
        "",
    ),
    "a resolver that refuses what it has without checking": (
        LINK,
        [
            right(LINK),
            heard(right(LINK), values=(), rcode="SERVFAIL"),
            replace(right(LINK), source="unchecked"),
        ],
        "dnssec_bogus",
        "dnssec_bogus",
        "delete the DS",
    ),
    "a resolver that fails": (
        LINK,
        [right(LINK), heard(right(LINK), values=(), rcode="SERVFAIL")],
        "unanswered",
        "servfail",
        "DNS_RESOLVER",
    ),
    "a resolver that refuses us": (
        LINK,
        [right(LINK), heard(right(LINK), values=(), rcode="REFUSED")],
        "unanswered",
        "server_refused",
        "DNS_",
    ),
    "a resolver that is mute": (
        LINK,
        [right(LINK), heard(right(LINK), values=(), rcode="", trouble="timeout")],
        "unanswered",
        "no_answer",
        "",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_each_way_of_being_wrong_has_its_code_and_says_what_to_do(case):
    record, answers, verdict, code, hint = BAD[case]
    finding = judged(record, *answers)
    assert (finding.verdict, finding.code) == (verdict, code), finding
    assert hint in finding.hint, finding.hint
    assert finding.message
    assert code in CODES
    assert 5 <= finding.wait <= 3600


@pytest.mark.parametrize(
    ("state", "code"),
    [
        ("lame", "lame_delegation"),
        ("no_address", "lame_delegation"),
        ("refused", "server_refused"),
        ("servfail", "servfail"),
        ("mute", "no_answer"),
        ("unreachable", "no_answer"),
    ],
)
def test_a_zone_that_nobody_answers_for_is_told_by_its_servers(state, code):
    zone = Zone(APEX, (NameServer("ns9.example.org", "198.51.100.9", state),))
    finding = judged(OWNERSHIP, heard(right(OWNERSHIP), values=(), rcode="SERVFAIL"), zone=zone)
    assert (finding.verdict, finding.code) == ("unanswered", code)
    assert "ns9.example.org" in finding.message


def test_a_domain_that_nobody_registered_is_told_before_any_record():
    finding = judged(OWNERSHIP, *none(OWNERSHIP), zone=Zone("com", registered=False))
    assert (finding.verdict, finding.code) == ("missing", "nxdomain")
    assert "registrar" in finding.hint


def test_a_resolver_that_fails_is_explained_by_the_zones_signatures_or_its_servers():
    answers = right(LINK), heard(right(LINK), values=(), rcode="SERVFAIL")
    bogus = replace(ZONE, signing=Signing("bogus", "the signatures have expired"))
    finding = judged(LINK, *answers, zone=bogus)
    assert (finding.code, "signatures have expired" in finding.message) == ("dnssec_bogus", True)
    lame = replace(ZONE, servers=(OK[0], NameServer("ns9.example.org", "198.51.100.9", "lame")))
    assert judged(LINK, *answers, zone=lame).code == "lame_delegation"


def test_a_finding_waits_as_long_as_resolvers_remember():
    assert judged(OWNERSHIP, *none(OWNERSHIP)).wait == 900
    assert judged(LINK, right(LINK), heard(none(LINK)[0], negative_ttl=40)).wait == 40
    assert judged(LINK, right(LINK), heard(none(LINK)[0], negative_ttl=90_000)).wait == 3600


def test_a_finding_is_plain_data_and_the_digest_of_what_was_seen_leaves_ttls_out():
    finding = judged(LINK, *none(LINK))
    assert finding.as_data()["expected"] == list(LINK.values)
    seen = Observation(HOST, ZONE, (right(LINK), right(ROUTING)))
    later = Observation(HOST, ZONE, (right(ROUTING), replace(right(LINK), ttl=17)))
    assert seen.digest() == later.digest() != Observation(HOST, ZONE, (right(LINK),)).digest()
