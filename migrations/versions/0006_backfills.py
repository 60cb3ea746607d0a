"""Replays with a limit, and an index of the reactions that ended as failed, which may be wanted once more."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column and the index."""
    op.add_column("replays", sa.Column("most", sa.BigInteger()))
    failed = sa.text("outcome = 'failed'")
    op.create_index(
        "ix_reactions_failed",
        "reactions",
        ["listener", "id"],
        postgresql_where=failed,
        sqlite_where=failed,
    )
