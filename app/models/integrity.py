"""Blocks that storage is known to have lost: each was told of and waits to be seen healthy again."""

from datetime import datetime, timedelta

from sqlalchemy import Column, Connection, String, Table, delete, insert, select, update

from app.engine import Timestamp, fold, folded, metadata
from app.signals.storage import IntegrityFailed, IntegrityRestored

#: How long a loss that was told is not told again.
REMINDER = timedelta(days=1)

broken_blocks = folded(
    Table(
        "broken_blocks",
        metadata,
        Column("digest", String(64), primary_key=True),
        Column("stream", String(200), nullable=False),
        Column("code", String(50), nullable=False),
        Column("told_at", Timestamp(), nullable=False),
    )
)


def told_at(db: Connection, digest: str) -> datetime | None:
    """When it was last told that this block is lost; None while it is not known to be."""
    return db.execute(select(broken_blocks.c.told_at).where(broken_blocks.c.digest == digest)).scalar()


def is_due(db: Connection, digest: str, at: datetime) -> bool:
    """Whether the loss of this block is to be told: for the first time, or again after a day."""
    told = told_at(db, digest)
    return told is None or at - told >= REMINDER


def all_broken(db: Connection) -> frozenset[str]:
    """The digests of all blocks known to be lost: few, or there is worse to worry about."""
    return frozenset(db.execute(select(broken_blocks.c.digest)).scalars())


@fold(IntegrityFailed)
def note_loss(db: Connection, event: IntegrityFailed) -> None:
    """The block is lost, or still is."""
    said = {"code": event.failure.code, "told_at": event.recorded.time}
    again = update(broken_blocks).where(broken_blocks.c.digest == event.digest).values(said)
    if told_at(db, event.digest):
        db.execute(again)
    else:
        db.execute(insert(broken_blocks).values(digest=event.digest, stream=event.recorded.stream, **said))


@fold(IntegrityRestored)
def note_repair(db: Connection, event: IntegrityRestored) -> None:
    """The block is as good as any other."""
    db.execute(delete(broken_blocks).where(broken_blocks.c.digest == event.digest))
