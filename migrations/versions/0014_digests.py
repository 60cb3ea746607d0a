"""What is held back of messages to people, until one message tells all of it."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table and the column."""
    moment, json = sa.DateTime(timezone=True), sa.JSON().with_variant(JSONB(), "postgresql")
    op.create_table(
        "digests",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("stream", sa.String(200), nullable=False),
        sa.Column("listener_id", sa.String(36), nullable=False),
        sa.Column("recipient", sa.String(320), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("first", json, nullable=False),
        sa.Column("lines", json, nullable=False),
        sa.Column("opened_at", moment, nullable=False),
        sa.Column("deadline_at", moment),
        sa.PrimaryKeyConstraint("id", name="pk_digests"),
        sa.UniqueConstraint("listener_id", "recipient", name="uq_digests_listener"),
    )
    op.create_index("ix_digests_deadline_at", "digests", ["deadline_at"])
    op.add_column("notifications", sa.Column("until", moment))
