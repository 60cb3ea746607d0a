"""URLs that people typed in, brought into one form: however an address is spelled, one thing is checked."""

import re
import socket
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

import httpx2

from app.errors import InvalidInput

Address = IPv4Address | IPv6Address

MOST_CHARACTERS = 2048
_DEFAULT_PORTS = {"https": 443, "http": 80}
_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME = re.compile(rf"(?=.{{1,253}}\Z){_LABEL}(?:\.{_LABEL})*")
_ENDS_IN_NUMBER = re.compile(r"(?:.*\.)?(?:\d+|0x[0-9a-f]*)")


@dataclass(frozen=True, slots=True)
class Target:
    """Where to call: `host` in ASCII, without brackets and closing dot; `path` with its query, as sent."""

    scheme: str
    host: str
    port: int
    path: bytes
    #: The address that the host itself spells, if it does.
    literal: Address | None

    @property
    def plain(self) -> bool:
        """Whether nothing is encrypted on the way."""
        return self.scheme == "http"

    @property
    def authority(self) -> str:
        """What the Host header says."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"


def parsed(url: str) -> Target:
    """The target that a URL names. InvalidInput `url_invalid` for anything that is not plainly one.

    One parser reads it, and the request is put together from what that found, so that no second one can
    read it differently. Messages never repeat the URL, whose path may be a secret.
    """
    if len(url) > MOST_CHARACTERS:
        raise _invalid(f"it is longer than {MOST_CHARACTERS} characters")
    try:
        parts = httpx2.URL(url)
    except (httpx2.InvalidURL, ValueError) as error:
        raise _invalid(str(error)) from error
    if parts.scheme not in _DEFAULT_PORTS:
        raise _invalid("it begins with neither https:// nor http://")
    if parts.userinfo:
        raise _invalid("it holds a user name or a password")
    port = _DEFAULT_PORTS[parts.scheme] if parts.port is None else parts.port
    if not 0 < port < 65536:
        raise _invalid(f"there is no port {port}")
    host, literal = _host(parts.raw_host.decode("ascii").removesuffix("."))
    return Target(parts.scheme, host, port, parts.raw_path, literal)


def _host(text: str) -> tuple[str, Address | None]:
    """A host's one form, and the address that it spells: `0x7f.1` and `2130706433` are 127.0.0.1."""
    literal = _v6(text) if ":" in text else _v4(text)
    if literal is not None:
        return str(literal), literal
    if not _NAME.fullmatch(text) or _ENDS_IN_NUMBER.fullmatch(text):
        raise _invalid("its host is neither a name nor an address")
    return text, None


def _v6(text: str) -> Address:
    if "%" in text:
        raise _invalid("its address names a network card")
    address = IPv6Address(text)
    return address.ipv4_mapped or address


def _v4(text: str) -> Address | None:
    try:
        return IPv4Address(socket.inet_aton(text))
    except OSError:
        return None


def _invalid(why: str) -> InvalidInput:
    hint = "Write it like https://hooks.example.org/path, without user name, password or zone."
    return InvalidInput("url_invalid", f"This URL cannot be called: {why}.", hint)
