"""Flow control: keys, waits, limits, cancels, replays, and the sets of listeners that processes declared."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

JSON = sa.JSON().with_variant(JSONB(), "postgresql")
MOMENT = sa.DateTime(timezone=True)


def _only(condition: str) -> dict[str, Any]:
    """The rows that an index is about."""
    return {"sqlite_where": sa.text(condition), "postgresql_where": sa.text(condition)}


def upgrade() -> None:
    """Add the columns and the tables."""
    _reactions()
    _flows()
    _replays()
    op.create_table(
        "limits",
        sa.Column("listener", sa.String(200), nullable=False),
        sa.Column("next_at", MOMENT),
        sa.PrimaryKeyConstraint("listener", name="pk_limits"),
    )
    op.create_table(
        "listener_sets",
        sa.Column("revision", sa.String(16), nullable=False),
        sa.Column("listeners", JSON, nullable=False),
        sa.Column("actions", JSON, nullable=False),
        sa.Column("first_at", MOMENT, nullable=False),
        sa.Column("seen_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("revision", name="pk_listener_sets"),
    )
    op.create_table(
        "coverage_gaps",
        sa.Column("event", sa.String(36), nullable=False),
        sa.Column("listener", sa.String(200), nullable=False),
        sa.Column("found_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("event", "listener", name="pk_coverage_gaps"),
    )
    # nobody has written down the listeners that older events were matched with: they count as covered
    last = "SELECT 'coverage', CAST(count(*) AS TEXT) FROM events HAVING count(*) > 0"
    op.execute(f"INSERT INTO engine_state {last}")


def _reactions() -> None:
    op.add_column("reactions", sa.Column("key", sa.String(200)))
    op.add_column("reactions", sa.Column("stops", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("reactions", sa.Column("waits_for", sa.String(10)))
    op.add_column("reactions", sa.Column("awaited", sa.String(36)))
    op.add_column("reactions", sa.Column("place", sa.BigInteger()))
    queue, running = _only("key IS NOT NULL"), _only("state = 'running'")
    line = ["listener", "stream", "key", "state", "waits_for", "place"]
    op.create_index("ix_reactions_queue", "reactions", line, **queue)
    op.create_index("ix_reactions_running", "reactions", ["listener"], **running)
    waiting = _only("waits_for IS NOT NULL")
    op.create_index("ix_reactions_waiting", "reactions", ["listener", "waits_for", "id"], **waiting)


def _flows() -> None:
    for name in ("cancel", "deadline"):
        op.add_column("flows", sa.Column(f"{name}_at", MOMENT))
        op.create_index(f"ix_flows_{name}", "flows", [f"{name}_at"], **_only(f"{name}_at IS NOT NULL"))


def _replays() -> None:
    op.create_table(
        "replays",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("listener", sa.String(200), nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("after", sa.BigInteger(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.Column("cursor", sa.BigInteger(), nullable=False),
        sa.Column("rate", sa.Float()),
        sa.Column("again", sa.Boolean(), nullable=False),
        sa.Column("matched", sa.BigInteger(), nullable=False),
        sa.Column("made", sa.BigInteger(), nullable=False),
        sa.Column("suppressed", sa.BigInteger(), nullable=False),
        sa.Column("actor", sa.String(200), nullable=False),
        sa.Column("started_at", MOMENT, nullable=False),
        sa.Column("ended_at", MOMENT),
        sa.Column("wake_at", MOMENT),
        sa.PrimaryKeyConstraint("id", name="pk_replays"),
        sa.UniqueConstraint("listener", "generation", name="uq_replays_listener_generation"),
    )
    op.create_index("ix_replays_wake", "replays", ["wake_at"], **_only("wake_at IS NOT NULL"))
