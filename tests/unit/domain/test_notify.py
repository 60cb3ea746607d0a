"""The channels by which people are told."""

from collections.abc import Callable

import structlog

from app.services.notify import default_recipient, open_channel
from app.services.notify.memory import MemoryChannel
from app.services.notify.port import Message

MESSAGE = Message(recipient="ops@example.org", title="hello #3 is live", text="12 files.", key="r1")


def test_the_log_channel_writes_everything_into_one_line() -> None:
    with structlog.testing.capture_logs() as lines:
        assert open_channel().send(MESSAGE) is None
    assert lines == [
        {
            "event": "notification was sent",
            "log_level": "info",
            "to": "ops@example.org",
            "title": "hello #3 is live",
            "text": "12 files.",
            "key": "r1",
        }
    ]


def test_the_memory_channel_keeps_a_repeated_message_once() -> None:
    channel = MemoryChannel()
    assert channel.send(MESSAGE) == channel.send(MESSAGE) == "r1"
    assert channel.sent == {"r1": MESSAGE}


def test_the_setting_says_who_is_told(configure: Callable[..., None]) -> None:
    configure(NOTIFY_TO="ops@example.org")
    assert default_recipient() == "ops@example.org"
