"""Proof that models follow the log: fold it again, in place (`rebuild`) or beside the system at work
(`verify`).
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import structlog
from sqlalchemy import Connection, Engine, delete, select, text
from sqlalchemy.schema import CreateSchema

from app.engine import log
from app.engine.database import get_engine, is_postgres, metadata, writing
from app.engine.folds import FOLDED, apply_folds
from app.engine.signal import Signal, UnknownSignal, revive
from app.engine.tables import events

BATCH = 1000
SHOWN = 10

_log = structlog.get_logger()


@dataclass(frozen=True)
class Difference:
    """A table in which the live rows and the fold of the log disagree; at most ten rows of each kind."""

    table: str
    #: Rows that are there although the log does not lead to them.
    unexplained: list[dict[str, Any]]
    #: Rows that the log leads to and that are not there.
    missing: list[dict[str, Any]]


def rebuild() -> int:
    """Empty every folded table and fold the whole log into it again; returns the number of events.

    Exclusive: it is one transaction, and nobody else records anything until it is over.
    """
    with writing() as db:
        if is_postgres(db):
            db.execute(text("LOCK TABLE streams, events IN EXCLUSIVE MODE"))
        for table in reversed(FOLDED):
            db.execute(delete(table))
        return _fold_all(db)


def verify() -> list[Difference]:
    """Fold the log into shadow tables and compare them with the live ones: what differs, empty when all is
    well.

    Works beside a running system: it reads one snapshot, and nothing that it writes is ever committed.
    """
    engine = get_engine()
    schema = f"shadow_{os.getpid()}"
    with engine.connect() as db, _attached(engine, db, schema):
        db.execution_options(schema_translate_map={None: schema}, **_snapshot(engine))
        try:
            if is_postgres(db):
                db.execute(CreateSchema(schema))
            metadata.create_all(db, tables=FOLDED, checkfirst=False)
            _fold_all(db)
            return [found for table in FOLDED if (found := _compare(db, table.name, schema))]
        finally:
            db.rollback()


def _snapshot(engine: Engine) -> dict[str, Any]:
    return {"isolation_level": "REPEATABLE READ"} if engine.dialect.name == "postgresql" else {}


@contextmanager
def _attached(engine: Engine, db: Connection, schema: str) -> Iterator[None]:
    """On SQLite, a database in memory beside the real one while the block runs."""
    if engine.dialect.name == "postgresql":
        yield
        return
    raw: Any = db.connection.driver_connection
    raw.execute(f"ATTACH DATABASE ':memory:' AS {schema}")
    try:
        yield
    finally:
        raw.execute(f"DETACH DATABASE {schema}")


def _fold_all(db: Connection) -> int:
    count = 0
    for signal in _signals(db):
        apply_folds(db, signal)
        count += 1
    return count


def _signals(db: Connection) -> Iterator[Signal]:
    """Every recorded signal; within a stream in its order, which is all that a fold depends on."""
    query = select(*log.EVENT_COLUMNS).order_by(events.c.serial).limit(BATCH)
    after = 0
    while rows := db.execute(
        query.where(events.c.serial > after), execution_options={"schema_translate_map": None}
    ).all():
        for row in rows:
            event = log.event_of(row)
            after = event.serial
            try:
                yield revive(event)
            except UnknownSignal as error:
                _log.warning("event was not folded", event=event.id, error=str(error))


def _compare(db: Connection, table: str, schema: str) -> Difference | None:
    live, folded = f"SELECT * FROM {table}", f"SELECT * FROM {schema}.{table}"  # noqa: S608 - names of our own
    unexplained, missing = (
        [dict(row._mapping) for row in db.execute(text(f"{one} EXCEPT {other} LIMIT {SHOWN}"))]
        for one, other in ((live, folded), (folded, live))
    )
    return Difference(table, unexplained, missing) if unexplained or missing else None
