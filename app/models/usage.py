"""What was used: one row for each measurement, so that every sum can be traced to the events it counts, and
one for each meter, site and day.

A measurement stands in the stream of what it counts, so several streams may add to one total: adding is all
that they do with it, and the order of that changes nothing.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    Index,
    Integer,
    String,
    Table,
    func,
    insert,
    select,
)

from app.engine import Timestamp, fold, folded, metadata
from app.engine.database import inserting
from app.models.rows import newest
from app.signals.usage import UsageMeasured

usage = folded(
    Table(
        "usage",
        metadata,
        Column("id", String(36), primary_key=True),  # of the event
        Column("stream", String(200), nullable=False),
        Column("site_id", String(36), nullable=False),  # "" for what no site has used
        Column("site", String(63), nullable=True),
        Column("deploy_id", String(36), nullable=True),
        Column("meter", String(50), nullable=False),
        Column("quantity", BigInteger, nullable=False),
        Column("unit", String(20), nullable=False),
        Column("cause_event_id", String(36), nullable=False),
        Column("idempotency_key", String(200), nullable=False, unique=True),
        Column("measured_at", Timestamp(), nullable=False),
        Column("day", String(10), nullable=False),  # 2026-01-31, in UTC
        Column("file", String(100), nullable=True),
        Column("start", BigInteger, nullable=True),
        Column("end", BigInteger, nullable=True),
        Index("ix_usage_site_id", "site_id", "meter", "id"),
        Index("ix_usage_meter", "meter", "id"),
    )
)
days = folded(
    Table(
        "usage_days",
        metadata,
        Column("site_id", String(36), primary_key=True),
        Column("meter", String(50), primary_key=True),
        Column("day", String(10), primary_key=True),
        Column("total", BigInteger, nullable=False),
        Column("measurements", Integer, nullable=False),
        Column("last_event", String(36), nullable=False),
        Index("ix_usage_days_meter", "meter", "day"),
    )
)


@dataclass(frozen=True, slots=True)
class Measurement:
    """One row of `usage`."""

    id: str
    stream: str
    site_id: str
    site: str | None
    deploy_id: str | None
    meter: str
    quantity: int
    unit: str
    cause_event_id: str
    idempotency_key: str
    measured_at: datetime
    day: str
    file: str | None
    start: int | None
    end: int | None


@dataclass(frozen=True, slots=True)
class Span:
    """Which usage is meant: of a site, or of everything (None); from a day to a day, both included."""

    site_id: str | None
    first: str
    last: str


@dataclass(frozen=True, slots=True)
class DayTotal:
    """What a meter came to on a day, in how many measurements."""

    meter: str
    day: str
    total: int
    measurements: int


def measured(db: Connection, idempotency_key: str) -> bool:
    """Whether this measurement has been taken."""
    taken = select(usage.c.id).where(usage.c.idempotency_key == idempotency_key)
    return db.execute(taken).scalar() is not None


def by_day(db: Connection, span: Span, meters: Iterable[str]) -> list[DayTotal]:
    """The totals of each day on which something was used."""
    sums = (func.sum(days.c.total), func.sum(days.c.measurements))
    query = select(days.c.meter, days.c.day, *sums).where(*_within(span), days.c.meter.in_(list(meters)))
    rows = db.execute(query.group_by(days.c.meter, days.c.day).order_by(days.c.meter, days.c.day))
    return [DayTotal(meter, day, int(total), int(count)) for meter, day, total, count in rows]


def total(db: Connection, span: Span, meter: str) -> tuple[int, str | None]:
    """What was used in all, and the event of the newest measurement of it."""
    query = select(func.coalesce(func.sum(days.c.total), 0), func.max(days.c.last_event))
    found, newest = db.execute(query.where(*_within(span), days.c.meter == meter)).one()
    return int(found), newest


def page(db: Connection, span: Span, meter: str, limit: int, after: str | None = None) -> list[Measurement]:
    """The measurements that make a total, newest first, behind the id `after`."""
    query = select(usage).where(usage.c.meter == meter, usage.c.day.between(span.first, span.last))
    if span.site_id is not None:
        query = query.where(usage.c.site_id == span.site_id)
    return [Measurement(*row) for row in db.execute(newest(query, usage.c.id, limit, after))]


def _within(span: Span) -> list[ColumnElement[bool]]:
    """The totals that are meant. A site's are found in their primary key, those of all by meter and day."""
    found: list[ColumnElement[bool]] = [days.c.day.between(span.first, span.last)]
    return found if span.site_id is None else [days.c.site_id == span.site_id, *found]


@fold(UsageMeasured)
def add(db: Connection, event: UsageMeasured) -> None:
    """A measurement counts once."""
    if measured(db, event.idempotency_key):
        return
    same = ("site", "deploy_id", "meter", "quantity", "unit", "cause_event_id", "idempotency_key")
    place = {"site_id": event.site_id or "", "day": event.day or f"{event.recorded.time:%Y-%m-%d}"}
    row = {name: getattr(event, name) for name in (*same, "file", "start", "end")} | place
    recorded = event.recorded
    db.execute(insert(usage).values(id=recorded.id, stream=recorded.stream, measured_at=recorded.time, **row))
    first = {"meter": event.meter, "total": event.quantity, "measurements": 1, "last_event": recorded.id}
    adding = inserting(db, days).values(first | place)
    newest = func.max if db.dialect.name == "sqlite" else func.greatest
    more = {
        "total": days.c.total + event.quantity,
        "measurements": days.c.measurements + 1,
        "last_event": newest(days.c.last_event, recorded.id),
    }
    db.execute(adding.on_conflict_do_update(index_elements=["site_id", "meter", "day"], set_=more))
