"""The append-only log: streams and their locks, appending, sealing into one gap-free order, and reading."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, bindparam, func, insert, select, text
from sqlalchemy.dialects import postgresql

from app.engine import faults
from app.engine.database import get_engine, is_postgres, writing
from app.engine.signal import Event
from app.engine.tables import events, reactions, streams

#: PostgreSQL's advisory lock under which one process at a time gives out positions.
SEALING_LOCK = 0x416E7469
SEAL_BATCH = 2000

#: The columns of `events` that make an Event, in its order.
EVENT_COLUMNS = (
    events.c.serial, events.c.id, events.c.position, events.c.type, events.c.stream, events.c.sequence,
    events.c.time, events.c.subject, events.c.label, events.c.flow, events.c.cause, events.c.actor,
    events.c.follower, events.c.depth, events.c.data,
)  # fmt: skip

_LOCK = select(streams.c.id).where(streams.c.id == bindparam("id")).with_for_update()
_LOCK_NOW = _LOCK.with_for_update(nowait=True)
_LOCK_FREE = _LOCK.with_for_update(skip_locked=True)
_LOCK_OF_REACTION = (
    select(streams.c.id)
    .where(
        streams.c.id == select(reactions.c.stream).where(reactions.c.id == bindparam("id")).scalar_subquery()
    )
    .with_for_update()
)
_COUNT = select(func.coalesce(func.max(events.c.sequence), 0)).where(events.c.stream == bindparam("stream"))
_APPEND = insert(events).returning(events.c.serial, events.c.position)
_next_position = select(func.coalesce(func.max(events.c.position), 0) + 1).scalar_subquery()
#: SQLite has one writer, so the order of insertion is the order of commits and the position can be given at
#: once.
_APPEND_SEALED = insert(events).values(position=_next_position).returning(events.c.serial, events.c.position)


def lock_stream(db: Connection, stream: str, *, wait: bool = True) -> int:
    """Lock a stream until the transaction ends and return how many events it has.

    Without `wait` an OperationalError says at once that another transaction holds it. On SQLite, whoever
    writes holds every lock there is.
    """
    if is_postgres(db):
        lock = _LOCK if wait else _LOCK_NOW
        if db.execute(lock, {"id": stream}).scalar() is None:
            _make_stream(db, stream, wait=wait)
            db.execute(lock, {"id": stream})
    return int(db.execute(_COUNT, {"stream": stream}).scalar_one())


def _make_stream(db: Connection, stream: str, *, wait: bool) -> None:
    if not wait:  # another transaction may be making the same stream: its end is what an insert waits for
        db.execute(text("SET LOCAL lock_timeout = '1ms'"))
    db.execute(postgresql.insert(streams).on_conflict_do_nothing(), {"id": stream})
    if not wait:
        db.execute(text("SET LOCAL lock_timeout TO DEFAULT"))


def lock_if_free(db: Connection, stream: str) -> bool:
    """Lock a stream that exists, unless another transaction holds it; returns whether it is locked now."""
    return not is_postgres(db) or db.execute(_LOCK_FREE, {"id": stream}).first() is not None


def lock_stream_of(db: Connection, reaction: str) -> None:
    """Lock the stream of the event that a reaction answers."""
    if is_postgres(db):
        db.execute(_LOCK_OF_REACTION, {"id": reaction})


def append(db: Connection, values: dict[str, Any]) -> tuple[int, int | None]:
    """Add one row to the log; its stream is locked. Returns its serial and, where it is known already, its
    position.
    """
    serial, position = db.execute(_APPEND if is_postgres(db) else _APPEND_SEALED, values).one()
    return serial, position


def seal(db: Connection) -> int:
    """Give committed events their places in the one order of the log; returns how many were sealed.

    Runs under a try-lock: whoever does not get it leaves the work to the one who has it. Within a stream no
    later event can be visible before an earlier one, so positions never turn a stream's order round. On
    SQLite events are born sealed.
    """
    if not is_postgres(db):
        return 0
    if not db.execute(text("SELECT pg_try_advisory_xact_lock(:key)"), {"key": SEALING_LOCK}).scalar_one():
        return 0
    return db.execute(_SEAL, {"batch": SEAL_BATCH}).rowcount


_SEAL = text(
    """
    WITH last AS (SELECT coalesce(max(position), 0) AS position FROM events WHERE position IS NOT NULL),
    waiting AS (
        SELECT serial, row_number() OVER (ORDER BY serial) AS place
        FROM (SELECT serial FROM events WHERE position IS NULL ORDER BY serial LIMIT :batch) AS unsealed
    )
    UPDATE events SET position = last.position + waiting.place
    FROM waiting, last WHERE events.serial = waiting.serial
    """
)


def read(
    db: Connection,
    *,
    after: int = 0,
    types: Sequence[str] | None = None,
    limit: int = 200,
    **equal: str | None,
) -> list[Event]:
    """Sealed events behind position `after`, oldest first, of some types or (None) of all.

    `equal` compares columns: `flow`, `subject`, `stream`; None compares nothing.
    """
    query = _all_events().where(events.c.position > after).order_by(events.c.position).limit(limit)
    for name, wanted in equal.items():
        if wanted is not None:
            query = query.where(events.c[name] == wanted)
    if types is not None:
        query = query.where(events.c.type.in_(types))
    return [event_of(row) for row in db.execute(query)]


def events_of_types(db: Connection, types: Sequence[str], *, after: int, until: datetime) -> Iterator[Event]:
    """Events of some types behind a serial and up to an instant, sealed or not, in the order of coming."""
    while True:
        query = _all_events().where(events.c.type.in_(types), events.c.serial > after, events.c.time <= until)
        found = [event_of(row) for row in db.execute(query.order_by(events.c.serial).limit(200))]
        yield from found
        if len(found) < 200:
            return
        after = found[-1].serial


def read_flow(db: Connection, flow: str) -> list[Event]:
    """Every event of a flow, oldest first, sealed or not."""
    return [
        event_of(row)
        for row in db.execute(_all_events().where(events.c.flow == flow).order_by(events.c.serial))
    ]


def require_event(db: Connection, event_id: str) -> Event:
    """One event that is known to exist, by its id."""
    return event_of(db.execute(_all_events().where(events.c.id == event_id)).one())


def recorded_by(db: Connection, event_id: str) -> str | None:
    """The reaction whose result an event is; None for what people and clocks recorded."""
    found: str | None = db.execute(select(events.c.recorded_by).where(events.c.id == event_id)).scalar_one()
    return found


def get_event(db: Connection, event_id: str) -> Event | None:
    """One event by its id."""
    row = db.execute(_all_events().where(events.c.id == event_id)).one_or_none()
    return None if row is None else event_of(row)


def failures_since(db: Connection, event_id: str) -> list[Event]:
    """What went wrong in an event's flow after it, oldest first; followers do not count."""
    since = select(events.c.flow, events.c.serial).where(events.c.id == event_id).subquery()
    query = _all_events().where(
        events.c.flow == since.c.flow,
        events.c.serial > since.c.serial,
        events.c.type.like("%.failed"),
        events.c.follower.is_(False),
    )
    return [event_of(row) for row in db.execute(query.order_by(events.c.serial))]


def catch_up() -> int:
    """Seal what is committed, in transactions of its own; returns how many events were sealed."""
    if get_engine().dialect.name != "postgresql":
        return 0
    sealed = 0
    while True:
        with writing() as db:
            batch = seal(db)
        faults.point("sweep.after_seal")
        sealed += batch
        if batch < SEAL_BATCH:
            return sealed


def last_position(db: Connection) -> int:
    """The position of the newest sealed event, 0 when there is none."""
    return int(db.execute(select(func.coalesce(func.max(events.c.position), 0))).scalar_one())


def _all_events() -> Select[Any]:
    return select(*EVENT_COLUMNS)


def event_of(row: Any) -> Event:
    """An event from a row that has the log's columns in front."""
    return Event(*row[: len(EVENT_COLUMNS)])
