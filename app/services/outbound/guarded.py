"""The guarded client: resolves once, checks, connects to that very address, and stops when it has enough.

It speaks through httpcore2, which follows no redirects, reads no proxy settings, keeps no cookies and
unpacks nothing.
"""

import re
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache

import httpcore2

from app.errors import InvalidInput, PermanentError, PlatformError, RetryableError
from app.services.outbound.lookup import lookup
from app.services.outbound.networks import Guard
from app.services.outbound.port import KEPT_HEADERS, Answer
from app.services.outbound.sockets import CheckedNetwork, Deadline
from app.services.outbound.targets import Target, parsed

_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")  # PostgreSQL cannot keep \0
_HEADER_CHARACTERS = 300
_HUNG_UP = (ssl.SSLEOFError, ssl.SSLZeroReturnError)  # the TLS layer's words for a connection that ended


@dataclass(frozen=True, slots=True)
class Limits:
    """How long a call may take in all, how long a name's lookup, and how many bytes go and come."""

    seconds: float = 20
    lookup_seconds: float = 5
    body_bytes: int = 1 << 20
    answer_bytes: int = 1 << 16
    snippet_bytes: int = 2048


class GuardedOutbound:
    """Calls public addresses and those in `allowed`, comma-separated networks.

    `trust` says whose certificates count; without it those do that the system trusts.
    """

    def __init__(
        self, allowed: str = "", *, limits: Limits | None = None, trust: ssl.SSLContext | None = None
    ) -> None:
        self._guard = Guard(allowed)
        self._limits = limits or Limits()
        self._trust = trust or _system_trust()

    def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Send and read; see the port."""
        deadline = Deadline(self._limits.seconds)
        target = parsed(url)
        with _timed(target, deadline):
            sent = _headers(target, body, headers)
            self._check_size(target, body)
            self._guard.check_scheme(target)
            found = lookup(target, min(self._limits.lookup_seconds, deadline.left()))
            addresses = self._guard.chosen(target, found)
            with CheckedNetwork(addresses, deadline) as network, _told(target, deadline):
                return self._exchange(target, network, (sent, body), deadline)

    def check_url(self, url: str) -> None:
        """Refuse at once what can never be called; see the port."""
        target = parsed(url)
        self._guard.check_scheme(target)
        with suppress(RetryableError):  # unknown today: every call looks again
            self._guard.chosen(target, lookup(target, self._limits.lookup_seconds))

    def addresses(self, host: str, port: int, plain: bool) -> list[str]:
        """Where a server may be connected to; see the port."""
        name = f"[{host}]" if ":" in host else host
        target = parsed(f"{'http' if plain else 'https'}://{name}:{port}/")
        self._guard.check_scheme(target)
        found = self._guard.chosen(target, lookup(target, self._limits.lookup_seconds))
        return [str(address) for address in found]

    def _exchange(
        self,
        target: Target,
        network: CheckedNetwork,
        sent: tuple[list[tuple[str, str]], bytes],
        deadline: Deadline,
    ) -> Answer:
        url = httpcore2.URL(
            scheme=target.scheme.encode(), host=target.host.encode(), port=target.port, target=target.path
        )
        line = httpcore2.HTTPConnection(url.origin, ssl_context=self._trust, network_backend=network)
        with line.stream("POST", url, headers=sent[0], content=sent[1]) as response:
            begin, size = b"", 0
            for part in response.iter_stream():
                begin += part[: max(self._limits.snippet_bytes - len(begin), 0)]
                size += len(part)
                if size > self._limits.answer_bytes:
                    break
        kept = _kept(response.headers)
        return Answer(
            host=target.host,
            address=network.connected,
            status=response.status,
            headers=kept,
            snippet=_text(begin, kept.get("content-encoding", "")),
            cut=size > self._limits.answer_bytes,
            milliseconds=deadline.milliseconds,
        )

    def _check_size(self, target: Target, body: bytes) -> None:
        if len(body) > self._limits.body_bytes:
            what = f"{len(body)} bytes are too many to send to {target.host}"
            raise PermanentError(
                "body_too_large",
                f"{what}: the limit is {self._limits.body_bytes}.",
                "Send less of it, and let the receiver ask for the rest.",
                evidence={"bytes": len(body), "limit": self._limits.body_bytes},
            )


@lru_cache(maxsize=1)
def _system_trust() -> ssl.SSLContext:
    """The system's certificate authorities, or those of SSL_CERT_FILE; read once, since it costs a while."""
    return httpcore2.default_ssl_context()


