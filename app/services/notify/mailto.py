"""Mail servers and mailboxes as URLs: `smtps://user:password@host` and `mailtos://user:password@host/to`.

Only what stands here is understood of apprise's `mailto` URLs: others of their parameters read files.
"""

from dataclasses import dataclass, field
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from app.errors import InvalidInput
from config.mail import is_address

PLAIN, STARTTLS, TLS = "plain", "starttls", "tls"
_PORTS = {PLAIN: 25, STARTTLS: 587, TLS: 465}
_SERVERS = {"smtp": PLAIN, "smtp+starttls": STARTTLS, "smtps": TLS}
_MODES = {"starttls": STARTTLS, "ssl": TLS}
_PARAMETERS = {"smtp", "from", "to", "mode"}


@dataclass(frozen=True, slots=True)
class Server:
    """A mail server: `secure` is one of PLAIN, STARTTLS and TLS."""

    host: str
    port: int
    secure: str
    user: str = ""
    password: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Mailbox:
    """Where mail goes by which server, and whom it is from."""

    server: Server
    sender: str
    recipient: str


def server_of(url: str) -> Server:
    """The server that SMTP_URL names, which was checked when the settings were read."""
    parts = urlsplit(url)
    secure = _SERVERS[parts.scheme]
    port = parts.port or _PORTS[secure]
    return Server(parts.hostname or "", port, secure, unquote(parts.username or ""), _password(parts))


def mailbox_of(url: str) -> Mailbox:
    """The mailbox that a `mailto` or `mailtos` URL names. InvalidInput `channel_url_invalid`."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise invalid("its port is none") from None
    asked = dict(parse_qsl(parts.query, keep_blank_values=True))
    if odd := sorted(asked.keys() - _PARAMETERS):
        raise invalid(f"{', '.join(odd)[:80]} is not known, only {', '.join(sorted(_PARAMETERS))}")
    if not parts.hostname or parts.fragment:
        raise invalid("it names no host, or has a # in it")
    secure = _mode(parts.scheme, asked.get("mode", ""))
    host = asked.get("smtp") or parts.hostname
    server = Server(host, port or _PORTS[secure], secure, unquote(parts.username or ""), _password(parts))
    own = server.user if "@" in server.user else f"{server.user}@{parts.hostname}"
    sender = asked.get("from") or own
    named = [unquote(each) for each in parts.path.split("/") if each]
    recipients = [*([asked["to"]] if "to" in asked else []), *named] or [sender]
    for each in (sender, *recipients):
        if not is_address(each):
            raise invalid("the sender or the recipient is no e-mail address in ASCII")
    if len(recipients) > 1:
        raise invalid("it names several recipients; add a channel for each")
    return Mailbox(server, sender, recipients[0])


def _mode(scheme: str, said: str) -> str:
    if scheme == "mailto" and not said:
        return PLAIN
    if (said or "starttls") not in _MODES:
        raise invalid("its mode is neither starttls nor ssl")
    return _MODES[said or "starttls"]


def _password(parts: SplitResult) -> str:
    return unquote(parts.password or "")


def invalid(why: str) -> InvalidInput:
    """The refusal of a channel's URL, of which it repeats nothing but names of parameters."""
    hint = "Write it like mailtos://user:password@example.org?to=me@example.org, slack://a/b/c or discord://id/token."
    return InvalidInput("channel_url_invalid", f"That is no URL of a channel: {why}.", hint)
