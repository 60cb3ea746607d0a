"""How host names of people's own are set up."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table."""
    moment = sa.DateTime(timezone=True)
    lengths = {
        "stream": 200, "site_id": 36, "site": 63, "hostname": 253, "unicode": 253, "mode": 20, "token": 100,
        "claim": 63, "step": 10, "ownership": 20, "routing": 20, "tls": 20,
    }  # fmt: skip
    op.create_table(
        "domain_setups",
        sa.Column("id", sa.String(36), nullable=False),
        *(sa.Column(name, sa.String(length), nullable=False) for name, length in lengths.items()),
        sa.Column("apex", sa.Boolean(), nullable=False),
        sa.Column("records", sa.JSON().with_variant(JSONB(), "postgresql"), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("checks", sa.Integer(), nullable=False),
        sa.Column("flow", sa.String(36), nullable=False),
        sa.Column("last_event", sa.String(36), nullable=False),
        *(sa.Column(name, moment, nullable=False) for name in ("added_at", "step_at")),
        *(sa.Column(name, moment) for name in ("observed_at", "asked_at", "deadline_at")),
        sa.PrimaryKeyConstraint("id", name="pk_domain_setups"),
        sa.UniqueConstraint("hostname", name="uq_domain_setups_hostname"),
    )
    for name in ("site_id", "deadline_at"):
        op.create_index(f"ix_domain_setups_{name}", "domain_setups", [name])
