"""One way to reach the database, SQLite or PostgreSQL: engines, the two kinds of transaction, portable column
types.
"""

import os
import random
import sqlite3
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from sqlalchemy import (
    JSON,
    Connection,
    DateTime,
    Dialect,
    Engine,
    MetaData,
    Table,
    TypeDecorator,
    create_engine,
    event,
    make_url,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.exc import OperationalError

from config.settings import get_settings

#: All tables of the platform.
metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

#: How long a writer tries to get SQLite's one write lock before it gives up, in seconds.
SQLITE_PATIENCE = 30.0
#: How long PostgreSQL lets a transaction stand still before it ends the session, in seconds: a machine that
#: is gone must not keep its locks until its connection is found to be dead.
STANDSTILL = 60.0
#: By which libpq finds out after 20 s, not after hours, that a PostgreSQL has gone without a word: the sweep
#: would wait as long.
HALF_OPEN = {"keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 2}
HALF_OPEN |= {"tcp_user_timeout": 20_000}

#: How long this process waits for a lock of PostgreSQL's, in seconds; 0 is for ever.
_lock_patience = 0.0


class Timestamp(TypeDecorator[datetime]):
    """An aware instant in UTC on both databases (SQLite has no time zones: it holds the naive UTC)."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """To the database; a naive datetime is a programming error."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"a naive datetime is no instant: {value!r}")
        return (
            value.astimezone(UTC)
            if dialect.name == "postgresql"
            else value.astimezone(UTC).replace(tzinfo=None)
        )

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """From the database."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def Json() -> JSON:  # noqa: N802 - reads as a column type, like the types it stands for
    """A JSON column in which None is SQL's NULL; JSONB on PostgreSQL, so that values can be compared."""
    return JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")


def connect(url: str) -> Engine:
    """An engine for `url` with the settings that the platform's transactions rely on."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        return _connect_sqlite(url, parsed.database)
    limits = f"-c idle_in_transaction_session_timeout={STANDSTILL * 1000:.0f}"
    limits += f" -c lock_timeout={_lock_patience * 1000:.0f}"
    return create_engine(
        url,
        pool_size=10,
        max_overflow=20,
        pool_pre_ping=True,
        pool_recycle=1800,
        connect_args={"options": f"-c timezone=UTC {limits}", "connect_timeout": 5, **HALF_OPEN},
    )


def _connect_sqlite(url: str, path: str | None) -> Engine:
    if path and path != ":memory:":
        Path(path).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(
        url, connect_args={"timeout": 5, "check_same_thread": False}, pool_size=10, max_overflow=20
    )

    @event.listens_for(engine, "connect")
    def prepare(raw: sqlite3.Connection, _record: object) -> None:
        raw.isolation_level = None  # sqlite3 must not send its own BEGIN: ours says which kind
        raw.execute("PRAGMA journal_mode=WAL")
        raw.execute("PRAGMA synchronous=FULL")

    @event.listens_for(engine, "begin")
    def begin(db: Connection) -> None:
        if db.get_execution_options().get("writes"):
            _begin_immediate(db)
        else:
            db.exec_driver_sql("BEGIN")

    return engine


def _begin_immediate(db: Connection) -> None:
    """Take SQLite's write lock: jittered retries, because its own busy handler starves waiting writers for
    seconds.
    """
    raw: Any = db.connection.driver_connection
    raw.execute("PRAGMA busy_timeout=0")
    give_up = time.monotonic() + SQLITE_PATIENCE
    try:
        while not _begins(raw, last=time.monotonic() > give_up):
            time.sleep(random.uniform(0.0001, 0.002))  # noqa: S311 - jitter, not a secret
    finally:
        raw.execute("PRAGMA busy_timeout=5000")


def _begins(raw: Any, *, last: bool) -> bool:
    try:
        raw.execute("BEGIN IMMEDIATE")
    except sqlite3.OperationalError as error:
        if last or "locked" not in str(error):
            raise OperationalError("BEGIN IMMEDIATE", None, error) from error  # a hook's error nobody wraps
        return False
    return True


@lru_cache(maxsize=1)
def get_engine() -> Engine:
    """The engine of the configured `DATABASE_URL`, one per process."""
    return connect(get_settings().database_url)


def wait_for_locks(seconds: float) -> None:
    """Let this process give up on a lock of PostgreSQL's after so long, with an OperationalError: one frozen
    transaction elsewhere must not hold up what is looked at after it.
    """
    global _lock_patience
    _lock_patience = seconds
    if get_engine.cache_info().currsize:
        get_engine().dispose()
        get_engine.cache_clear()


def _forget_connections() -> None:
    if get_engine.cache_info().currsize:
        get_engine().dispose(close=False)  # a forked child must not share its parent's sockets


os.register_at_fork(after_in_child=_forget_connections)


@lru_cache(maxsize=1)
def _writer_of(engine: Engine) -> Engine:
    """The same engine and pool, whose transactions mean to write."""
    return engine.execution_options(writes=True)


@contextmanager
def reading() -> Iterator[Connection]:
    """A transaction for reads: never waits for a writer, nothing it did is kept."""
    with get_engine().connect() as db:
        yield db


@contextmanager
def writing() -> Iterator[Connection]:
    """A transaction that commits when the block ends well and rolls back when it raises.

    On SQLite it holds the one write lock from its first moment, so keep it short and do no input or output in
    it.
    """
    with _writer_of(get_engine()).begin() as db:
        yield db


def storable(value: Any) -> Any:
    """A plain value with the characters replaced that PostgreSQL cannot hold in text or JSON: NUL and lone
    surrogates, which come from outside with odd file names and garbled answers.
    """
    if isinstance(value, str):
        return value.replace("\0", "\ufffd").encode(errors="replace").decode()
    if isinstance(value, Mapping):
        return {storable(name): storable(each) for name, each in value.items()}
    return [storable(each) for each in value] if isinstance(value, list | tuple) else value


def inserting(db: Connection, table: Table) -> Any:
    """An insert that may say what happens when the row is there already: `on_conflict_do_nothing` or
    `on_conflict_do_update`, which each database has by itself and in the same words.
    """
    return (postgresql if is_postgres(db) else sqlite).insert(table)


def is_postgres(db: Connection) -> bool:
    """Whether this connection leads to PostgreSQL (else it is SQLite)."""
    return db.dialect.name == "postgresql"
