"""How people are told things. There is only the log channel; a setting will choose when there are more."""

from app.services.notify.log import LogChannel
from app.services.notify.port import Channel
from config.settings import get_settings


def open_channel() -> Channel:
    """The channel by which people are told."""
    return LogChannel()


def default_recipient() -> str:
    """Who is told when nobody else is named."""
    return get_settings().notify_to
