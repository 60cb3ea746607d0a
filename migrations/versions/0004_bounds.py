"""Finding the reactions of replays by their listener, and until when what has begun uses up a rate."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the index and the column."""
    replayed = sa.text("generation > 0")
    op.create_index(
        "ix_reactions_replayed",
        "reactions",
        ["listener", "generation", "state"],
        sqlite_where=replayed,
        postgresql_where=replayed,
    )
    op.add_column("limits", sa.Column("begun_until", sa.DateTime(timezone=True)))

