"""The memory channel: messages are kept in a list, for tests and demonstrations in one process."""

from app.services.notify.port import Message


class MemoryChannel:
    """Keeps what was sent, each key once."""

    name = "memory"

    def __init__(self) -> None:
        #: What was sent, by key.
        self.sent: dict[str, Message] = {}

    def send(self, message: Message) -> str | None:
        """Keep the message; one that was sent before is not sent twice."""
        self.sent.setdefault(message.key, message)
        return message.key
