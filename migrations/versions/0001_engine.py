"""The engine's tables: streams and the log, reactions, flows and scopes."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

JSON = sa.JSON().with_variant(JSONB(), "postgresql")
MOMENT = sa.DateTime(timezone=True)
SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _only(condition: str) -> dict[str, Any]:
    """The rows that an index is about."""
    return {"sqlite_where": sa.text(condition), "postgresql_where": sa.text(condition)}


def upgrade() -> None:
    """Make every table."""
    _engine_state()
    _events()
    _flows()
    _reactions()
    _scopes()
    _streams()


def _engine_state() -> None:
    op.create_table(
        "engine_state",
        sa.Column("name", sa.String(50), primary_key=True),
        sa.Column("value", sa.Text(), nullable=False),
    )


def _events() -> None:
    op.create_table(
        "events",
        sa.Column("serial", SERIAL, primary_key=True),
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("position", sa.BigInteger()),
        sa.Column("type", sa.String(100), nullable=False),
        sa.Column("stream", sa.String(200), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("time", MOMENT, nullable=False),
        sa.Column("subject", sa.String(200), nullable=False),
        sa.Column("label", sa.String(200), nullable=False),
        sa.Column("flow", sa.String(36), nullable=False),
        sa.Column("cause", sa.String(36)),
        sa.Column("actor", sa.String(200), nullable=False),
        sa.Column("follower", sa.Boolean(), nullable=False),
        sa.Column("depth", sa.Integer(), nullable=False),
        sa.Column("recorded_by", sa.String(36)),
        sa.Column("revision", sa.String(16), nullable=False),
        sa.Column("data", JSON, nullable=False),
        sa.UniqueConstraint("id"),
        sa.UniqueConstraint("position"),
        sa.UniqueConstraint("stream", "sequence"),
    )
    op.create_index("ix_events_flow", "events", ["flow"])
    op.create_index("ix_events_subject", "events", ["subject", "serial"])
    op.create_index("ix_events_type", "events", ["type", "serial"])
    op.create_index("ix_events_unsealed", "events", ["serial"], **_only("position IS NULL"))


def _flows() -> None:
    op.create_table(
        "flows",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("kind", sa.String(100), nullable=False),
        sa.Column("subject", sa.String(200), nullable=False),
        sa.Column("label", sa.String(200), nullable=False),
        sa.Column("stream", sa.String(200), nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("outcome", sa.String(10)),
        sa.Column("open", sa.Integer(), nullable=False),
        sa.Column("started_at", MOMENT, nullable=False),
        sa.Column("ended_at", MOMENT),
    )
    op.create_index("ix_flows_kind", "flows", ["kind"])
    op.create_index("ix_flows_stream", "flows", ["stream"])


def _reactions() -> None:
    op.create_table(
        "reactions",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("event", sa.String(36), nullable=False),
        sa.Column("listener", sa.String(200), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("action", sa.String(100), nullable=False),
        sa.Column("outer", sa.Boolean(), nullable=False),
        sa.Column("flow", sa.String(36), nullable=False),
        sa.Column("scope", sa.String(36)),
        sa.Column("stream", sa.String(200), nullable=False),
        sa.Column("label", sa.String(200), nullable=False),
        sa.Column("parent", sa.String(36)),
        sa.Column("follower", sa.Boolean(), nullable=False),
        sa.Column("depth", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("outcome", sa.String(20)),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("fence", sa.Integer(), nullable=False),
        sa.Column("sends", sa.Integer(), nullable=False),
        sa.Column("wake_at", MOMENT),
        sa.Column("due_at", MOMENT),
        sa.Column("failure", JSON),
        sa.Column("worker", sa.String(100)),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("started_at", MOMENT),
        sa.Column("ended_at", MOMENT),
        sa.UniqueConstraint("event", "listener", "generation"),
    )
    op.create_index("ix_reactions_dead", "reactions", ["id"], **_only("state = 'dead'"))
    op.create_index("ix_reactions_flow", "reactions", ["flow"])
    op.create_index("ix_reactions_open", "reactions", ["wake_at"], **_only("wake_at IS NOT NULL"))


def _scopes() -> None:
    op.create_table(
        "scopes",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("parent", sa.String(36)),
        sa.Column("flow", sa.String(36), nullable=False),
        sa.Column("open", sa.Integer(), nullable=False),
        sa.Column("waiting", JSON, nullable=False),
        sa.Column("deadline_at", MOMENT),
    )
    op.create_index("ix_scopes_deadline", "scopes", ["deadline_at"], **_only("deadline_at IS NOT NULL"))


def _streams() -> None:
    op.create_table(
        "streams",
        sa.Column("id", sa.String(200), primary_key=True),
    )
