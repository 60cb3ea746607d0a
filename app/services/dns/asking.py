"""One question to one server: over UDP, or TCP where the answer is too long for that; for a limited time."""

import re
from dataclasses import dataclass

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.query
import dns.rcode
import dns.rdata
import dns.rdatatype
from dns.rdtypes.ANY.CNAME import CNAME
from dns.rdtypes.ANY.NS import NS
from dns.rdtypes.ANY.TXT import TXT

from app.dns.observed import Answer, Source

_PAYLOAD = 1232  # bytes that pass everywhere unfragmented (DNS flag day 2020)
_TRIES = 2  # over UDP, which may lose one

_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f]")  # PostgreSQL cannot keep \0

#: What goes wrong on the way, rather than in what a server says.
TROUBLES = (dns.exception.DNSException, OSError, EOFError)


@dataclass(frozen=True, slots=True)
class Server:
    """Where to ask; `host` is its name, for people."""

    address: str
    port: int = 53
    host: str = ""

    @property
    def shown(self) -> str:
        """Its name and address."""
        return f"{self.host} ({self.address})" if self.host else self.address


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked. `recursive` is for resolvers; `checking` off lets them pass on what DNSSEC refuses.

    `signatures` asks for those too.
    """

    name: str
    type: str
    recursive: bool = False
    checking: bool = True
    signatures: bool = False

    def message(self) -> dns.message.QueryMessage:
        """The question as it goes out."""
        flags = (dns.flags.RD if self.recursive else 0) | (0 if self.checking else dns.flags.CD)
        return dns.message.make_query(
            dns.name.from_text(self.name),
            self.type,
            flags=flags,
            use_edns=0,
            payload=_PAYLOAD,
            want_dnssec=self.signatures,
        )


def exchange(server: Server, question: Question, seconds: float) -> dns.message.Message:
    """The server's message. One of TROUBLES when none comes: `seconds` is for each try."""
    for _ in range(_TRIES - 1):
        try:
            return _once(server, question, seconds)
        except dns.exception.Timeout:
            continue
    return _once(server, question, seconds)


def _once(server: Server, question: Question, seconds: float) -> dns.message.Message:
    message, _ = dns.query.udp_with_fallback(
        question.message(),
        server.address,
        timeout=seconds,
        port=server.port,
        ignore_unexpected=True,  # what somebody else sends must not end the waiting
        ignore_errors=True,
    )
    return message


def ask(server: Server, question: Question, source: Source, seconds: float) -> Answer:
    """What the server says, as an observation; that nothing came is one too."""
    try:
        return heard(exchange(server, question, seconds), question, source, server)
    except TROUBLES as error:
        return Answer(
            name=question.name,
            type=question.type,
            source=source,
            server=server.shown,
            trouble=trouble_of(error),
        )


def heard(message: dns.message.Message, question: Question, source: Source, server: Server) -> Answer:
    """A message as an observation. One of TROUBLES when it contradicts itself."""
    if not isinstance(message, dns.message.QueryMessage):
        raise dns.exception.FormError  # not an answer to a question
    try:
        chaining = message.resolve_chaining()
    except dns.message.ChainTooLong:  # CNAMEs in a circle
        first = tuple(text_of(rrset[0]) for rrset in message.answer[:1])
        return Answer(
            name=question.name,
            type=question.type,
            source=source,
            server=server.shown,
            rcode="NOERROR",
            chain=first,
        )
    values = tuple(sorted(text_of(rdata) for rdata in chaining.answer or ()))
    chain = tuple(text_of(rrset[0]) for rrset in chaining.cnames)
    nothing = not values and any(rrset.rdtype == dns.rdatatype.SOA for rrset in message.authority)
    return Answer(
        name=question.name,
        type=question.type,
        source=source,
        server=server.shown,
        rcode=dns.rcode.to_text(message.rcode()),
        values=values,
        chain=chain,
        ttl=chaining.minimum_ttl if values or chain else None,
        negative_ttl=chaining.minimum_ttl if nothing else None,
        authoritative=bool(message.flags & dns.flags.AA),
    )


def trouble_of(error: BaseException) -> str:
    """In a word: `timeout`, `unreachable` or `malformed`."""
    if isinstance(error, dns.exception.Timeout | TimeoutError):
        return "timeout"
    return "unreachable" if isinstance(error, OSError | EOFError) else "malformed"


def text_of(rdata: dns.rdata.Rdata) -> str:
    """A value as people write it: the strings of a text joined, names without closing dots."""
    if isinstance(rdata, TXT):
        text = b"".join(rdata.strings).decode("utf-8", "backslashreplace")
        return _CONTROLS.sub(lambda found: f"\\x{ord(found[0]):02x}", text)
    if isinstance(rdata, CNAME | NS):
        return plain(rdata.target)
    return str(rdata.to_text())


def plain(name: dns.name.Name) -> str:
    """A name in lower case, without its closing dot."""
    return name.to_text(omit_final_dot=True).lower()
