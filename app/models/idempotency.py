"""Requests that carry an Idempotency-Key and the answers they got, kept for a day.

Not a fold: this is bookkeeping of the faces.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Column, Connection, Integer, String, Table, delete, select, update

from app.engine import Json, Timestamp, metadata
from app.engine.database import inserting
from app.models.rows import one

KEPT = timedelta(hours=24)

idempotency = Table(
    "idempotency",
    metadata,
    Column("token", String(36), primary_key=True),  # or the deploy hook that asked
    Column("key", String(255), primary_key=True),
    Column("request_hash", String(64), nullable=False),
    Column("status", Integer, nullable=True),
    Column("answer", Json(), nullable=True),
    Column("created_at", Timestamp(), nullable=False, index=True),
)


@dataclass(frozen=True, slots=True)
class Answered:
    """A request that was made before under the same key: what it asked, and what it was answered."""

    request_hash: str
    status: int
    answer: Any


def claim(db: Connection, token: str, key: str, request_hash: str, now: datetime) -> Answered | None:
    """Take a key for this request, first thing in the transaction of the command; None when it was free.

    Otherwise the earlier request and its answer. While another transaction holds the key this waits for its
    end, so of two requests at once one does the work and the other gets its answer.
    """
    db.execute(delete(idempotency).where(idempotency.c.created_at < now - KEPT))
    values = {"token": token, "key": key, "request_hash": request_hash, "created_at": now}
    taken = inserting(db, idempotency).values(values).on_conflict_do_nothing().returning(idempotency.c.key)
    if db.execute(taken).scalar() is not None:
        return None
    columns = (idempotency.c.request_hash, idempotency.c.status, idempotency.c.answer)
    return Answered(*db.execute(select(*columns).where(*_is(token, key))).one())


def store_answer(db: Connection, token: str, key: str, status: int, answer: Any) -> None:
    """Keep what the request that claimed the key is answered, in the same transaction."""
    db.execute(update(idempotency).where(*_is(token, key)).values(status=status, answer=answer))


def find(db: Connection, token: str, key: str) -> Answered | None:
    """The request made under this key, if there was one: a cheap look before an upload is taken in."""
    columns = (idempotency.c.request_hash, idempotency.c.status, idempotency.c.answer)
    return one(db, Answered, select(*columns).where(*_is(token, key)))


def _is(token: str, key: str) -> tuple[Any, ...]:
    return idempotency.c.token == token, idempotency.c.key == key
