"""The port: what every channel to people can do."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Message:
    """What is told to whom. `key` stays the same when it is told again, because an answer was lost."""

    recipient: str
    title: str
    text: str
    key: str


class Channel(Protocol):
    """One way to reach people."""

    @property
    def name(self) -> str:
        """What the ledger calls it: `log`, `memory`, `email`."""

    def send(self, message: Message) -> str | None:
        """Tell somebody; returns the provider's id of the message, where it gives one.

        Raises RetryableError when trying again may help, PermanentError when it will not.
        """