def _headers(target: Target, body: bytes, given: Mapping[str, str]) -> list[tuple[str, str]]:
    """What is sent: the given headers, and over them those that say how we speak."""
    ours = {
        "host": target.authority,
        "content-length": str(len(body)),
        "accept-encoding": "identity",
        "connection": "close",
    }
    sent = {"user-agent": "Antiphon"} | {name.lower(): value for name, value in given.items()} | ours
    for name, value in sent.items():
        if not (name + value).isascii() or not value.isprintable():
            what = f"The header {name[:80]!r} cannot be sent: it has characters that headers do not hold."
            raise InvalidInput("header_invalid", what, "Use printable ASCII.")
    return list(sent.items())


def _kept(headers: list[tuple[bytes, bytes]]) -> dict[str, str]:
    read = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in headers}
    kept = sorted(KEPT_HEADERS & read.keys())
    return {name: _CONTROLS.sub("", read[name])[:_HEADER_CHARACTERS] for name in kept}


def _text(begin: bytes, encoding: str) -> str:
    """The beginning of a body as text; a packed one stays packed, because it could unpack to anything."""
    if encoding not in ("", "identity"):
        return f"(packed as {encoding[:20]})"
    return _CONTROLS.sub("", begin.decode("utf-8", "replace")).rstrip("\ufffd")


@contextmanager
def _timed(target: Target, deadline: Deadline) -> Iterator[None]:
    """Let every refusal say where it was and how long it took."""
    try:
        yield
    except PlatformError as error:
        where = {"host": target.host, "ms": deadline.milliseconds}
        raise type(error)(
            error.code, error.message, error.hint, evidence={**where, **error.evidence}
        ) from error.__cause__


@contextmanager
def _told(target: Target, deadline: Deadline) -> Iterator[None]:
    """Say in our words how a connection failed."""
    try:
        yield
    except httpcore2.TimeoutException as error:
        what = f"{target.host} did not answer within {deadline.seconds:g} s."
        raise RetryableError("timeout", what, "Answer first and work afterwards.") from error
    except httpcore2.LocalProtocolError as error:
        what = f"A header cannot be sent: {error}."
        raise InvalidInput("header_invalid", what, "Use printable ASCII.") from error
    except (httpcore2.NetworkError, httpcore2.ProtocolError) as error:
        raise _broken(target, error) from error


def _broken(target: Target, error: Exception) -> RetryableError:
    cause = error.__cause__ or error
    reason = getattr(cause, "verify_message", None) or getattr(cause, "strerror", None) or str(cause)
    evidence = {"reason": str(reason)[:_HEADER_CHARACTERS]}
    if isinstance(cause, ssl.SSLError) and not isinstance(cause, _HUNG_UP):
        what = f"No secure connection to {target.host} came about: {reason}."
        hint = "Look at its certificate: the name, the dates, the intermediate certificates, who signed it."
        return RetryableError("tls_error", what, hint, evidence=evidence)
    if isinstance(error, httpcore2.ConnectError):
        what = f"{target.host} cannot be connected to: {reason}."
    else:
        what = f"{target.host} broke off, or its answer is not HTTP: {reason}."
    hint = "Look whether the receiver runs, and what its log says of this moment."
    return RetryableError("connection_reset", what, hint, evidence=evidence)
