"""What an IPFS node keeps for each site."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table. What was pinned before comes into it by `flask events rebuild`."""
    lengths = {"site_id": 36, "cid": 100, "stream": 200, "site": 63, "state": 10}
    op.create_table(
        "pins",
        *(sa.Column(name, sa.String(length), nullable=False) for name, length in lengths.items()),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("deadline_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("site_id", "cid", name="pk_pins"),
    )
    for name in ("cid", "deadline_at"):
        op.create_index(f"ix_pins_{name}", "pins", [name])
