"""Channels by which people are told, and their sealed URLs: those are no fold, as a secret is never part of
the log.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Column, Connection, String, Table, Text, delete, insert, select

from app.engine import Timestamp, fold, folded, metadata
from app.errors import NotFound, PermanentError
from app.models.rows import newest, one
from app.secrets.sealing import seal, unseal
from app.signals.channels import ChannelAdded, ChannelRemoved

channels = folded(
    Table(
        "channels",
        metadata,
        Column("id", String(36), primary_key=True),
        Column("name", String(200), nullable=False, unique=True),
        Column("scheme", String(20), nullable=False),
        Column("created_at", Timestamp(), nullable=False),
    )
)
urls = Table(
    "channel_urls",
    metadata,
    Column("channel", String(36), primary_key=True),
    Column("sealed", Text, nullable=False),
)


@dataclass(frozen=True, slots=True)
class Channel:
    """One row of `channels`."""

    id: str
    name: str
    scheme: str
    created_at: datetime


def named(db: Connection, name: str) -> Channel | None:
    """A channel by its name."""
    return one(db, Channel, select(channels).where(channels.c.name == name))


def require(db: Connection, name: str) -> Channel:
    """A channel by its name. Raises NotFound `channel_not_found`."""
    found = named(db, name)
    if found is None:
        hint = "See the list of channels, or write an e-mail address."
        raise NotFound("channel_not_found", f"There is no channel {name[:80]}.", hint)
    return found


def page(db: Connection, limit: int, after: str | None = None) -> list[Channel]:
    """Channels, newest first, behind the id `after`."""
    query = newest(select(channels), channels.c.id, limit, after)
    return [Channel(*row) for row in db.execute(query)]


def store_url(db: Connection, channel: str, url: str) -> None:
    """Keep where a new channel leads."""
    db.execute(insert(urls).values(channel=channel, sealed=seal(url, _owner(channel))))


def url_of(db: Connection, channel: str) -> str:
    """Where a channel leads. PermanentError `secret_unreadable`, `secret_damaged`, `channel_not_found`."""
    sealed = db.execute(select(urls.c.sealed).where(urls.c.channel == channel)).scalar()
    if sealed is None:
        hint = "Remove the channel and add it anew."
        raise PermanentError("channel_not_found", f"The URL of the channel {channel} is not there.", hint)
    return unseal(sealed, _owner(channel))


def forget_url(db: Connection, channel: str) -> None:
    """Keep it no more."""
    db.execute(delete(urls).where(urls.c.channel == channel))


def _owner(channel: str) -> str:
    return f"channel:{channel}"


@fold(ChannelAdded)
def add(db: Connection, signal: ChannelAdded) -> None:
    """There is one more."""
    row = {"id": signal.channel_id, "name": signal.name, "scheme": signal.scheme}
    db.execute(insert(channels).values(row | {"created_at": signal.recorded.time}))


@fold(ChannelRemoved)
def remove(db: Connection, signal: ChannelRemoved) -> None:
    """It is there no more."""
    db.execute(delete(channels).where(channels.c.id == signal.channel_id))
