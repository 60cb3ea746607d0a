"""Whether a zone's signatures hold: from the DS at its parent over its keys to a signature made with them.

The parent is believed without proof: this tells an owner what is broken, it protects nobody. So no trust
anchor and no walk from the root is needed, and the answer names the link that does not fit.
"""

import time
from collections.abc import Sequence
from datetime import UTC, datetime

import dns.dnssec
import dns.message
import dns.name
import dns.rdataclass
import dns.rdatatype
import dns.rrset
from dns.exception import UnsupportedAlgorithm, ValidationFailure

from app.dns.observed import Signing
from app.services.dns.asking import TROUBLES, Question, Server, exchange
from app.services.dns.resolver import Resolver


class _Broken(Exception):
    """A link that does not fit, in words for people."""


def signing_of(zone: str, servers: Sequence[Server], resolver: Resolver, seconds: float) -> Signing:
    """How the zone's signatures hold, by what its first servers that answer send."""
    said = resolver.message(zone, "DS")
    if said is None:
        return Signing("unknown", "no resolver answered")
    promised = _rrset(said, zone, "DS")
    if promised is None:
        return Signing("unsigned")
    for server in servers[:2]:
        try:
            keys = exchange(server, Question(zone, "DNSKEY", signatures=True), seconds)
            start = exchange(server, Question(zone, "SOA", signatures=True), seconds)
        except TROUBLES:
            continue
        return judged(zone, promised, keys, start)
    return Signing("unknown", "no server of the zone answered")


def judged(
    zone: str, promised: dns.rrset.RRset, keys: dns.message.Message, start: dns.message.Message
) -> Signing:
    """How a DS set, the zone's keys and its SOA fit together (RFC 4035 §5)."""
    there = _rrset(keys, zone, "DNSKEY")
    if there is None:
        return Signing("bogus", "there is a DS record at the registrar, but the zone has no keys")
    try:
        trusted = [key for key in there if _is_promised(there.name, key, promised)]
        if not trusted:
            return Signing("bogus", "the DS record at the registrar belongs to none of the zone's keys")
        entry = dns.rrset.from_rdata(there.name, there.ttl, *trusted)
        _check(keys, zone, "DNSKEY", entry)
        _check(start, zone, "SOA", there)
    except UnsupportedAlgorithm:
        return Signing("unsigned", "by an algorithm that is not known here")  # as resolvers treat it
    except _Broken as error:
        return Signing("bogus", str(error))
    return Signing("valid")


def _is_promised(zone: dns.name.Name, key: object, promised: dns.rrset.RRset) -> bool:
    return any(
        dns.dnssec.make_ds(zone, key, ds.digest_type, validating=True) == ds  # type: ignore[arg-type]  # a DNSKEY
        for ds in promised
    )


def _check(message: dns.message.Message, zone: str, kind: str, keys: dns.rrset.RRset) -> None:
    """_Broken, in words for people, unless one signature holds."""
    signed = _rrset(message, zone, kind)
    signatures = _rrset(message, zone, "RRSIG", kind)
    if signed is None or signatures is None:
        raise _Broken("the zone is served without signatures")
    try:
        dns.dnssec.validate(signed, signatures, {keys.name: keys})
    except ValidationFailure as error:
        last = max(signature.expiration for signature in signatures)
        if last < time.time():
            day = datetime.fromtimestamp(last, UTC).date().isoformat()
            raise _Broken(f"its signatures expired on {day}") from error
        raise _Broken("its signatures were made with other keys") from error


def _rrset(
    message: dns.message.Message, zone: str, kind: str, covers: str = "NONE"
) -> dns.rrset.RRset | None:
    return message.get_rrset(
        message.answer,
        dns.name.from_text(zone),
        dns.rdataclass.IN,
        dns.rdatatype.from_text(kind),
        dns.rdatatype.from_text(covers),
    )
