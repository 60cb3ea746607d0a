"""What removed host names have left in our own zone."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table."""
    lengths = {"stream": 200, "site_id": 36, "site": 63, "hostname": 253}
    op.create_table(
        "leftovers",
        sa.Column("id", sa.String(36), nullable=False),
        *(sa.Column(name, sa.String(length), nullable=False) for name, length in lengths.items()),
        sa.Column("records", sa.JSON().with_variant(JSONB(), "postgresql"), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("deadline_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("id", name="pk_leftovers"),
    )
    op.create_index("ix_leftovers_deadline_at", "leftovers", ["deadline_at"])
