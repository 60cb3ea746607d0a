"""The verdict on a record: what is wrong with it, by what was seen at its source and at a resolver.

`diagnose` goes through the ways in which records are wrong, the most telling first; each is a small function.
"""

from collections.abc import Callable
from typing import Any

from app.dns import advice
from app.dns.cases import Case, addresses, found, links, names
from app.dns.codes import Verdict
from app.dns.findings import Finding, bounded
from app.dns.observed import Observation
from app.dns.proxies import proxy_of
from app.dns.reach import at_resolver, unanswered
from app.dns.records import Expected, asked_types, beside

_WHERE_APPENDED = ("TXT", "CNAME", "A", "AAAA")


def diagnose(expected: Expected, seen: Observation) -> Finding:
    """The one thing to say about a record that should be there."""
    case = Case(expected, seen)
    if silence := unanswered(case):
        return _finding(case, **silence)
    if case.direct and all(case.right(answers) for answers in case.direct.values()):
        return _finding(case, **at_resolver(case))
    if not case.direct and case.right(case.base):
        return _finding(case)
    for look in _WAYS:
        if told := look(case):
            return _finding(case, **told)
    return _finding(case, **_missing(case))


def _finding(case: Case, **told: Any) -> Finding:
    expected = case.expected
    direct = [answer for answers in case.direct.values() for answer in answers]
    return Finding(
        subject=expected.purpose,
        name=expected.name,
        type=expected.type,
        expected=expected.values,
        authoritative=found(direct),
        resolver=found(case.asked("resolver")),
        **({"wait": _remembered(case)} | told),
    )


def _remembered(case: Case) -> int:
    """How long resolvers go on saying what they say now: until then nothing changes for visitors."""
    kept = [answer.remembered for answer in case.asked("resolver") if answer.usable]
    return bounded(max((seconds for seconds in kept if seconds is not None), default=None))


def _told(verdict: Verdict, code: str, message: str, hint: str) -> dict[str, Any]:
    return {"verdict": verdict, "code": code, "message": message, "hint": hint}


def _partly(case: Case) -> dict[str, Any] | None:
    """Some servers of the zone are right: a change is on its way to the others."""
    wrong = [server for server, answers in case.direct.items() if not case.right(answers)]
    if not 0 < len(wrong) < len(case.direct):
        return None
    message = f"{len(wrong)} of the {len(case.direct)} name servers of {case.zone} do not have it yet: "
    hint = (
        "Nothing to enter. If it lasts longer than an hour, tell your DNS provider which servers lag behind."
    )
    return _told("missing", "not_propagated", f"{message}{', '.join(wrong)}.", hint)


def _cname_at_apex(case: Case) -> dict[str, Any] | None:
    at_zone = case.seen.said(case.zone, "CNAME", "authoritative")
    cname = next((answer.values for answer in at_zone if answer.values), names(case.base))
    if case.expected.purpose != "routing" or not case.at_apex or not cname:
        return None
    message = (
        f"{case.zone} has a CNAME to {cname[0]}, which hides its other records: mail and name servers too."
    )
    return _told("wrong", "cname_at_apex", message, advice.apex(case.expected, case.zone))


def _multiple_dnslink(case: Case) -> dict[str, Any] | None:
    said = sorted(links({value for answer in case.base for value in answer.values}))
    if case.expected.purpose != "dnslink" or len(said) < 2:
        return None
    message = f"{case.expected.name} has {len(said)} DNSLink values, so that gateways take none of them."
    others = tuple(value for value in said if value not in case.expected.values)
    keep = f" Keep “{case.expected.values[0]}”." if case.expected.type == "TXT" else ""
    return _told(
        "extra", "multiple_dnslink", message, advice.removal("TXT", case.expected.name, others) + keep
    )


def _double_suffix(case: Case) -> dict[str, Any] | None:
    """The form appended the zone: to the name, or to a value that had no closing dot."""
    expected, zone = case.expected, case.zone
    twice, wanted = f"{expected.name}.{zone}", {*expected.values, *expected.addresses}
    if zone and any(wanted & set(case.elsewhere(twice, kind)) for kind in _WHERE_APPENDED):
        message = f"The record was entered as {twice}: the form has appended {zone} once more."
        return _told("missing", "double_suffix", message, advice.appended(expected, zone))
    if zone and f"{expected.values[0] if expected.values else ''}.{zone}" in found(case.base):
        message = f"It leads to {expected.values[0]}.{zone}: the form has appended {zone} to the value."
        hint = f"Write the value with a dot at its end: “{expected.values[0]}.”."
        return _told("wrong", "double_suffix", message, hint)
    return None


def _wildcard(case: Case) -> dict[str, Any] | None:
    """A wildcard answers where nothing was entered; whoever looks for such a record finds none to change."""
    name = case.expected.name
    said = found(case.base)
    made_up = {v for kind in asked_types(case.expected) for v in case.elsewhere(beside(name), kind)}
    if not said or not set(said) <= made_up or case.at_apex:
        return None
    above = name.partition(".")[2]
    message = f"Nothing is entered for {name}; the wildcard *.{above} answers “{said[0]}” for it."
    hint = f"The wildcard may stay. {advice.at_provider(case.zone)}: {advice.entry(case.expected, case.zone)}"
    return _told("missing", "no_record", message, hint)


