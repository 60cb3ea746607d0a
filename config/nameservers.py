"""How the settings about DNS are read: addresses of name servers, names of zones, the key of updates."""

import base64
import re
from ipaddress import ip_address
from urllib.parse import parse_qsl

from pydantic import ValidationInfo

_ALGORITHMS = ("hmac-sha256", "hmac-sha384", "hmac-sha512", "hmac-sha224", "hmac-sha1")
_NAME = re.compile(r"[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*")
#: What each backend has to be told.
_NEEDED = {
    "rfc2136": ("dns_zone", "dns_server", "dns_update_key"),
    "lexicon": ("dns_zone", "dns_provider", "dns_provider_options"),
}


def split(server: str) -> tuple[str, int]:
    """The address and the port of `192.0.2.1`, `192.0.2.1:5353`, `2001:db8::1` or `[2001:db8::1]:5353`."""
    if server.startswith("["):
        host, _, port = server[1:].partition("]")
        port = port.removeprefix(":")
    else:
        host, _, port = server.partition(":") if server.count(":") == 1 else (server, "", "")
    if port and not (port.isascii() and port.isdigit() and 0 < int(port) < 65536):
        raise ValueError(f"there is no port {port}")
    return str(ip_address(host)), int(port or 53)


def servers(text: str) -> str:
    """Addresses of name servers, separated by commas, each with or without a port."""
    parts = [part.strip() for part in text.split(",") if part.strip()]
    for part in parts:
        split(part)
    return ",".join(parts)


def zone(text: str) -> str:
    """The name of a zone in lower case, without its closing dot."""
    name = text.strip().lower().rstrip(".")
    if name and not _NAME.fullmatch(name):
        raise ValueError("is not the name of a zone such as dns.example.net")
    return name


def addresses(text: str) -> str:
    """IP addresses, separated by commas."""
    return ",".join(str(ip_address(part.strip())) for part in text.split(",") if part.strip())


def key(text: str) -> str:
    """A TSIG key as `nsupdate -y` takes it: algorithm, name and secret, separated by colons."""
    if not text:
        return text
    algorithm, _, rest = text.partition(":")
    name, _, secret = rest.partition(":")
    try:
        fits = bool(base64.b64decode(secret, validate=True))
    except ValueError:
        fits = False
    if algorithm not in _ALGORITHMS or not _NAME.fullmatch(name.lower().rstrip(".")) or not fits:
        raise ValueError("is not hmac-sha256:name:secret, with the secret in base64")
    return text


def complete(backend: str, info: ValidationInfo) -> str:
    """The backend; one that changes a zone only where it is told which, where, and with which key."""
    names = _NEEDED.get(backend, ())
    missing = [name.upper() for name in names if name in info.data and not info.data[name]]
    if missing:
        raise ValueError(f"{backend} needs {', '.join(missing)} too")
    return backend


def options(text: str) -> str:
    """Names and values as in a query string, each name once."""
    pairs = parse_qsl(text, keep_blank_values=True, strict_parsing=True) if text else []
    if len(dict(pairs)) != len(pairs):
        raise ValueError("names something twice")
    return text
