"""Webhooks: the ledger of every attempt, how each receiver has done lately, and the sealed secrets.

The secrets are no fold: a secret is never part of the log.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    Column,
    Connection,
    Index,
    Integer,
    Row,
    String,
    Table,
    Text,
    delete,
    insert,
    select,
    update,
)

from app.engine import Timestamp, fold, folded, metadata
from app.errors import PermanentError
from app.models.rows import newest, one
from app.secrets.sealing import seal, unseal
from app.secrets.webhooks import PRIVATE, public_key
from app.signals.webhooks import WebhookDelivered, WebhookFailed, WebhookTestRequested

attempts = folded(
    Table(
        "webhook_attempts",
        metadata,
        Column("id", String(36), primary_key=True),  # of the event that tells of it
        Column("listener", String(36), nullable=False),
        Column("event", String(36), nullable=False),
        Column("event_type", String(100), nullable=False),
        Column("attempt", Integer, nullable=False),
        Column("at", Timestamp(), nullable=False),
        Column("code", String(50), nullable=True),  # None when it was taken
        Column("http_status", Integer, nullable=True),
        Column("ms", Integer, nullable=True),
        Column("snippet", Text, nullable=True),
        Column("next_attempt_at", Timestamp(), nullable=True),
        Index("ix_webhook_attempts_listener", "listener", "id"),
        Index("ix_webhook_attempts_event", "event"),
    )
)
health = folded(
    Table(
        "webhook_health",
        metadata,
        Column("listener", String(36), primary_key=True),
        Column("failing_since", Timestamp(), nullable=True),
        Column("failures", Integer, nullable=False),  # one after the other
    )
)
secrets = Table(
    "webhook_secrets",
    metadata,
    Column("listener", String(36), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("sealed", Text, nullable=False),
    Column("good_until", Timestamp(), nullable=True),
    Column("public", String(100), nullable=True),  # the half that receivers know, of a key that has two
)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One row of `webhook_attempts`."""

    id: str
    listener: str
    event: str
    event_type: str
    attempt: int
    at: datetime
    code: str | None
    http_status: int | None
    ms: int | None
    snippet: str | None
    next_attempt_at: datetime | None


@dataclass(frozen=True, slots=True)
class Health:
    """One row of `webhook_health`: since when nothing was taken, and how many attempts failed in a row."""

    listener: str
    failing_since: datetime | None
    failures: int


def page(db: Connection, listener: str, limit: int, after: str | None = None) -> list[Attempt]:
    """The attempts of a listener, newest first, behind the id `after`."""
    query = select(attempts).where(attempts.c.listener == listener)
    return [Attempt(*row) for row in db.execute(newest(query, attempts.c.id, limit, after))]


def of_event(db: Connection, listener: str, event: str) -> Attempt | None:
    """The newest attempt of a listener to tell of an event."""
    theirs = select(attempts).where(attempts.c.event == event, attempts.c.listener == listener)
    return one(db, Attempt, newest(theirs, attempts.c.id, limit=1))


def health_of(db: Connection, listener: str) -> Health | None:
    """How the receiver of a listener has done; None before the first attempt."""
    return one(db, Health, select(health).where(health.c.listener == listener))


def store_secrets(
    db: Connection, listener: str, made: Sequence[str], now: datetime, overlap: timedelta = timedelta(0)
) -> None:
    """Sign with these secrets from now on, and for some time with those before as well."""
    last = max((row.number for row in _secrets(db, listener)), default=0)
    before = (secrets.c.listener == listener, secrets.c.good_until.is_(None))
    db.execute(update(secrets).where(*before).values(good_until=now + overlap))
    over = (secrets.c.listener == listener, secrets.c.good_until <= now)
    db.execute(delete(secrets).where(*over))
    for number, secret in enumerate(made, last + 1):
        row = {"listener": listener, "number": number, "sealed": seal(secret, _owner(listener, number))}
        public = public_key(secret) if secret.startswith(PRIVATE) else None
        db.execute(insert(secrets).values(row | {"public": public}))


def secrets_of(db: Connection, listener: str, now: datetime) -> list[str]:
    """What calls of a listener are signed with, the newest first. PermanentError `secret_unreadable`."""
    return [
        unseal(row.sealed, _owner(listener, row.number))
        for row in _secrets(db, listener)
        if row.good_until is None or row.good_until > now
    ]


def public_keys(db: Connection, listener: str, now: datetime) -> list[str]:
    """What receivers check the signatures of a listener's calls with, if they share no secret: the newest
    first.
    """
    return [
        row.public
        for row in _secrets(db, listener)
        if row.public and (row.good_until is None or row.good_until > now)
    ]


def knows_secret(db: Connection, listener: str, secret: str) -> bool:
    """Whether calls of a listener are, or lately were, signed with this secret."""
    for row in _secrets(db, listener):
        with suppress(PermanentError):  # one of another SECRET_KEY
            if unseal(row.sealed, _owner(listener, row.number)) == secret:
                return True
    return False


def forget_secrets(db: Connection, listener: str) -> None:
    """Sign nothing any more."""
    db.execute(delete(secrets).where(secrets.c.listener == listener))


def _secrets(db: Connection, listener: str) -> list[Row[Any]]:
    """What is stored for a listener, the newest first."""
    theirs = select(secrets).where(secrets.c.listener == listener)
    return list(db.execute(theirs.order_by(secrets.c.number.desc())))


def _owner(listener: str, number: int) -> str:
    return f"webhook:{listener}:{number}"


@fold(WebhookDelivered)
def take(db: Connection, signal: WebhookDelivered) -> None:
    """One more was taken."""
    also = {"http_status": signal.http_status, "ms": signal.ms, "snippet": signal.response_snippet}
    _add(db, signal, also)
    if signal.event_type != WebhookTestRequested.type:
        _set_health(db, signal.listener_id, None, 0)


@fold(WebhookFailed)
def fail(db: Connection, signal: WebhookFailed) -> None:
    """One more came to nothing."""
    evidence = signal.failure.evidence
    next_at = evidence.get("next_attempt_at")
    also = {name: evidence.get(name) for name in ("http_status", "ms", "snippet")}
    also["next_attempt_at"] = datetime.fromisoformat(next_at) if next_at else None
    _add(db, signal, also | {"code": signal.failure.code})
    if signal.event_type == WebhookTestRequested.type:
        return  # people test receivers that are not ready yet
    before = health_of(db, signal.listener_id)
    since = before and before.failing_since
    _set_health(db, signal.listener_id, since or signal.recorded.time, (before.failures if before else 0) + 1)


def _add(db: Connection, signal: WebhookDelivered | WebhookFailed, also: dict[str, object]) -> None:
    row = {
        "id": signal.recorded.id,
        "listener": signal.listener_id,
        "event": signal.event_id,
        "event_type": signal.event_type,
        "attempt": signal.attempt,
        "at": signal.recorded.time,
    }
    db.execute(insert(attempts).values(row | also))


def _set_health(db: Connection, listener: str, since: datetime | None, failures: int) -> None:
    values = {"failing_since": since, "failures": failures}
    if db.execute(update(health).where(health.c.listener == listener).values(values)).rowcount == 0:
        db.execute(insert(health).values(listener=listener, **values))
