"""Certificates of host names: how far each order is, what is installed, and when the next is wanted."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table."""
    moment, json = sa.DateTime(timezone=True), sa.JSON().with_variant(JSONB(), "postgresql")
    lengths = {
        "stream": 200, "site_id": 36, "site": 63, "hostname": 253, "state": 12, "challenge_type": 10,
        "order_url": 1000, "token": 200, "key_authorization": 300, "issuer": 300, "serial": 64,
    }  # fmt: skip
    op.create_table(
        "certificates",
        sa.Column("id", sa.String(36), nullable=False),
        *(sa.Column(name, sa.String(length), nullable=False) for name, length in lengths.items()),
        *(sa.Column(name, moment) for name in ("not_before", "not_after", "renew_at")),
        sa.Column("ari", json),
        sa.Column("check_s", sa.Integer(), nullable=False),
        sa.Column("failure", json),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("failed_at", moment),
        sa.Column("told_days", sa.Integer()),
        sa.Column("ended", sa.Boolean(), nullable=False),
        sa.Column("deadline_at", moment),
        sa.PrimaryKeyConstraint("id", name="pk_certificates"),
    )
    for name in ("site_id", "hostname", "deadline_at"):
        op.create_index(f"ix_certificates_{name}", "certificates", [name])
