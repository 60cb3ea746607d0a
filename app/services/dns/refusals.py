"""What a server's refusal of an update means, and what the operator does about it. No secret is told."""

import dns.rcode

from app.errors import PermanentError, PlatformError, RetryableError
from app.services.dns.asking import Server

#: By what the server says: our code, what it means, what to do.
_PERMANENT = {
    "REFUSED": (
        "update_refused",
        "does not let this key change {zone}",
        "Allow it there: in knot an acl with action update, in BIND update-policy or allow-update.",
    ),
    "NOTAUTH": (
        "update_notauth",
        "is not the primary server of {zone}, or lets this key do nothing there",
        "Set DNS_SERVER to the primary and DNS_ZONE to its zone, and allow the key to update it there.",
    ),
    "NOTZONE": (
        "update_notauth",
        "does not find the name in {zone}",
        "Set DNS_ZONE to the zone in which the names lie.",
    ),
    "BADKEY": (
        "update_badkey",
        "does not know the key, or not for {zone}",
        "Give the server the key of DNS_UPDATE_KEY, same name and algorithm, and let it update the zone.",
    ),
    "BADSIG": (
        "update_badsig",
        "and we have different secrets for the key",
        "Copy the secret anew into DNS_UPDATE_KEY; it must be the same on both sides.",
    ),
    "BADTIME": (
        "update_badtime",
        "and this machine disagree about the time by more than five minutes",
        "Set the clocks, by NTP: an update's signature holds for five minutes around its time.",
    ),
    "NOTIMP": (
        "update_unsupported",
        "takes no updates",
        "Set DNS_SERVER to one that does (RFC 2136), or DNS_BACKEND to manual.",
    ),
    "FORMERR": (
        "update_unsupported",
        "does not understand the update",
        "Set DNS_SERVER to one that takes updates (RFC 2136), or DNS_BACKEND to manual.",
    ),
}


def refusal(said: str | dns.rcode.Rcode, zone: str, server: Server) -> PlatformError:
    """The error for what a server said: an rcode, or TSIG's `BADKEY`, `BADSIG`, `BADTIME`."""
    word = (
        said if isinstance(said, str) and not isinstance(said, dns.rcode.Rcode) else dns.rcode.to_text(said)
    )
    evidence = {"server": server.shown, "zone": zone, "rcode": word}
    if word not in _PERMANENT:
        message = f"The name server {server.shown} could not change or read {zone}: {word}."
        return RetryableError(
            "update_failed", message, "It is tried again. Its log says more.", evidence=evidence
        )
    code, what, hint = _PERMANENT[word]
    message = f"The name server {server.shown} {what.format(zone=zone)}."
    return PermanentError(code, message, hint, evidence=evidence)


def unreachable(zone: str, server: Server, why: str) -> RetryableError:
    """The error for a server that does not answer, or not in time."""
    return RetryableError(
        "dns_unreachable",
        f"The name server {server.shown} of {zone} does not answer: {why}.",
        "It is tried again. If it lasts, look at DNS_SERVER, and whether TCP port 53 is open on the way.",
        evidence={"server": server.shown, "zone": zone},
    )
