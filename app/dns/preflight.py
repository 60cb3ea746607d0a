"""What a certificate authority would stumble over, looked at before any is asked: zone, DNSSEC, CAA, port 80.

Certificate authorities count failed tries, and say less about them than can be said here.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from app.dns.findings import Finding
from app.dns.observed import Answer, Observation
from app.dns.reach import dnssec_told, servers_told

_CAA = re.compile(r'(\d+) (\w+) "((?:[^"\\]|\\.)*)"')
_KNOWN = frozenset({"issue", "issuewild", "issuemail", "issuevmc", "iodef", "contactemail", "contactphone"})
_CRITICAL = 128


@dataclass(frozen=True, slots=True, kw_only=True)
class Authority:
    """A certificate authority by the name that CAA records know it by, and how it will be shown the name.

    An empty name is that of one that does not say: then only records that let nobody issue stand in the way.
    """

    name: str = "letsencrypt.org"
    method: str = "http-01"


@dataclass(frozen=True, slots=True, kw_only=True)
class PortProbe:
    """What came of asking one address of a host name on port 80 for a text that only we know."""

    address: str
    ours: bool = False
    status: int | None = None
    location: str = ""
    trouble: str = ""


def zone_finding(seen: Observation) -> Finding:
    """Whether every name server of the zone answers for it. A certificate may meet the others."""
    troubled = [server for server in seen.zone.servers if server.state != "ok"]
    healthy = len(seen.zone.servers) - len(troubled)
    if not troubled:
        return _finding("zone", seen, "NS")
    return _finding(
        "zone", seen, "NS", **servers_told(seen.zone.name, troubled, "wrong" if healthy else "unanswered")
    )


def dnssec_finding(seen: Observation) -> Finding:
    """Whether the zone is unsigned, or signed so that a resolver which looks accepts it."""
    signing = seen.zone.signing
    if signing.state != "bogus":
        return _finding("dnssec", seen, "DS")
    return _finding("dnssec", seen, "DS", **dnssec_told(seen.zone.name, signing.reason))


def caa_finding(seen: Observation, climbed: Sequence[Answer], authority: Authority) -> Finding:
    """Whether the authority may issue: answers for the name and those above, nearest first (RFC 8659 §3)."""
    for answer in climbed:
        if not answer.usable:
            return _finding("caa", seen, "CAA", **_unread(answer))
        if answer.values:
            properties = [match.groups() for match in map(_CAA.fullmatch, answer.values) if match]
            if why := _forbidden(properties, authority):
                return _finding("caa", seen, "CAA", **_forbids(answer, why, authority))
            break  # the nearest set counts, and no other
    return _finding("caa", seen, "CAA")


def port80_finding(seen: Observation, probes: Sequence[PortProbe]) -> Finding:
    """Whether every address of the name answers on port 80 and is us, as HTTP-01 needs it (RFC 8555 §8.3)."""
    for probe in probes:
        if not probe.ours:
            told = _elsewhere(seen.host, probe) if probe.status else _blocked(seen.host, probe)
            return _finding("port80", seen, "", **told)
    return _finding("port80", seen, "")


def _finding(subject: str, seen: Observation, kind: str, **told: Any) -> Finding:
    return Finding(
        subject=subject, name=seen.zone.name if kind in ("NS", "DS") else seen.host, type=kind, **told
    )


def _forbidden(properties: list[tuple[str, ...]], authority: Authority) -> str:
    """Why a set of CAA properties does not let the authority issue; empty when it does."""
    for flags, tag, _ in properties:
        if int(flags) & _CRITICAL and tag.lower() not in _KNOWN:
            return f"it has the critical property “{tag}”, which no authority may overlook"
    issuers = [value for _, tag, value in properties if tag.lower() == "issue"]
    if not issuers or any(_permits(value, authority) for value in issuers):
        return ""
    shown = [value.partition(";")[0].strip() for value in issuers]
    return f"it lets only {' and '.join(filter(None, shown))} issue" if any(shown) else "it lets nobody issue"


def _permits(value: str, authority: Authority) -> bool:
    """Whether an `issue` names the authority, and its `validationmethods` (RFC 8657) the method."""
    name, *parameters = (part.strip() for part in value.split(";"))
    said = [(key.strip(), text.strip()) for key, _, text in (part.partition("=") for part in parameters)]
    methods = [text.split(",") for key, text in said if key == "validationmethods"]
    meant = name.lower() == authority.name if authority.name else bool(name)
    return meant and all(authority.method in allowed for allowed in methods)


def _forbids(answer: Answer, why: str, authority: Authority) -> dict[str, Any]:
    who = authority.name or "the authority"
    message = f"The CAA records of {answer.name} do not let {who} issue by {authority.method}: {why}."
    hint = f"Add a CAA record at {answer.name}: flags 0, tag issue, value “{authority.name or 'its name'}”."
    return {"verdict": "forbidden", "code": "caa_forbids", "message": message, "hint": hint} | {
        "authoritative": answer.values
    }


def _unread(answer: Answer) -> dict[str, Any]:
    message = f"The CAA records of {answer.name} cannot be read: {answer.rcode or answer.trouble}."
    hint = "Name servers must answer questions for CAA, if only by “there is none”. Tell your DNS provider."
    return {"verdict": "unanswered", "code": "acme_dns", "message": message, "hint": hint}


def _blocked(host: str, probe: PortProbe) -> dict[str, Any]:
    message = f"{host} ({probe.address}) does not answer on port 80: {probe.trouble}."
    hint = "Open port 80 in the firewall and lead it to the gateway; a certificate's challenge comes by it."
    return {"verdict": "missing", "code": "port80_blocked", "message": message, "hint": hint}


def _elsewhere(host: str, probe: PortProbe) -> dict[str, Any]:
    where = f"{host} ({probe.address})"
    if probe.location:
        message = f"Port 80 of {where} redirects to {probe.location}, where our answer is not."
        hint = (
            "Let /.well-known/acme-challenge/ pass without a redirect, in the proxy in front of the gateway."
        )
        return {"verdict": "wrong", "code": "challenge_redirected", "message": message, "hint": hint}
    message = f"Port 80 of {where} is answered by somebody else (status {probe.status})."
    hint = "Lead it to the gateway: another server, a proxy or a parking page stands at this address."
    return {"verdict": "wrong", "code": "port80_elsewhere", "message": message, "hint": hint}
