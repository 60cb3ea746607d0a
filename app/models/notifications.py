"""The ledger of notifications: what was told to whom, and what could not be."""

from sqlalchemy import Column, Connection, String, Table, Text, insert

from app.engine import Json, Timestamp, fold, folded, metadata
from app.signals.notifications import NotificationFailed, NotificationSent

notifications = folded(
    Table(
        "notifications",
        metadata,
        Column("id", String(36), primary_key=True),
        Column("stream", String(200), nullable=False),
        Column("site_id", String(36), nullable=False, index=True),
        Column("site", String(63), nullable=False),
        Column("deploy_id", String(36), nullable=False),
        Column("status", String(10), nullable=False),
        Column("channel", String(50), nullable=True),
        Column("recipient", String(320), nullable=True),
        Column("title", Text, nullable=True),
        Column("text", Text, nullable=True),
        Column("failure", Json(), nullable=True),
        Column("cause_event_id", String(36), nullable=False),
        Column("created_at", Timestamp(), nullable=False),
    )
)


@fold(NotificationSent, NotificationFailed)
def add(db: Connection, event: NotificationSent | NotificationFailed) -> None:
    """Each attempt that ended is a line of the ledger."""
    if isinstance(event, NotificationSent):
        said = event.model_dump(include={"channel", "recipient", "title", "text"}) | {"status": "sent"}
    else:
        said = {"status": "failed", "failure": event.failure.model_dump(mode="json")}
    db.execute(
        insert(notifications).values(
            id=event.recorded.id,
            stream=event.recorded.stream,
            site_id=event.site_id,
            site=event.site,
            deploy_id=event.deploy_id,
            cause_event_id=event.cause_event_id,
            created_at=event.recorded.time,
            **said,
        )
    )
