"""What is held back of messages to people, to be told later in one: a digest of one listener for one
recipient.
"""

from datetime import tzinfo
from typing import Any, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from app.engine import Signal
from app.engine.signal import Text
from app.signals.notifications import ABOUT, NotificationSuppressed
from app.signals.telling import counted

#: A digest lists no more messages; the others are counted.
MOST_LINES = 100


class Line(BaseModel):
    """One line of a digest: when something happened, and the subject line of the message about it."""

    model_config = ConfigDict(frozen=True)

    at: AwareDatetime
    title: Text


class HeldMessage(BaseModel):
    """A message that was held back, as it would have been sent; the fields are those of the ledger."""

    model_config = ConfigDict(frozen=True)

    cause_event_id: str
    event_type: str
    of_stream: str
    listener_id: str
    site_id: str | None = None
    site: str | None = None
    deploy_id: str | None = None
    number: int | None = None
    title: Text
    text: Text
    likeness: str = ""
    suppressed: int = 0
    at: AwareDatetime

    @classmethod
    def of(cls, held: NotificationSuppressed, **fields: Any) -> Self:
        """The message of which the ledger says that it was held back."""
        return cls(**{name: getattr(held, name) for name in (*ABOUT, "title")}, **fields)

    @property
    def about(self) -> dict[str, Any]:
        """What the ledger says of the event that it tells of."""
        return {name: getattr(self, name) for name in ABOUT}


class DigestSignal(Signal):
    """Base of what happens to the digest of a listener for a recipient."""

    listener_id: str
    recipient: str

    @property
    def stream(self) -> str:
        """A stream of the listener's own."""
        return digests_stream(self.listener_id)

    @property
    def subject(self) -> str:
        """The listener."""
        return self.listener_id

    @property
    def label(self) -> str:
        """Who is to be told."""
        return self.recipient


class DigestHeld(DigestSignal, type="notification.digest.held"):
    """A message goes into a digest. If it is the first one, it opens it, and `until` is when that is due."""

    message: HeldMessage
    until: AwareDatetime


class DigestPutOff(DigestSignal, type="notification.digest.put_off", starts="digest"):
    """A digest waits longer: `until` the end of quiet hours, or, when that is nothing, until its paused
    listener is resumed.
    """

    until: AwareDatetime | None = None


class DigestDue(DigestSignal, type="notification.digest.due", starts="digest"):
    """A digest ends, and what is in it is to be told: `count` messages held back since `since`, the first of
    them as `lines`. The only one is told as it would have been: it is the `message`.
    """

    count: int
    since: AwareDatetime
    lines: tuple[Line, ...] = Field(max_length=MOST_LINES)
    message: HeldMessage | None = None

    def listing(self, zone: tzinfo) -> str:
        """All of it as a text, its times in this zone."""
        listed = [f"{each.at.astimezone(zone):%Y-%m-%d %H:%M %Z}  {each.title}" for each in self.lines]
        more = self.count - len(listed)
        return "\n".join([*listed, *([f"and {more} more"] if more else [])])

    @property
    def title(self) -> str:
        """The subject line of the message that lists them."""
        return f"{counted(self.count, 'message')} held back for you"


class DigestDropped(DigestSignal, type="notification.digest.dropped", starts="digest"):
    """A digest ends and is told to nobody, because its listener was deleted: `count` messages were in it."""

    count: int
    since: AwareDatetime


def digests_stream(listener_id: str) -> str:
    """The stream of a listener's digests. By its name it comes before those in which the ledger is, in the
    order of locks: what was sent is never unrecorded because of a lock.
    """
    return f"/briefings/{listener_id}"
