"""What is held back of messages, by listener and recipient, until one message tells all of it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    Column,
    Connection,
    Integer,
    Row,
    String,
    Table,
    UniqueConstraint,
    delete,
    insert,
    select,
    update,
)

from app.engine import Json, Timestamp, deadline, fold, folded, metadata
from app.engine.hearing import PAUSED
from app.models import listeners
from app.models.rows import one
from app.signals.digests import (
    MOST_LINES,
    DigestDropped,
    DigestDue,
    DigestHeld,
    DigestPutOff,
    DigestSignal,
    Line,
)
from app.signals.quiet import undisturbed

digests = folded(
    Table(
        "digests",
        metadata,
        Column("id", String(36), primary_key=True),  # of the fact that opened it
        Column("stream", String(200), nullable=False),
        Column("listener_id", String(36), nullable=False),
        Column("recipient", String(320), nullable=False),
        Column("count", Integer, nullable=False),
        Column("first", Json(), nullable=False),  # the message, as it would have been sent
        Column("lines", Json(), nullable=False),  # of the first messages
        Column("opened_at", Timestamp(), nullable=False),
        Column("deadline_at", Timestamp(), nullable=True, index=True),  # None while its listener is paused
        UniqueConstraint("listener_id", "recipient", name="uq_digests_listener"),
    )
)


@dataclass(frozen=True, slots=True)
class Digest:
    """One row of `digests`."""

    id: str
    stream: str
    listener_id: str
    recipient: str
    count: int
    first: dict[str, Any]
    lines: list[dict[str, Any]]
    opened_at: datetime
    deadline_at: datetime | None

    def due(self) -> DigestDue:
        """The fact that it is to be told now."""
        only = {"message": self.first} if self.count == 1 else {}
        said = {"count": self.count, "since": self.opened_at, "lines": self.lines, **only}
        return DigestDue.model_validate({**self._whose(), **said})

    def put_off(self, until: datetime | None) -> DigestPutOff:
        """The fact that it waits longer: until its listener is resumed when there is no moment."""
        return DigestPutOff(**self._whose(), until=until)

    def dropped(self) -> DigestDropped:
        """The fact that it is told to nobody."""
        return DigestDropped(**self._whose(), count=self.count, since=self.opened_at)

    def _whose(self) -> dict[str, Any]:
        return {"listener_id": self.listener_id, "recipient": self.recipient}


def get(db: Connection, listener_id: str, recipient: str) -> Digest | None:
    """The open digest of a listener for a recipient."""
    return one(db, Digest, select(digests).where(*_of(listener_id, recipient)))


def of_listener(db: Connection, listener_id: str) -> list[Digest]:
    """The open digests of a listener: several when it was changed to tell somebody else."""
    query = select(digests).where(digests.c.listener_id == listener_id).order_by(digests.c.id)
    return [Digest(*row) for row in db.execute(query)]


@fold(DigestHeld)
def hold(db: Connection, event: DigestHeld) -> None:
    """The first message opens a digest, the others go into it."""
    found = get(db, event.listener_id, event.recipient)
    line = Line(at=event.message.at, title=event.message.title).model_dump(mode="json")
    if found is not None:
        lines = [*found.lines, line][:MOST_LINES]
        _change(db, event, count=found.count + 1, lines=lines)
        return
    whose = {"listener_id": event.listener_id, "recipient": event.recipient}
    what = {"count": 1, "first": event.message.model_dump(mode="json"), "lines": [line]}
    times = {"opened_at": event.recorded.time, "deadline_at": event.until}
    about = {"id": event.recorded.id, "stream": event.recorded.stream}
    db.execute(insert(digests).values(**about, **whose, **what, **times))


@fold(DigestPutOff)
def put_off(db: Connection, event: DigestPutOff) -> None:
    """It is looked at again later."""
    _change(db, event, deadline_at=event.until)


@fold(DigestDue, DigestDropped)
def end(db: Connection, event: DigestSignal) -> None:
    """What is held back from here on opens another one."""
    db.execute(delete(digests).where(*_of(event.listener_id, event.recipient)))


@deadline(digests)
def pass_on(db: Connection, row: Row[Any], now: datetime) -> DigestDue | DigestPutOff | DigestDropped:
    """It is to be told, unless its listener is gone or paused, or these are quiet hours."""
    digest = Digest(**row._mapping)
    listener = listeners.get(db, digest.listener_id)
    if listener is None:
        return digest.dropped()
    if listener.state == PAUSED:
        return digest.put_off(None)
    until = undisturbed(listener.spec["do"]["notify"], now)
    return digest.put_off(until) if until > now else digest.due()


def _change(db: Connection, event: DigestSignal, **values: Any) -> None:
    db.execute(update(digests).where(*_of(event.listener_id, event.recipient)).values(**values))


def _of(listener_id: str, recipient: str) -> tuple[Any, ...]:
    return (digests.c.listener_id == listener_id, digests.c.recipient == recipient)
