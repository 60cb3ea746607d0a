"""What was seen in DNS: plain values, to be judged by pure functions, kept, and judged again."""

import hashlib
import json
from dataclasses import dataclass
from typing import Literal

Source = Literal["authoritative", "resolver", "unchecked"]
ServerState = Literal["ok", "lame", "refused", "servfail", "mute", "unreachable", "no_address"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What one server said to one question. Names are lower case, without closing dots; TXT is joined.

    `unchecked` is the resolver without DNSSEC (the CD bit). `rcode` is empty when nothing came, and
    `trouble` says why: `timeout`, `unreachable`, `malformed`. TTLs are seconds.
    """

    name: str
    type: str
    source: Source
    server: str = ""
    rcode: str = ""
    trouble: str = ""
    values: tuple[str, ...] = ()
    #: The names that CNAMEs led to on the way, the last one at the end.
    chain: tuple[str, ...] = ()
    ttl: int | None = None
    #: For how long a resolver may remember that there is nothing (RFC 2308).
    negative_ttl: int | None = None
    #: Whether the server speaks for the zone (the AA bit).
    authoritative: bool = False

    @property
    def usable(self) -> bool:
        """Whether it says what there is, or that there is nothing."""
        return self.rcode in ("NOERROR", "NXDOMAIN")

    @property
    def proven(self) -> bool:
        """Whether it is more than silence: an empty answer without a SOA says nothing (RFC 2308 §2.2)."""
        return self.usable and bool(self.values or self.chain or self.negative_ttl is not None)

    @property
    def remembered(self) -> int | None:
        """For how many seconds a resolver may go on giving this answer."""
        return self.ttl if self.values or self.chain else self.negative_ttl


@dataclass(frozen=True, slots=True)
class NameServer:
    """A name server that the parent zone names, and how it answers for the zone."""

    host: str
    address: str
    state: ServerState


@dataclass(frozen=True, slots=True)
class Signing:
    """How a zone's signatures hold: `reason` says in words why they are bogus, or could not be looked at."""

    state: Literal["unsigned", "valid", "bogus", "unknown"] = "unknown"
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Zone:
    """The zone that a host name lies in; without a name where none was found.

    `registered` is no where the resolver says that there is no such name below a top-level domain.
    """

    name: str
    servers: tuple[NameServer, ...] = ()
    signing: Signing = Signing()
    registered: bool = True


@dataclass(frozen=True, slots=True)
class Observation:
    """All that was seen for one host name."""

    host: str
    zone: Zone
    answers: tuple[Answer, ...] = ()

    def said(self, name: str, kind: str, source: Source) -> tuple[Answer, ...]:
        """The answers to one question, one for each server that was asked."""
        return tuple(a for a in self.answers if (a.name, a.type, a.source) == (name, kind, source))

    def digest(self) -> str:
        """A hash of what was seen, which stays the same while nothing but TTLs and the order changes."""
        servers = sorted((s.host, s.address, s.state) for s in self.zone.servers)
        answers = sorted((a.name, a.type, a.source, a.server, *_said(a)) for a in self.answers)
        signing = (self.zone.signing.state, self.zone.signing.reason)
        seen = [self.host, self.zone.name, self.zone.registered, signing, servers, answers]
        return hashlib.sha256(json.dumps(seen).encode()).hexdigest()


def _said(answer: Answer) -> tuple[str, str, list[str], tuple[str, ...]]:
    return answer.rcode, answer.trouble, sorted(answer.values), answer.chain
