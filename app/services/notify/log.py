"""The log channel: notifications become log lines, for installations that have no mail server."""

import structlog

from app.services.notify.port import Message

log = structlog.get_logger()


class LogChannel:
    """Writes one line for each message. A repeated message is a repeated line with the same key."""

    name = "log"

    def send(self, message: Message) -> str | None:
        """Write the message to the log, which cannot refuse."""
        log.info(
            "notification was sent",
            to=message.recipient,
            title=message.title,
            text=message.text,
            key=message.key,
        )
        return None
