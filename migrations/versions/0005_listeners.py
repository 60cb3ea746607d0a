"""Listeners that people configure, and the revision of them that an event was matched under."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the tables and the column."""
    op.create_table(
        "listeners",
        sa.Column("id", sa.String(200), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_listeners"),
        sa.UniqueConstraint("name", name="uq_listeners_name"),
    )
    op.create_table(
        "listener_versions",
        sa.Column("listener", sa.String(200), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False, autoincrement=False),
        sa.Column("until", sa.BigInteger()),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("spec", sa.JSON().with_variant(JSONB(), "postgresql")),
        sa.PrimaryKeyConstraint("listener", "since", name="pk_listener_versions"),
    )
    for bound in ("since", "until"):
        op.create_index(f"ix_listener_versions_{bound}", "listener_versions", [bound])
    _webhooks()
    none = sa.text("0")
    op.add_column("events", sa.Column("configured", sa.BigInteger(), nullable=False, server_default=none))


def _webhooks() -> None:
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "webhook_attempts",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("listener", sa.String(36), nullable=False),
        sa.Column("event", sa.String(36), nullable=False),
        sa.Column("event_type", sa.String(100), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("at", moment, nullable=False),
        sa.Column("code", sa.String(50)),
        sa.Column("http_status", sa.Integer()),
        sa.Column("ms", sa.Integer()),
        sa.Column("snippet", sa.Text()),
        sa.Column("next_attempt_at", moment),
        sa.PrimaryKeyConstraint("id", name="pk_webhook_attempts"),
    )
    op.create_index("ix_webhook_attempts_listener", "webhook_attempts", ["listener", "id"])
    op.create_index("ix_webhook_attempts_event", "webhook_attempts", ["event"])
    op.create_table(
        "webhook_health",
        sa.Column("listener", sa.String(36), nullable=False),
        sa.Column("failing_since", moment),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("listener", name="pk_webhook_health"),
    )
    op.create_table(
        "webhook_secrets",
        sa.Column("listener", sa.String(36), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("sealed", sa.Text(), nullable=False),
        sa.Column("good_until", moment),
        sa.PrimaryKeyConstraint("listener", "number", name="pk_webhook_secrets"),
    )
