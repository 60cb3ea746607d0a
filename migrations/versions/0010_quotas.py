"""Quotas, and the two gates of a site that may be closed."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table and the columns."""
    moment, anything = sa.DateTime(timezone=True), sa.JSON().with_variant(JSONB(), "postgresql")
    op.create_table(
        "quotas",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("stream", sa.String(200), nullable=False),
        sa.Column("meter", sa.String(50), nullable=False),
        sa.Column("limit", sa.BigInteger(), nullable=False),
        sa.Column("window", sa.String(10), nullable=False),
        sa.Column("site_id", sa.String(36)),
        sa.Column("site", sa.String(63)),
        sa.Column("thresholds", anything, nullable=False),
        sa.Column("since", sa.String(10)),
        sa.Column("told", anything, nullable=False),
        sa.Column("exceeded", sa.Boolean(), nullable=False),
        sa.Column("created_at", moment, nullable=False),
        sa.Column("changed_at", moment, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_quotas"),
    )
    op.create_index("ix_quotas_stream", "quotas", ["stream"])
    for gate in ("locked", "paused"):
        op.add_column("sites", sa.Column(gate, anything))
