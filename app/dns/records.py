"""The records that a host name should have, from which its owner's instructions and our verdicts are made."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from ipaddress import ip_address
from typing import Literal

Purpose = Literal["ownership", "routing", "dnslink", "challenge"]

OWNERSHIP_LABEL = "_antiphon-challenge"
DNSLINK_LABEL = "_dnslink"
CHALLENGE_LABEL = "_acme-challenge"
_OWNERSHIP = "antiphon-verify="
#: A name that nobody enters, so that only a wildcard answers for it.
_NOBODYS_LABEL = "antiphon-nobodys"
_SAME_NAME_TYPES = ("CNAME", "TXT", "A", "AAAA", "MX")


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """A record that should be there. All names are in ASCII and lower case, without closing dots."""

    purpose: Purpose
    name: str
    type: Literal["TXT", "CNAME", "A"]
    #: What it should say: one text, one name, or (`A`) our addresses of both kinds.
    values: tuple[str, ...]
    #: Addresses that do as well as a CNAME, because it leads to them.
    addresses: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Ours:
    """What belongs to this installation: the name and addresses of the gateway, and the zone that we write.

    `zone` is empty where we write none; then nothing is delegated.
    """

    gateway: str
    addresses: tuple[str, ...] = ()
    zone: str = ""

    def with_addresses(self, found: Iterable[str]) -> "Ours":
        """The same, with the addresses that were looked up, unless it has some by setting."""
        return self if self.addresses else replace(self, addresses=tuple(sorted(found)))


@dataclass(frozen=True, slots=True)
class Claim:
    """Who says that the name is theirs: a `token` that only they were given, and a `label` in our zone."""

    token: str
    label: str


def expected_records(
    host: str, claim: Claim, ours: Ours, *, apex: bool, dnslink: str = ""
) -> tuple[Expected, ...]:
    """All records of a host name, in the order in which they are set up.

    With a zone of our own, DNSLink and certificate challenges are delegated by CNAMEs that are entered once.
    Without one, `dnslink` (`/ipfs/<cid>`) is what the owner has to enter after each deploy; empty: none.
    """
    ownership = f"{OWNERSHIP_LABEL}.{host}"
    first = Expected(purpose="ownership", name=ownership, type="TXT", values=(_OWNERSHIP + claim.token,))
    return (first, _routing(host, ours, apex), *_delegated_or_typed(host, claim, ours, dnslink))


def delegated_name(label: str, claim: Claim, zone: str) -> str:
    """Where a delegated record of ours stands: `_dnslink.<label>.<zone>`."""
    return f"{label}.{claim.label}.{zone}"


def _routing(host: str, ours: Ours, apex: bool) -> Expected:
    values = ours.addresses if apex else (ours.gateway,)
    kind: Literal["A", "CNAME"] = "A" if apex else "CNAME"
    return Expected(purpose="routing", name=host, type=kind, values=values, addresses=ours.addresses)


def _delegated_or_typed(host: str, claim: Claim, ours: Ours, dnslink: str) -> tuple[Expected, ...]:
    name = f"{DNSLINK_LABEL}.{host}"
    if not ours.zone:
        said = Expected(purpose="dnslink", name=name, type="TXT", values=(f"dnslink={dnslink}",))
        return (said,) if dnslink else ()
    link = delegated_name(DNSLINK_LABEL, claim, ours.zone)
    challenge = delegated_name(CHALLENGE_LABEL, claim, ours.zone)
    return (
        Expected(purpose="dnslink", name=name, type="CNAME", values=(link,)),
        Expected(purpose="challenge", name=f"{CHALLENGE_LABEL}.{host}", type="CNAME", values=(challenge,)),
    )


def record_types(expected: Expected) -> dict[str, tuple[str, ...]]:
    """The record as it is entered, values by type: an apex has A records, and AAAA records of their own."""
    if expected.type != "A":
        return {expected.type: expected.values}
    found: dict[str, tuple[str, ...]] = {}
    for address in expected.values:
        kind = "A" if ip_address(address).version == 4 else "AAAA"
        found[kind] = (*found.get(kind, ()), address)
    return found


def places_to_look(expected: Expected, host: str, zone: str) -> list[tuple[str, str]]:
    """Names and types to ask the zone for when a record is not what it should be: where it may have gone."""
    kinds = ("CNAME", "A", "AAAA") if expected.purpose == "routing" else (expected.type,)
    places = [(expected.name, kind) for kind in _SAME_NAME_TYPES]
    places += [(f"{expected.name}.{zone}", kind) for kind in kinds] if zone else []
    places += [(host, expected.type)] if expected.purpose != "routing" else []
    return places + [(beside(expected.name), kind) for kind in asked_types(expected)]


def asked_types(expected: Expected) -> tuple[str, ...]:
    """Which types to ask for at the record's name."""
    return ("A", "AAAA") if expected.purpose == "routing" else (expected.type,)


def beside(name: str) -> str:
    """A name beside the other that is not there, unless a wildcard makes it up."""
    return f"{_NOBODYS_LABEL}.{name.partition('.')[2]}"
