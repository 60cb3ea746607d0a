"""Channels by which people are told, and a ledger of more than deploys."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the tables, and widen the ledger; its rows stay as they are folded now."""
    op.create_table(
        "channels",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("scheme", sa.String(20), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_channels"),
        sa.UniqueConstraint("name", name="uq_channels_name"),
    )
    op.create_table(
        "channel_urls",
        sa.Column("channel", sa.String(36), nullable=False),
        sa.Column("sealed", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("channel", name="pk_channel_urls"),
    )
    for name, length in (("event_type", 100), ("listener", 200), ("reason", 20), ("likeness", 40)):
        needed: dict[str, Any] = {} if name == "reason" else {"nullable": False, "server_default": ""}
        op.add_column("notifications", sa.Column(name, sa.String(length), **needed))
    none = sa.text("0")
    op.add_column("notifications", sa.Column("suppressed", sa.Integer(), nullable=False, server_default=none))
    with op.batch_alter_table("notifications") as ledger:
        for name, length in (("site_id", 36), ("site", 63), ("deploy_id", 36)):
            ledger.alter_column(name, existing_type=sa.String(length), nullable=True)
        ledger.alter_column("channel", existing_type=sa.String(50), type_=sa.String(200))
        for name, length in (("event_type", 100), ("listener", 200), ("likeness", 40)):
            ledger.alter_column(name, existing_type=sa.String(length), server_default=None)
        ledger.alter_column("suppressed", existing_type=sa.Integer(), server_default=None)
    op.create_index("ix_notifications_likeness", "notifications", ["likeness", "id"])
