"""How people are told things: by e-mail, by chat services, and where there is no mail server by log lines."""

from contextlib import suppress
from functools import partial
from urllib.parse import urlsplit

from app.errors import InvalidInput, RetryableError
from app.services.notify.log import LogChannel
from app.services.notify.mailto import invalid, mailbox_of, server_of
from app.services.notify.port import Addresses, Channel
from config.settings import get_settings

#: A channel's URL is no longer.
MOST_CHARACTERS = 2000
_HINT = "The operator allows kinds of channels by NOTIFY_SCHEMES; any address is called by a webhook."


def open_channel() -> Channel:
    """The way to a recipient who is named by an address: the operator's mail server, else the log."""
    settings = get_settings()
    if settings.smtp_url is None:
        return LogChannel()
    from app.services.notify.mail import MailChannel

    return MailChannel(server_of(settings.smtp_url), settings.notify_from)


def channel_at(url: str, addresses: Addresses) -> Channel:
    """The channel that a URL names; mail goes to servers whose `addresses` may be connected to.

    InvalidInput `channel_url_invalid`, `channel_scheme_refused`, `ssrf_blocked`, `mail_not_encrypted`;
    RetryableError `dns_error`. None repeats the URL.
    """
    if len(url) > MOST_CHARACTERS or not url.isprintable() or " " in url:
        raise invalid(f"it is longer than {MOST_CHARACTERS} characters, or has blanks in it")
    try:
        written = urlsplit(url).scheme
    except ValueError:
        raise invalid("its host is misspelt") from None
    if written.startswith("mailto"):
        from app.services.notify.mail import guarded

        _check(written)
        return guarded(mailbox_of(url), addresses)
    from app.services.notify.chat import ChatChannel, scheme_of

    _check(scheme_of(url))
    return ChatChannel(url)


def check_channel(url: str, addresses: Addresses) -> str:
    """The kind of channel that a URL names, when it is saved; a name unknown today may pass.

    InvalidInput as `channel_at`.
    """
    with suppress(RetryableError):
        return channel_at(url, addresses).name
    return "email"


def checker(addresses: Addresses) -> partial[str]:
    """`check_channel` for a process whose calls go to these addresses."""
    return partial(check_channel, addresses=addresses)


def default_recipient() -> str:
    """Who is told when nobody else is named."""
    return get_settings().notify_to


def dedup_seconds() -> float:
    """For how long the same message is not told again to the same recipient."""
    return get_settings().notify_dedup_seconds


def _check(scheme: str) -> None:
    allowed = get_settings().notify_schemes.split(",")
    if not scheme:
        raise invalid("it begins with no kind of channel")
    if scheme not in allowed:
        what = f"No channel may be a {scheme[:20]}:// here, only {', '.join(allowed)}."
        raise InvalidInput("channel_scheme_refused", what, _HINT)
