"""The ledger of notifications: what was told to whom, what was not told and why, and what could not be."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Column, Connection, Index, Integer, String, Table, Text, insert, select

from app.engine import Json, Timestamp, fold, folded, metadata
from app.engine.reactions import OPEN
from app.engine.signal import Event
from app.engine.tables import events, reactions
from app.models.rows import newest
from app.signals.notifications import (
    NotificationFailed,
    NotificationSent,
    NotificationSignal,
    NotificationSuppressed,
)

#: No more suppressed messages are counted.
MOST_COUNTED = 1000

notifications = folded(
    Table(
        "notifications",
        metadata,
        Column("id", String(36), primary_key=True),
        Column("stream", String(200), nullable=False),
        Column("site_id", String(36), nullable=True, index=True),
        Column("site", String(63), nullable=True),
        Column("deploy_id", String(36), nullable=True),
        Column("status", String(10), nullable=False),
        Column("channel", String(200), nullable=True),
        Column("recipient", String(320), nullable=True),
        Column("title", Text, nullable=True),
        Column("text", Text, nullable=True),
        Column("failure", Json(), nullable=True),
        Column("cause_event_id", String(36), nullable=False),
        Column("created_at", Timestamp(), nullable=False),
        Column("event_type", String(100), nullable=False),
        Column("listener", String(200), nullable=False),
        Column("reason", String(20), nullable=True),
        Column("likeness", String(40), nullable=False),
        Column("suppressed", Integer, nullable=False),  # how many had said the same since the last one
        Column("until", Timestamp(), nullable=True),  # when what was held back is told
        Index("ix_notifications_likeness", "likeness", "id"),
    )
)


@dataclass(frozen=True, slots=True)
class Notification:
    """One row of `notifications`."""

    id: str
    stream: str
    site_id: str | None
    site: str | None
    deploy_id: str | None
    status: str
    channel: str | None
    recipient: str | None
    title: str | None
    text: str | None
    failure: dict[str, Any] | None
    cause_event_id: str
    created_at: datetime
    event_type: str
    listener: str
    reason: str | None
    likeness: str
    suppressed: int
    until: datetime | None


def page(
    db: Connection, limit: int, after: str | None = None, *, like: Mapping[str, str | None]
) -> list[Notification]:
    """The ledger, newest first, behind the id `after`; `like` holds wanted values of columns or None."""
    query = newest(select(notifications), notifications.c.id, limit, after)
    for name, value in like.items():
        if value is not None:
            query = query.where(notifications.c[name] == value)
    return [Notification(*row) for row in db.execute(query)]


def said_lately(db: Connection, likeness: str, since: datetime) -> tuple[str | None, int]:
    """The event of which the last message like this told, if that was after `since`; and how many such
    messages were suppressed since the last one.
    """
    alike = select(notifications).where(notifications.c.likeness == likeness)
    count = 0
    for row in db.execute(alike.order_by(notifications.c.id.desc()).limit(MOST_COUNTED)):
        if row.status == "sent":
            return (row.cause_event_id if row.created_at >= since else None), count
        count += row.status == "suppressed"
    return None, count


def being_said(db: Connection, listener: str, event: Event, since: datetime) -> list[tuple[str, Any]]:
    """The id and data of earlier events like this one which a listener is answering, but has not yet."""
    query = (
        select(events.c.id, events.c.data)
        .join(reactions, reactions.c.event == events.c.id)
        .where(reactions.c.listener == listener, reactions.c.state.in_(OPEN), events.c.time >= since)
        .where(events.c.stream == event.stream, events.c.sequence < event.sequence)
        .where(events.c.type == event.type, events.c.subject == event.subject)
        .order_by(events.c.sequence)
    )
    return [(row.id, row.data) for row in db.execute(query)]


@fold(NotificationSent)
def send(db: Connection, event: NotificationSent) -> None:
    """Somebody was told."""
    _add(db, event, {"status": "sent", "text": event.text, "suppressed": event.suppressed})


@fold(NotificationSuppressed)
def suppress(db: Connection, event: NotificationSuppressed) -> None:
    """Somebody was not told."""
    _add(db, event, {"status": "suppressed", "reason": event.reason, "until": event.until})


@fold(NotificationFailed)
def fail(db: Connection, event: NotificationFailed) -> None:
    """Somebody could not be told."""
    _add(db, event, {"status": "failed", "failure": event.failure.model_dump(mode="json")})


def _add(db: Connection, event: NotificationSignal, also: dict[str, Any]) -> None:
    names = ("site_id", "site", "deploy_id", "channel", "recipient", "event_type", "likeness")
    row = {name: getattr(event, name) for name in names}
    row |= {"id": event.recorded.id, "stream": event.recorded.stream, "created_at": event.recorded.time}
    row |= {"listener": event.listener_id, "cause_event_id": event.cause_event_id, "suppressed": 0}
    db.execute(insert(notifications).values(row | {"title": event.title or None} | also))
