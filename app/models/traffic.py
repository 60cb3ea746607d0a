"""How far the gateway's access files have been read: what was, is never read again."""

from dataclasses import dataclass

from sqlalchemy import BigInteger, Column, Connection, String, Table, insert, select, update

from app.engine import fold, folded, metadata
from app.models.rows import one
from app.signals.usage import TrafficRead

files = folded(
    Table(
        "traffic_files",
        metadata,
        Column("file", String(100), primary_key=True),
        Column("stream", String(200), nullable=False),
        Column("offset", BigInteger, nullable=False),
        Column("flow", String(36), nullable=False),  # of all that was read of it
        Column("requests", BigInteger, nullable=False),
        Column("damaged", BigInteger, nullable=False),
    )
)


@dataclass(frozen=True, slots=True)
class TrafficFile:
    """One row of `traffic_files`: all before the byte `offset` has been counted."""

    file: str
    stream: str
    offset: int
    flow: str
    requests: int
    damaged: int


def get(db: Connection, file: str) -> TrafficFile | None:
    """How far a file has been read; None when none of it has."""
    return one(db, TrafficFile, select(files).where(files.c.file == file))


@fold(TrafficRead)
def read(db: Connection, event: TrafficRead) -> None:
    """One more part of a file has been read."""
    before = get(db, event.file)
    if before is None:
        first = {"stream": event.recorded.stream, "flow": event.recorded.flow, "offset": event.end}
        counts = {"requests": event.requests, "damaged": event.damaged}
        db.execute(insert(files).values(file=event.file, **first, **counts))
    elif before.offset == event.start:
        more = {
            "offset": event.end,
            "requests": before.requests + event.requests,
            "damaged": before.damaged + event.damaged,
        }
        db.execute(update(files).where(files.c.file == event.file).values(more))
