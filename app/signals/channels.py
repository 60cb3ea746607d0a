"""Channels by which people are told: added and removed. Their URLs are secrets, so no fact holds one."""

from app.engine import Signal


class ChannelSignal(Signal):
    """Base of what happens to a channel: its name, and what kind of one it is (`email`, `slack`, ...)."""

    channel_id: str
    name: str
    scheme: str

    @property
    def stream(self) -> str:
        """The stream of all channels: their names are unique."""
        return CHANNELS_STREAM

    @property
    def subject(self) -> str:
        """The channel."""
        return self.channel_id

    @property
    def label(self) -> str:
        """Its name."""
        return self.name


CHANNELS_STREAM = "/channels"


class ChannelAdded(ChannelSignal, type="notification.channel.added"):
    """Somebody added a channel."""


class ChannelRemoved(ChannelSignal, type="notification.channel.removed"):
    """Somebody removed a channel: what is still to be told by it fails."""


class ChannelTestRequested(ChannelSignal, type="notification.channel.test_requested", starts="notification"):
    """Somebody wants to see whether a channel works: a message is sent by it, once."""
