"""What counts for the conditions of listeners that wait for several events."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table."""
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "condition_matches",
        sa.Column("listener", sa.String(200), nullable=False),
        sa.Column("entity", sa.String(200), nullable=False),
        sa.Column("role", sa.String(10), nullable=False),
        sa.Column("serial", sa.BigInteger(), nullable=False, autoincrement=False),
        sa.Column("event", sa.String(36), nullable=False),
        sa.Column("at", moment, nullable=False),
        sa.Column("until", moment, nullable=False),
        sa.PrimaryKeyConstraint("listener", "entity", "role", "serial", name="pk_condition_matches"),
    )
    op.create_index("ix_condition_matches_until", "condition_matches", ["until"])
