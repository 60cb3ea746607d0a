"""The linked ENS names: what each is to lead to, what the chain says, and its open update."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table."""
    moment, json = sa.DateTime(timezone=True), sa.JSON().with_variant(JSONB(), "postgresql")
    needed = {"id": 36, "stream": 200, "site_id": 36, "site": 63, "name": 255, "mode": 20, "state": 20}
    owned = {"resolver": 42, "owner": 42, "deploy_id": 36}
    known = {"cid": 100, "contenthash": 300, "onchain": 300, "uri": 300}
    op.create_table(
        "ens_names",
        *(sa.Column(name, sa.String(length), nullable=False) for name, length in needed.items()),
        sa.Column("node", sa.String(66)),
        sa.Column("chain_id", sa.BigInteger()),
        *(sa.Column(name, sa.String(length)) for name, length in owned.items()),
        sa.Column("number", sa.Integer()),
        *(sa.Column(name, sa.String(length)) for name, length in known.items()),
        sa.Column("update", json),
        sa.Column("behind", sa.String(255)),
        sa.Column("failure", json),
        *(sa.Column(name, sa.Integer(), nullable=False) for name in ("failures", "checks")),
        sa.Column("flow", sa.String(36), nullable=False),
        sa.Column("linked_at", moment, nullable=False),
        *(sa.Column(name, moment) for name in ("waits_since", "asked_at", "deadline_at")),
        sa.PrimaryKeyConstraint("id", name="pk_ens_names"),
        sa.UniqueConstraint("name", name="uq_ens_names_name"),
    )
    for name in ("site_id", "deadline_at"):
        op.create_index(f"ix_ens_names_{name}", "ens_names", [name])
