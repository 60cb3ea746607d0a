"""Whether the source of a record, and a resolver, can be asked at all, and what it means if they disagree."""

from typing import Any

from app.dns import advice
from app.dns.cases import Case
from app.dns.findings import bounded
from app.dns.observed import Answer, NameServer

_STATES = {  # the code and the words for a zone all of whose servers are in this state
    "lame": ("lame_delegation", "do not know the zone"),
    "no_address": ("lame_delegation", "have no address"),
    "refused": ("server_refused", "refuse to answer for it"),
    "servfail": ("servfail", "fail to answer for it"),
    "mute": ("no_answer", "do not answer"),
    "unreachable": ("no_answer", "cannot be reached"),
}
_REGISTRAR = "At your registrar, name the name servers that your DNS provider shows for the zone"


def unanswered(case: Case) -> dict[str, Any] | None:
    """What to say when nobody who knows could be asked; None when somebody could."""
    zone = case.seen.zone
    if not zone.registered:
        return _unregistered(case)
    heard = case.asked("resolver")
    if case.direct or any(answer.proven for answer in heard):
        return None
    troubled = [server for server in zone.servers if server.state != "ok"]
    if troubled:
        return servers_told(zone.name, troubled, "unanswered")
    return _resolver_told(next(iter(heard), None))


def servers_told(zone: str, servers: list[NameServer], verdict: str) -> dict[str, Any]:
    """What to say of servers that do not answer for their zone; the worst state first."""
    worst = min(servers, key=lambda server: list(_STATES).index(server.state))
    code, words = _STATES[worst.state]
    shown = ", ".join(f"{s.host} ({s.address or 'no address'})" for s in servers if s.state == worst.state)
    hint = {
        "lame_delegation": f"{_REGISTRAR} {zone}, and no others: {worst.host} is none of them.",
        "server_refused": f"Ask your DNS provider whether {zone} is active there. {_REGISTRAR}.",
        "servfail": f"Ask your DNS provider why {zone} is not loaded: often one record is malformed.",
        "no_answer": f"It is looked at again. If it lasts, ask your DNS provider; or: {_REGISTRAR}.",
    }[code]
    message = f"Name servers of {zone} {words}: {shown}."
    return {"verdict": verdict, "code": code, "message": message, "hint": hint, "wait": 300}


def at_resolver(case: Case) -> dict[str, Any]:
    """The record is right at its source: what a resolver, and so visitors, make of it."""
    answers = case.asked("resolver")
    if case.right(answers):
        return {}
    if any(answer.usable for answer in answers):
        return _stale(answers)
    said = answers[0] if answers else None
    if said is None or said.rcode != "SERVFAIL":
        return _resolver_told(said)
    if case.seen.zone.signing.state == "bogus" or case.right(case.asked("unchecked")):
        return dnssec_told(case.zone, case.seen.zone.signing.reason)
    troubled = [server for server in case.seen.zone.servers if server.state != "ok"]
    return servers_told(case.zone, troubled, "unanswered") if troubled else _resolver_told(said)


def dnssec_told(zone: str, reason: str) -> dict[str, Any]:
    """What to say of a zone whose signatures do not hold."""
    why = f": {reason}" if reason else ""
    message = f"Resolvers refuse every answer of {zone}, because its DNSSEC is broken{why}."
    hint = (
        f"At your registrar, delete the DS record of {zone}; or replace it by the one that your DNS provider "
        "shows under DNSSEC. Nothing else helps: visitors see nothing, and no certificate is issued."
    )
    return {"verdict": "dnssec_bogus", "code": "dnssec_bogus", "message": message, "hint": hint, "wait": 300}


def _stale(answers: list[Answer]) -> dict[str, Any]:
    kept = [answer.remembered for answer in answers if answer.usable and answer.remembered is not None]
    wait = max(kept, default=None)
    message = f"It is entered, but resolvers remember for up to {advice.seconds(wait)} what was there before."
    hint = "Nothing to do: it is looked at again by itself."
    told = {"verdict": "stale_cache", "code": "stale_cache", "message": message, "hint": hint}
    return told | {"wait": bounded(wait)}


def _unregistered(case: Case) -> dict[str, Any]:
    message = f"{case.seen.host} does not exist, nor does any domain above it."
    hint = (
        "Look for a misspelt name. Otherwise the domain is not registered, or has expired, or its registrar "
        "has not named any name servers for it: that is done at the registrar, before any record."
    )
    return {"verdict": "missing", "code": "nxdomain", "message": message, "hint": hint, "wait": 300}


def _resolver_told(said: Answer | None) -> dict[str, Any]:
    """Our own resolver is of no use: nothing that the owner of the name could mend."""
    what = "was not asked" if said is None else said.rcode or said.trouble
    code = {"SERVFAIL": "servfail", "REFUSED": "server_refused"}.get(said.rcode if said else "", "no_answer")
    message = f"The resolver of this platform does not help: {what}."
    hint = "It is tried again. If it lasts, the operator looks at DNS_RESOLVER and at the network."
    return {"verdict": "unanswered", "code": code, "message": message, "hint": hint, "wait": 60}
