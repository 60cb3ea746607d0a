"""Where the zone of a name begins, and which servers its parent names for it: past what resolvers recall.

A resolver tells the zone by the SOA record. The servers are asked of the parent's own, so that new ones count
at once, and lame ones are found that no resolver can get past.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import dns.message
import dns.rcode
import dns.rdatatype

from app.dns.names import is_below
from app.services.dns.asking import TROUBLES, Question, Server, exchange, plain, text_of
from app.services.dns.resolver import Resolver

_MOST_SERVERS = 8


@dataclass(frozen=True, slots=True)
class Cut:
    """Where a name's zone begins, as far as a resolver could find out; `troubled`: below, nothing answers."""

    zone: str
    exists: bool = True
    troubled: bool = False


@dataclass(frozen=True, slots=True)
class Delegation:
    """What a parent says: the zone, its servers' names, and such addresses as it gives with them."""

    zone: str
    hosts: tuple[str, ...] = ()
    glue: dict[str, tuple[str, ...]] = field(default_factory=dict)


class Delegations:
    """Finds zones and their servers; `port` is where all name servers listen."""

    def __init__(self, resolver: Resolver, port: int, seconds: float) -> None:
        self._resolver = resolver
        self._port = port
        self._seconds = seconds

    def cut(self, name: str) -> Cut:
        """Where the zone of a name begins, by the nearest SOA that a resolver finds."""
        troubled = False
        for candidate in upwards(name):
            message = self._resolver.message(candidate, "SOA")
            if message is None or message.rcode() not in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
                troubled = True
                continue
            owner = _soa_owner(message, candidate)
            if owner is not None:
                there = message.rcode() == dns.rcode.NOERROR or troubled
                return Cut(owner, there, troubled)
            # a CNAME leads to another zone; an answer without anything is what some lame servers give
            troubled = troubled or not message.answer
        return Cut("", exists=False, troubled=troubled)

    def of(self, name: str) -> tuple[Delegation, Cut]:
        """The zone of a name and who serves it."""
        cut = self.cut(name)
        said = self._referred(name, cut.zone) if cut.troubled and cut.zone else None
        parent = cut.zone.partition(".")[2]
        if said is None and parent and (above := self.cut(parent).zone):
            said = self._referred(cut.zone, above)
        if said is None:
            said = Delegation(cut.zone, self._resolver.ask(cut.zone or ".", "NS", checking=False).values)
        return said, cut

    def servers(self, delegation: Delegation) -> list[tuple[str, Server | None]]:
        """Each server's name with an address of it; without one where it has none."""
        found: list[tuple[str, Server | None]] = []
        for host in delegation.hosts:
            addresses = delegation.glue.get(host) or self._resolver.addresses(host)
            plain_first = sorted(addresses, key=lambda address: ":" in address)
            found += [(host, Server(address, self._port, host)) for address in plain_first[:1]]
            if not addresses:
                found.append((host, None))
        return found[:_MOST_SERVERS]

    def _referred(self, name: str, above: str) -> Delegation | None:
        """What the servers of the zone above say when they are asked for the names from there to this one."""
        hosts = self._resolver.ask(above, "NS", checking=False).values
        for server in [server for _, server in self.servers(Delegation(above, hosts)) if server]:
            for asked in downwards(name, above):
                try:
                    message = exchange(server, Question(asked, "NS"), self._seconds)
                except TROUBLES:
                    break
                if said := _delegation(message, asked, above):
                    return said
        return None


def upwards(name: str) -> Iterator[str]:
    """The name and those above it, without the root."""
    while name:
        yield name
        name = name.partition(".")[2]


def downwards(name: str, above: str) -> list[str]:
    """The names below `above` as far as this one, the highest first."""
    return [each for each in upwards(name) if each != above and is_below(each, above)][::-1]


def _soa_owner(message: dns.message.Message, name: str) -> str | None:
    """Whose SOA it is; None where it belongs to another name, to which a CNAME led."""
    for rrset in (*message.answer, *message.authority):
        owner = plain(rrset.name)
        if rrset.rdtype == dns.rdatatype.SOA and (not owner or is_below(name, owner)):
            return owner
    return None


def _delegation(message: dns.message.Message, name: str, above: str) -> Delegation | None:
    """The name servers in a referral; or in the answer of a server that serves both zones."""
    for rrset in (*message.answer, *message.authority):
        owner = plain(rrset.name)
        if rrset.rdtype == dns.rdatatype.NS and owner != above and is_below(name, owner):
            hosts = tuple(sorted(text_of(rdata) for rdata in rrset))
            return Delegation(owner, hosts, _glue(message, hosts))
    return None


def _glue(message: dns.message.Message, hosts: Iterable[str]) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for rrset in message.additional:
        if rrset.rdtype in (dns.rdatatype.A, dns.rdatatype.AAAA) and plain(rrset.name) in hosts:
            name = plain(rrset.name)
            found[name] = (*found.get(name, ()), *(text_of(rdata) for rdata in rrset))
    return found
