"""The ledger of what was told to whom, and what could not be. Nothing here touches the deploy it tells of."""

from typing import Self

from app.engine import Failure, FailureSignal, Signal
from app.signals.deploys import DeploySignal


class NotificationSignal(DeploySignal):
    """Base of the ledger's facts. `cause_event_id` is the event that was told of."""

    cause_event_id: str


class NotificationSent(NotificationSignal, type="notification.sent"):
    """Somebody was told: `title` is the subject line, `text` what followed it."""

    channel: str
    recipient: str
    title: str
    text: str
    provider_message_id: str | None = None


class NotificationFailed(NotificationSignal, FailureSignal, type="notification.failed"):
    """Somebody could not be told."""

    @classmethod
    def from_failure(cls, event: Signal, failure: Failure) -> Self:
        """The failure to tell of `event`."""
        about = {**event.recorded.data, "cause_event_id": event.recorded.id, "failure": failure}
        return cls.model_validate(about)