def _proxied(case: Case) -> dict[str, Any] | None:
    whose = proxy_of(addresses(case.base), names(case.base)) if case.expected.purpose == "routing" else ""
    if not whose:
        return None
    message = f"{case.expected.name} leads to {whose}'s proxy, which answers in our place."
    hint = (
        f"{advice.at_provider(case.zone)}, turn the proxy off for this record (Cloudflare's orange cloud, "
        f"to “DNS only”). {advice.entry(case.expected, case.zone)}"
    )
    return _told("proxied", "proxied_by_cdn", message, hint)


def _extra_address(case: Case) -> dict[str, Any] | None:
    there, ours = addresses(case.base), set(case.expected.addresses)
    others = tuple(sorted(there - ours))
    if case.expected.purpose != "routing" or names(case.base) or not there & ours or not others:
        return None
    message = f"Beside our address it has {', '.join(others[:5])}, so that some visitors do not come to us."
    kind = "AAAA" if all(":" in other for other in others) else "A"
    return _told("extra", "extra_value", message, advice.removal(kind, case.expected.name, others))


def _extra_name(case: Case) -> dict[str, Any] | None:
    said = {value for answer in case.base for value in answer.values}
    others = tuple(sorted(said - set(case.expected.values)))
    if case.expected.type != "CNAME" or not said & set(case.expected.values) or not others:
        return None
    message = f"It has {len(said)} CNAMEs, of which there may be one only: also {', '.join(others[:5])}."
    return _told("extra", "extra_value", message, advice.removal("CNAME", case.expected.name, others))


def _wrong_type(case: Case) -> dict[str, Any] | None:
    expected = case.expected
    for kind in ("TXT", "CNAME", "A", "MX", "NS"):
        there = case.elsewhere(expected.name, kind) if kind != expected.type else ()
        texts = {value.lower().rstrip(".") for value in there}
        if texts & {value.lower() for value in expected.values}:
            message = f"The value is right, but in a record of type {kind} instead of {expected.type}."
            hint = f"{advice.removal(kind, expected.name, there)} {advice.entry(expected, case.zone)}"
            return _told("wrong", "wrong_type", message, hint)
    return None


def _wrong_value(case: Case) -> dict[str, Any] | None:
    expected, there = case.expected, found(case.base)
    if case.expected.purpose == "dnslink" and case.expected.type == "TXT":
        there = tuple(links(there)) or names(case.base)
    if not there:
        return None
    kind = "CNAME" if names(case.base) else expected.type
    if kind == "CNAME" and expected.type == "TXT":
        message = f"A CNAME to {there[0]} stands at {expected.name}, where the text has to be."
        hint = f"{advice.removal('CNAME', expected.name, there)} {advice.entry(expected, case.zone)}"
        return _told("wrong", "cname_conflict", message, hint)
    message = f"It says {', '.join(there[:5])}."
    blocking = addresses(case.base) and not names(case.base) and expected.type == "CNAME"
    first = advice.removal("A or AAAA", expected.name, there) if blocking else f"Change it: not “{there[0]}”."
    if expected.purpose == "ownership":
        first = "Other texts may stay." if not there[0].startswith("antiphon") else f"Replace “{there[0]}”."
    return _told("wrong", "wrong_value", message, f"{first} {advice.entry(expected, case.zone)}")


def _cname_conflict(case: Case) -> dict[str, Any] | None:
    """Other records stand where a CNAME has to be alone, so that forms refuse it."""
    expected = case.expected
    there = [kind for kind in ("TXT", "MX", "A", "AAAA") if case.elsewhere(expected.name, kind)]
    if expected.type != "CNAME" or not there:
        return None
    message = f"{expected.name} has records of type {', '.join(there)}, beside which no CNAME may be."
    removals = " ".join(
        advice.removal(kind, expected.name, case.elsewhere(expected.name, kind)) for kind in there
    )
    return _told("wrong", "cname_conflict", message, f"{removals} {advice.entry(expected, case.zone)}")


def _missing(case: Case) -> dict[str, Any]:
    expected = case.expected
    gone = any(answer.rcode == "NXDOMAIN" for answer in case.base)
    message = f"There is no {expected.type} record at {expected.name}."
    misplaced = set(case.elsewhere(case.seen.host, expected.type)) & set(expected.values)
    if misplaced and case.seen.host != expected.name:
        message += f" It was entered at {case.seen.host} instead."
    hint = f"{advice.at_provider(case.zone)}: {advice.entry(expected, case.zone)}"
    return _told("missing", "nxdomain" if gone else "no_record", message, hint)


_WAYS: tuple[Callable[[Case], dict[str, Any] | None], ...] = (
    _partly,
    _cname_at_apex,
    _multiple_dnslink,
    _double_suffix,
    _wildcard,
    _proxied,
    _extra_address,
    _extra_name,
    _wrong_type,
    _wrong_value,
    _cname_conflict,
)
