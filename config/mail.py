"""How the settings of notifications are read: the mail server, the sender, and the kinds of channels."""

import re
from urllib.parse import SplitResult, urlsplit

#: What a channel's URL may begin with at all: mail, and services whose address is fixed. Others run something
#: on this machine, or call whatever address stands in them.
SCHEMES = frozenset({"mailto", "mailtos", "slack", "discord", "tgram", "pover", "gchat"})

_ADDRESS = re.compile(
    r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252}[A-Za-z0-9])?"
)
_LOCAL = ("localhost", "127.0.0.1", "::1")


def is_address(text: str) -> bool:
    """Whether a text is an e-mail address that every mail server takes: printable ASCII, no quotes."""
    return bool(_ADDRESS.fullmatch(text)) and ".." not in text


def address(text: str) -> str:
    """An e-mail address."""
    if not is_address(text):
        raise ValueError("is not an e-mail address such as antiphon@example.org")
    return text


def schemes(text: str) -> str:
    """Kinds of channels, separated by commas."""
    named = [part.strip().lower() for part in text.split(",") if part.strip()]
    unknown = sorted(set(named) - SCHEMES)
    if unknown:
        raise ValueError(f"{', '.join(unknown)} cannot be allowed; there are {', '.join(sorted(SCHEMES))}")
    return ",".join(dict.fromkeys(named))


def server(url: str | None) -> str | None:
    """The address of a mail server; nothing when empty. A password goes through TLS, or stays on this
    machine.
    """
    if not url:
        return None
    parts = urlsplit(url)
    if parts.scheme not in ("smtp", "smtps", "smtp+starttls") or not parts.hostname:
        raise ValueError("is not smtp://host:port, smtp+starttls://user:password@host or smtps://...")
    if parts.path.strip("/") or parts.query or parts.fragment:
        raise ValueError("has something behind the host and port")
    if not _has_port(parts):
        raise ValueError("has a port that there is not")
    if parts.password and parts.scheme == "smtp" and parts.hostname not in _LOCAL:
        raise ValueError("would send its password readable: write smtps:// or smtp+starttls://")
    return url


def _has_port(parts: SplitResult) -> bool:
    try:
        return parts.port is None or parts.port > 0
    except ValueError:  # its own words would repeat what stands there
        return False
