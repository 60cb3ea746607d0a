"""The DNSLinks in our own zone, and what an IPFS node keeps of each site."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the tables."""
    moment = sa.DateTime(timezone=True)
    lengths = {
        "stream": 200, "site_id": 36, "site": 63, "hostname": 253, "fqdn": 253, "deploy_id": 36, "cid": 100,
        "state": 10,
    }  # fmt: skip
    op.create_table(
        "dnslinks",
        sa.Column("id", sa.String(36), nullable=False),
        *(sa.Column(name, sa.String(length), nullable=False) for name, length in lengths.items()),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("value", sa.String(200)),
        sa.Column("failure", sa.JSON().with_variant(JSONB(), "postgresql")),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("deadline_at", moment),
        sa.PrimaryKeyConstraint("id", name="pk_dnslinks"),
    )
    for name in ("site_id", "deadline_at"):
        op.create_index(f"ix_dnslinks_{name}", "dnslinks", [name])
    op.create_table(
        "pinned",
        sa.Column("site_id", sa.String(36), nullable=False),
        sa.Column("cid", sa.String(100), nullable=False),
        sa.PrimaryKeyConstraint("site_id", name="pk_pinned"),
    )
