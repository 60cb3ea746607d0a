"""What became of the calls to outside services: one fact for each attempt. No webhook hears these."""

from typing import Self

from app.engine import Failure, FailureSignal, Signal, current
from app.engine.signal import Text


class WebhookSignal(Signal):
    """Base of what a call came to: the listener, and the event that was told of. `attempt` counts from 1."""

    listener_id: str
    event_id: str
    event_type: str
    attempt: int

    @property
    def stream(self) -> str:
        """The stream of the calls of one listener."""
        return f"/webhooks/{self.listener_id}"

    @property
    def subject(self) -> str:
        """The listener."""
        return self.listener_id

    @property
    def label(self) -> str:
        """The label of the event that was told of."""
        return ""

    @classmethod
    def about(cls, event: Signal, attempt: int, **fields: object) -> Self:
        """This fact about a call that tells of `event`, made by the attempt at work."""
        recorded = event.recorded
        return cls.model_validate(
            {
                "listener_id": _whose(event),
                "event_id": recorded.id,
                "event_type": recorded.type,
                "attempt": attempt,
                **fields,
            }
        )


class WebhookTestRequested(Signal, type="webhook.test.requested"):
    """Somebody wants to see whether a receiver takes calls: this is what it is told of.

    Fields: the listener, its name, and a text for people who find it at the receiver.
    """

    listener_id: str
    name: str
    message: str = "This is a test that somebody asked for. Nothing has happened."

    @property
    def stream(self) -> str:
        """The stream of the calls of the listener."""
        return f"/webhooks/{self.listener_id}"

    @property
    def label(self) -> str:
        """The listener's name."""
        return self.name


def _whose(event: Signal) -> str:
    """Whose call tells of an event: of a test that of the listener which is tested."""
    return event.listener_id if isinstance(event, WebhookTestRequested) else current().listener


class WebhookDelivered(WebhookSignal, type="webhook.delivered"):
    """A receiver has taken an event: what it answered, after how many milliseconds, and the first of it."""

    url_host: str
    http_status: int
    ms: int
    response_snippet: Text


class WebhookFailed(WebhookSignal, FailureSignal, type="webhook.failed"):
    """A call came to nothing. Its evidence holds `http_status`, `ms`, `snippet` and, when it is tried again,
    `next_attempt_at`.
    """

    @classmethod
    def from_failure(cls, event: Signal, failure: Failure) -> Self:
        """The failure to tell of `event`."""
        return cls.about(event, failure.attempt, failure=failure)
