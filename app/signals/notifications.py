"""The ledger of what was told to whom, and what could not be. Nothing here touches the deploy it tells of."""

from typing import Any, Literal, Self

from pydantic import AwareDatetime

from app.engine import Failure, FailureSignal, Signal, current
from app.engine.signal import Text
from app.signals.sites import site_stream

#: What the ledger says of the event that was told of.
ABOUT = (
    "cause_event_id", "event_type", "of_stream", "listener_id", "site_id", "site", "deploy_id", "number",
)  # fmt: skip
#: What a failure to send says of the message, in its evidence.
TOLD = ("channel", "recipient", "title", "likeness", *ABOUT)


class NotificationSignal(Signal):
    """Base of the ledger's facts. `cause_event_id` and `event_type` are the event that was told of,
    `of_stream` is its stream; of what is about a site or a deploy, these are named.

    `channel` is `email`, `log`, or the name of the channel; `recipient` the address, or that name again.
    `likeness` is the same for messages that say the same to the same recipient.
    """

    cause_event_id: str
    event_type: str = ""
    of_stream: str = ""
    listener_id: str = ""
    site_id: str | None = None
    site: str | None = None
    deploy_id: str | None = None
    number: int | None = None
    channel: str | None = None
    recipient: str | None = None
    title: Text = ""
    likeness: str = ""

    @property
    def stream(self) -> str:
        """The stream of the event that was told of, if that is a site's; else one beside it: the streams
        of listeners and others are about those alone. It comes behind that one in the order of locks.
        """
        of_site = self.of_stream == site_stream(self.site_id or "")
        return self.of_stream if of_site else f"{self.of_stream}/told"[:200]

    @property
    def subject(self) -> str:
        """The subject of the event that was told of."""
        return self.deploy_id or ""

    @property
    def label(self) -> str:
        """The label of the event that was told of."""
        return ""

    @classmethod
    def about(cls, event: Signal, **fields: Any) -> Self:
        """This fact about telling of `event`, by the attempt at work."""
        recorded = event.recorded
        named = {name: recorded.data.get(name) for name in ("site_id", "site", "deploy_id", "number")}
        where = {"event_type": recorded.type, "of_stream": recorded.stream, "listener_id": current().listener}
        return cls.model_validate({**named, **where, "cause_event_id": recorded.id, **fields})


class NotificationSent(NotificationSignal, type="notification.sent"):
    """Somebody was told: `title` is the subject line, `text` what followed it.

    `suppressed` messages had said the same since the last one. `template` is `digest` for a list of what was
    held back.
    """

    template: str = ""
    text: Text = ""
    provider_message_id: str | None = None
    suppressed: int = 0


class NotificationSuppressed(NotificationSignal, type="notification.suppressed"):
    """Somebody was not told, for this reason: `deduped`, because `instead_of` (the id of the event that was
    told of, or is being) says the same; `digest` or `quiet_hours`, so that it is told later, about `until`.
    """

    reason: Literal["deduped", "digest", "quiet_hours"]
    instead_of: str | None = None
    until: AwareDatetime | None = None


class NotificationFailed(NotificationSignal, FailureSignal, type="notification.failed"):
    """Somebody could not be told, whatever was tried."""

    @classmethod
    def from_failure(cls, event: Signal, failure: Failure) -> Self:
        """The failure to tell of `event`; the evidence says whom, by `TOLD`."""
        told = {name: failure.evidence[name] for name in TOLD if name in failure.evidence}
        rest = {name: value for name, value in failure.evidence.items() if name not in TOLD}
        return cls.about(event, failure=failure.model_copy(update={"evidence": rest}), **told)
