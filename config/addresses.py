"""How the settings that are addresses are read: checked, and brought into the form that all rely on."""

import re
from ipaddress import ip_network
from pathlib import Path
from urllib.parse import urlsplit

_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "[::1]", "": "127.0.0.1"}  # noqa: S104 - compared with, not listened on


def absolute(path: Path) -> Path:
    """`path` from the root, with `~` opened: processes started elsewhere must find the same folder."""
    return path.expanduser().absolute()


def database(url: str) -> str:
    """An SQLAlchemy URL of a database that the engine speaks; PostgreSQL gets its driver."""
    for old in ("postgres://", "postgresql://"):
        if url.startswith(old):
            return "postgresql+psycopg://" + url.removeprefix(old)
    if not url.startswith(("sqlite:///", "postgresql+psycopg://")):
        raise ValueError("is neither sqlite:///<file> nor postgresql+psycopg://user@host/name")
    return url


def redis(url: str | None) -> str | None:
    """An address in kombu's spelling, where a socket is `redis+socket://`; nothing when empty."""
    if not url:
        return None
    if urlsplit(url).scheme not in ("redis", "rediss", "redis+socket", "unix"):
        raise ValueError("is not redis://host:port/n, rediss://... or redis+socket:///path/of/socket")
    return url.replace("unix://", "redis+socket://", 1) if url.startswith("unix://") else url


def web_address(url: str) -> str:
    """An http(s) address without query, fragment or closing slash."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise ValueError("is not an address such as https://deploy.example.org")
    return url.rstrip("/")


def kubo(url: str | None) -> str | None:
    """The http(s) address of a node's RPC; `/api/v0`, which every call has, may be left out."""
    return web_address(url.rstrip("/").removesuffix("/api/v0")) if url else None


def rpc(url: str | None) -> str | None:
    """The http(s) address of an Ethereum node, whose path and query may hold a provider's key."""
    if not url:
        return None
    if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname:
        raise ValueError("is not an address such as http://127.0.0.1:8545")
    return url


def contract(text: str) -> str:
    """The address of a contract."""
    if not re.fullmatch(r"0x[0-9a-fA-F]{40}", text):
        raise ValueError("is not an address such as 0x00000000000C2E074eC69A0dFb2997BA6C7d2e1e")
    return text


def networks(text: str) -> str:
    """Networks such as `10.0.0.0/8`, separated by commas; a single address is a network of its own."""
    return ",".join(str(ip_network(part.strip())) for part in text.split(",") if part.strip())


def reachable(host: str) -> str:
    """How a client names a server that listens on `host`: "everywhere" is no address to go to."""
    return _EVERYWHERE.get(host, f"[{host}]" if ":" in host else host)


def under(url: str, label: str) -> str:
    """The address whose host is one label below that of `url`: `http://hello.localhost:8080/`."""
    parts = urlsplit(url)
    return parts._replace(netloc=f"{label}.{parts.netloc}", path=f"{parts.path}/").geturl()
