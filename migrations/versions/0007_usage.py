"""Usage of more than deploys: measurements without a site or a deploy, the day and the place of the traffic
that was read, and a total for each site, meter and day.
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_DAY = {
    "sqlite": "substr(measured_at, 1, 10)",
    "postgresql": "to_char(measured_at AT TIME ZONE 'UTC', 'YYYY-MM-DD')",
}


def upgrade() -> None:
    """Widen the table, and sum up what was measured so far."""
    op.add_column("usage", sa.Column("day", sa.String(10), nullable=False, server_default=""))
    op.add_column("usage", sa.Column("file", sa.String(100)))
    op.add_column("usage", sa.Column("start", sa.BigInteger()))
    op.add_column("usage", sa.Column("end", sa.BigInteger()))
    op.execute(f"UPDATE usage SET day = {_DAY[op.get_bind().dialect.name]}")  # noqa: S608 - no input
    op.drop_index("ix_usage_site_id", "usage")
    with op.batch_alter_table("usage") as usage:
        usage.alter_column("site", existing_type=sa.String(63), nullable=True)
        usage.alter_column("deploy_id", existing_type=sa.String(36), nullable=True)
        usage.alter_column("day", existing_type=sa.String(10), server_default=None)
    op.create_index("ix_usage_site_id", "usage", ["site_id", "meter", "id"])
    op.create_index("ix_usage_meter", "usage", ["meter", "id"])
    _days()
    _traffic()


def _days() -> None:
    op.create_table(
        "usage_days",
        sa.Column("site_id", sa.String(36), nullable=False),
        sa.Column("meter", sa.String(50), nullable=False),
        sa.Column("day", sa.String(10), nullable=False),
        sa.Column("total", sa.BigInteger(), nullable=False),
        sa.Column("measurements", sa.Integer(), nullable=False),
        sa.Column("last_event", sa.String(36), nullable=False),
        sa.PrimaryKeyConstraint("site_id", "meter", "day", name="pk_usage_days"),
    )
    op.create_index("ix_usage_days_meter", "usage_days", ["meter", "day"])
    op.execute(
        "INSERT INTO usage_days (site_id, meter, day, total, measurements, last_event) "
        "SELECT site_id, meter, day, sum(quantity), count(*), max(id) FROM usage GROUP BY site_id, meter, day"
    )


def _traffic() -> None:
    op.create_table(
        "traffic_files",
        sa.Column("file", sa.String(100), nullable=False),
        sa.Column("stream", sa.String(200), nullable=False),
        sa.Column("offset", sa.BigInteger(), nullable=False),
        sa.Column("flow", sa.String(36), nullable=False),
        sa.Column("requests", sa.BigInteger(), nullable=False),
        sa.Column("damaged", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("file", name="pk_traffic_files"),
    )
