"""Blocks that storage is known to have lost: each was told of once and waits to be seen healthy again."""

from sqlalchemy import Column, Connection, String, Table, delete, insert, select

from app.engine import Timestamp, fold, folded, metadata
from app.signals.storage import IntegrityFailed, IntegrityRestored

broken_blocks = folded(
    Table(
        "broken_blocks",
        metadata,
        Column("digest", String(64), primary_key=True),
        Column("stream", String(200), nullable=False),
        Column("code", String(50), nullable=False),
        Column("since", Timestamp(), nullable=False),
    )
)


def is_broken(db: Connection, digest: str) -> bool:
    """Whether this block is known to be lost."""
    return (
        db.execute(select(broken_blocks.c.digest).where(broken_blocks.c.digest == digest)).scalar()
        is not None
    )


def all_broken(db: Connection) -> frozenset[str]:
    """The digests of all blocks known to be lost: few, or there is worse to worry about."""
    return frozenset(db.execute(select(broken_blocks.c.digest)).scalars())


@fold(IntegrityFailed)
def note_loss(db: Connection, event: IntegrityFailed) -> None:
    """The first report counts."""
    if not is_broken(db, event.digest):
        db.execute(
            insert(broken_blocks).values(
                digest=event.digest,
                stream=event.recorded.stream,
                code=event.failure.code,
                since=event.recorded.time,
            )
        )


@fold(IntegrityRestored)
def note_repair(db: Connection, event: IntegrityRestored) -> None:
    """The block is as good as any other."""
    db.execute(delete(broken_blocks).where(broken_blocks.c.digest == event.digest))
