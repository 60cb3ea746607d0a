"""The port: what every channel to people can do."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

#: The addresses of a server, by its host and port, that people may have us connect to; `plain` says that
#: nothing will be encrypted. InvalidInput `ssrf_blocked`, `url_not_https`; RetryableError `dns_error`.
Addresses = Callable[[str, int, bool], Sequence[str]]


@dataclass(frozen=True, slots=True)
class Message:
    """What is told to whom, and when. `key` stays the same when it is told again, because an answer was lost.

    `title` is one line; neither holds control characters, `text` has line breaks.
    """

    recipient: str
    title: str
    text: str
    key: str
    at: datetime | None = None


class Channel(Protocol):
    """One way to reach people."""

    @property
    def name(self) -> str:
        """What kind of channel it is: `log`, `memory`, `email`, `slack`."""

    def send(self, message: Message) -> str | None:
        """Tell somebody; returns the provider's id of the message, where it gives one.

        Raises RetryableError when trying again may help, PermanentError when it will not. Neither holds a
        part of the channel's URL but its host.
        """
