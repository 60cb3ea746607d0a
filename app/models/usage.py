"""What was used: one row for each measurement, so that every sum can be traced to the events it counts."""

from sqlalchemy import BigInteger, Column, Connection, String, Table, insert, select

from app.engine import Timestamp, fold, folded, metadata
from app.signals.usage import UsageMeasured

usage = folded(
    Table(
        "usage",
        metadata,
        Column("id", String(36), primary_key=True),
        Column("stream", String(200), nullable=False),
        Column("site_id", String(36), nullable=False, index=True),
        Column("site", String(63), nullable=False),
        Column("deploy_id", String(36), nullable=False),
        Column("meter", String(50), nullable=False),
        Column("quantity", BigInteger, nullable=False),
        Column("unit", String(20), nullable=False),
        Column("cause_event_id", String(36), nullable=False),
        Column("idempotency_key", String(200), nullable=False, unique=True),
        Column("measured_at", Timestamp(), nullable=False),
    )
)


def measured(db: Connection, idempotency_key: str) -> bool:
    """Whether this measurement has been taken."""
    taken = select(usage.c.id).where(usage.c.idempotency_key == idempotency_key)
    return db.execute(taken).scalar() is not None


@fold(UsageMeasured)
def add(db: Connection, event: UsageMeasured) -> None:
    """A measurement counts once."""
    if not measured(db, event.idempotency_key):
        db.execute(
            insert(usage).values(
                id=event.recorded.id,
                stream=event.recorded.stream,
                site_id=event.site_id,
                site=event.site,
                deploy_id=event.deploy_id,
                meter=event.meter,
                quantity=event.quantity,
                unit=event.unit,
                cause_event_id=event.cause_event_id,
                idempotency_key=event.idempotency_key,
                measured_at=event.recorded.time,
            )
        )
