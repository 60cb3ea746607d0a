"""Who of those that set up a name has come back, whose proof is gone, and how far each DNSLink is."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns. What they say of the past comes by `flask events rebuild`."""
    moment, json = sa.DateTime(timezone=True), sa.JSON().with_variant(JSONB(), "postgresql")
    for name in ("stalled_at", "resumed_at", "unproven_at"):
        op.add_column("domain_setups", sa.Column(name, moment))
    for name in ("wanted_at", "written_at"):
        op.add_column("dnslinks", sa.Column(name, moment))
    op.add_column("dnslinks", sa.Column("seen", sa.String(200)))
    op.add_column("dnslinks", sa.Column("seen_at", moment))
    for name in ("unseen", "warnings"):
        op.add_column("dnslinks", sa.Column(name, json))
