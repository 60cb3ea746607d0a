"""Our zone on a server that takes updates: RFC 2136 over TCP, signed by TSIG (RFC 8945), read back.

A replacement is one message: what the name held is its condition, deleting and adding are its two acts, and
the server does all or nothing. The server alone decides, so any number of processes may write.
"""

import socket
import time
from collections.abc import Callable

import dns.exception
import dns.message
import dns.name
import dns.query
import dns.rcode
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.rrset
import dns.tsig
import dns.update
from dns.rdtypes.ANY.TXT import TXT

from app.errors import RetryableError
from app.services.dns.asking import Question, Server, heard
from app.services.dns.port import Change, Written, checked, conflict, same
from app.services.dns.refusals import refusal, unreachable

_STRING_BYTES = 255  # of one string in a text (RFC 1035 §3.3.14)


class UpdatedZone:
    """An `OwnZone` on one server; `key` is `algorithm:name:secret`, `seconds` are for each exchange."""

    name = "rfc2136"

    def __init__(self, zone: str, server: Server, key: str, seconds: float = 5.0) -> None:
        self.zone = zone
        self._server = server
        self._key = tsig_key(key)
        self._seconds = seconds

    def read(self, name: str, kind: str) -> tuple[str, ...]:
        question = Question(name, kind)
        message = self._sent(question.message())
        if message.rcode() not in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
            raise refusal(message.rcode(), self.zone, self._server)
        return heard(message, question, "authoritative", self._server).values

    def replace(self, change: Change) -> Written:
        wanted = tuple(sorted(checked(change, self.zone).values))
        found = self.read(change.name, change.type)
        if same(found, wanted):
            return Written(values=found, changed=False, serial=self._serial())
        if change.was is not None and not same(found, change.was):
            raise conflict(change, found)
        self._update(change, found)
        now = self.read(change.name, change.type)
        if not same(now, wanted):
            raise conflict(change, now)
        return Written(values=now, changed=True, serial=self._serial())

    def _update(self, change: Change, found: tuple[str, ...]) -> None:
        """Send it under the condition that the name still holds what was found."""
        message = update_message(self.zone, change, found)
        message.use_tsig(self._key)
        rcode = self._sent(message).rcode()
        if rcode in (dns.rcode.NXRRSET, dns.rcode.YXRRSET, dns.rcode.NXDOMAIN, dns.rcode.YXDOMAIN):
            raise conflict(change, self.read(change.name, change.type))
        if rcode != dns.rcode.NOERROR:
            raise refusal(rcode, self.zone, self._server)

    def _serial(self) -> int | None:
        values = self.read(self.zone, "SOA")
        return int(values[0].split()[2]) if values else None

    def _sent(self, message: dns.message.Message) -> dns.message.Message:
        def send() -> dns.message.Message:
            return dns.query.tcp(message, self._server.address, self._seconds, self._server.port)

        def send_signed() -> dns.message.Message:
            try:
                return send()
            except dns.exception.FormError:
                rcode = self._refused_unsigned(message)
                if rcode == dns.rcode.NOERROR:
                    raise
                raise refusal(rcode, self.zone, self._server) from None

        return _spoken(send_signed if message.keyring else send, self.zone, self._server)

    def _refused_unsigned(self, message: dns.message.Message) -> dns.rcode.Rcode:
        """Why a server refuses that does not sign its answer: that is believed of refusals, not of success.

        Knot answers so to an update of what is no zone of its own, and servers that know no TSIG at all.
        """
        until = time.time() + self._seconds
        address = (self._server.address, self._server.port)
        with socket.create_connection(address, self._seconds) as connection:
            connection.setblocking(False)
            dns.query.send_tcp(connection, message, until)
            answer, _ = dns.query.receive_tcp(connection, until, keyring=False)  # type: ignore[arg-type]  # False is “whoever”
        return answer.rcode()


def tsig_key(text: str) -> dns.tsig.Key:
    """A key as `nsupdate -y` writes it: `hmac-sha256:name:base64`."""
    algorithm, name, secret = text.split(":", 2)
    return dns.tsig.Key(name, secret, algorithm)


def update_message(zone: str, change: Change, found: tuple[str, ...] | None) -> dns.update.UpdateMessage:
    """The message that replaces a name's records in one type (RFC 2136 §2.5).

    Its condition (§2.4) is that the name holds exactly what was `found`; None sets none.
    """
    message = dns.update.UpdateMessage(zone)
    name = dns.name.from_text(change.name)
    if found:
        message.present(name, _rrset(name, change.type, 0, found))
    elif found is not None:
        message.absent(name, change.type)
    message.delete(name, change.type)
    if change.values:
        message.add(name, _rrset(name, change.type, change.ttl, change.values))
    return message


def _rrset(name: dns.name.Name, kind: str, ttl: int, values: tuple[str, ...]) -> dns.rrset.RRset:
    return dns.rrset.from_rdata(name, ttl, *(_rdata(kind, value) for value in values))


def _rdata(kind: str, value: str) -> dns.rdata.Rdata:
    """A value as a record: a text in strings of at most 255 bytes, a name with its closing dot."""
    if kind == "TXT":
        data = value.encode()
        strings = [data[start : start + _STRING_BYTES] for start in range(0, len(data), _STRING_BYTES)]
        return TXT(dns.rdataclass.IN, dns.rdatatype.TXT, strings or [b""])
    return dns.rdata.from_text("IN", kind, f"{value}." if kind == "CNAME" else value)


def _spoken(send: Callable[[], dns.message.Message], zone: str, server: Server) -> dns.message.Message:
    """What came back; what the transport and the signature have to say become errors of the platform."""
    try:
        return send()
    except dns.tsig.PeerBadKey as error:
        raise refusal("BADKEY", zone, server) from error
    except (dns.tsig.PeerBadSignature, dns.tsig.BadSignature, dns.tsig.PeerBadTruncation) as error:
        raise refusal("BADSIG", zone, server) from error
    except (dns.tsig.PeerBadTime, dns.tsig.BadTime) as error:
        raise refusal("BADTIME", zone, server) from error
    except (dns.exception.Timeout, OSError, EOFError) as error:
        raise unreachable(zone, server, str(error) or type(error).__name__) from error
    except dns.exception.DNSException as error:
        raise RetryableError(
            "update_failed",
            f"{server.shown} answered what is no DNS: {type(error).__name__}.",
            "Look whether DNS_SERVER is the address of a name server.",
        ) from error
