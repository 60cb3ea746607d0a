"""Channels by which people are told: adding, removing and trying them, and who a listener may tell what."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from app.engine import Event, Recording, new_id
from app.errors import Conflict, InvalidInput
from app.models import channels, listeners
from app.models.channels import Channel
from app.signals.channels import CHANNELS_STREAM, ChannelAdded, ChannelRemoved, ChannelTestRequested
from app.signals.quiet import check_later
from app.signals.templates import LONGEST_TITLE, check, parse
from config.mail import is_address

#: The longest template that is saved.
LONGEST_TEMPLATE = 4000
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")
_TAKEN = ("email", "log", "memory")  # which are what the ledger calls the ways that need no channel


def add_channel(log: Recording, name: str, url: str, scheme: str) -> Channel:
    """Add a channel; `url` was checked and is kept sealed, `scheme` is what kind it turned out to be.

    InvalidInput `name_invalid`; Conflict `channel_exists`.
    """
    if not _NAME.fullmatch(name) or name in _TAKEN:
        hint = f"Use a to z, 0 to 9 and . _ -, and none of {', '.join(_TAKEN)}."
        raise InvalidInput("name_invalid", "That cannot be the name of a channel.", hint)
    log.lock(CHANNELS_STREAM)
    if channels.named(log.db, name) is not None:
        hint = "Remove that one first, or take another name."
        raise Conflict("channel_exists", f"There is a channel called {name} already.", hint)
    channel_id = new_id()
    log.record(ChannelAdded(channel_id=channel_id, name=name, scheme=scheme))
    channels.store_url(log.db, channel_id, url)
    return channels.require(log.db, name)


def remove_channel(log: Recording, name: str) -> None:
    """Remove a channel. NotFound `channel_not_found`; Conflict `channel_in_use`."""
    log.lock(CHANNELS_STREAM)
    found = channels.require(log.db, name)
    if users := listeners.telling(log.db, name):
        what = f"{name} is what {', '.join(users[:3])} tells by."
        raise Conflict("channel_in_use", what, "Change or delete these listeners first.")
    log.record(ChannelRemoved(channel_id=found.id, name=found.name, scheme=found.scheme))
    channels.forget_url(log.db, found.id)


def try_channel(log: Recording, name: str) -> Event:
    """Have a message sent by a channel; returns the event of which the ledger will tell what came of it.

    NotFound `channel_not_found`.
    """
    log.lock(CHANNELS_STREAM)
    found = channels.require(log.db, name)
    return log.record(ChannelTestRequested(channel_id=found.id, name=found.name, scheme=found.scheme))


def check_notify(log: Recording, do: Mapping[str, Any], types: Sequence[str]) -> None:
    """Whether events of these types can be told as a listener's `do` says.

    InvalidInput `address_invalid`, `template_invalid`, `template_unknown_field`, `channel_unknown`,
    `digest_invalid`, `quiet_invalid`, `timezone_unknown`.
    """
    how = do["notify"]
    check_later(how)
    if "@" not in how["to"]:
        if channels.named(log.db, how["to"]) is None:
            hint = "Add it (flask channels add), or write an e-mail address."
            raise InvalidInput("channel_unknown", f"There is no channel {how['to'][:80]}.", hint)
    elif not is_address(how["to"]):
        hint = "Write it in ASCII, such as me@example.org, or name a channel."
        raise InvalidInput("address_invalid", "That is no e-mail address.", hint)
    for name, longest in (("title", LONGEST_TITLE), ("template", LONGEST_TEMPLATE)):
        if how.get(name):
            check(parse(how[name], longest), types)
