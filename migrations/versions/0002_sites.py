"""The tables of sites, deploys and all that belongs to them."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

JSON = sa.JSON().with_variant(JSONB(), "postgresql")
MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Make every table."""
    _broken_blocks()
    _credentials()
    _deploy_hooks()
    _deploys()
    _domains()
    _idempotency()
    _notifications()
    _sign_in_codes()
    _sites()
    _tokens()
    _usage()


def _broken_blocks() -> None:
    op.create_table(
        "broken_blocks",
        sa.Column("digest", sa.String(64), primary_key=True),
        sa.Column("stream", sa.String(200), nullable=False),
        sa.Column("code", sa.String(50), nullable=False),
        sa.Column("told_at", MOMENT, nullable=False),
    )


def _credentials() -> None:
    op.create_table(
        "credentials",
        sa.Column("digest", sa.String(64), primary_key=True),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("owner", sa.String(36), nullable=False),
    )
    op.create_index("ix_credentials_owner", "credentials", ["kind", "owner"])


def _deploy_hooks() -> None:
    op.create_table(
        "deploy_hooks",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("stream", sa.String(200), nullable=False),
        sa.Column("site_id", sa.String(36), nullable=False),
        sa.Column("site", sa.String(63), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
    )
    op.create_index("ix_deploy_hooks_site_id", "deploy_hooks", ["site_id"])


def _deploys() -> None:
    op.create_table(
        "deploys",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("stream", sa.String(200), nullable=False),
        sa.Column("site_id", sa.String(36), nullable=False),
        sa.Column("site", sa.String(63), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(20), nullable=False),
        sa.Column("stage", sa.String(20)),
        sa.Column("flow", sa.String(36), nullable=False),
        sa.Column("last_event", sa.String(36), nullable=False),
        sa.Column("last_flow", sa.String(36), nullable=False),
        sa.Column("cid", sa.String(100)),
        sa.Column("files", sa.Integer()),
        sa.Column("bytes", sa.BigInteger()),
        sa.Column("diff", JSON),
        sa.Column("trigger", JSON, nullable=False),
        sa.Column("source", JSON, nullable=False),
        sa.Column("ref", sa.String(500)),
        sa.Column("commit", sa.String(500)),
        sa.Column("message", sa.String(2000)),
        sa.Column("failure", JSON),
        sa.Column("targets", JSON, nullable=False),
        sa.Column("partial", sa.Boolean(), nullable=False),
        sa.Column("warnings", JSON, nullable=False),
        sa.Column("durations", JSON, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("entered_at", MOMENT, nullable=False),
        sa.Column("published_at", MOMENT),
        sa.Column("completed_at", MOMENT),
        sa.Column("deadline_at", MOMENT),
        sa.UniqueConstraint("site_id", "number"),
    )
    op.create_index("ix_deploys_deadline_at", "deploys", ["deadline_at"])
    op.create_index("ix_deploys_last_flow", "deploys", ["last_flow"])
    op.create_index("ix_deploys_status", "deploys", ["site_id", "status"])


def _domains() -> None:
    op.create_table(
        "domains",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("stream", sa.String(200), nullable=False),
        sa.Column("site_id", sa.String(36), nullable=False),
        sa.Column("site", sa.String(63), nullable=False),
        sa.Column("hostname", sa.String(253), nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("mode", sa.String(20), nullable=False),
        sa.Column("deploy_id", sa.String(36)),
        sa.Column("cid", sa.String(100)),
        sa.Column("failure", JSON),
        sa.Column("created_at", MOMENT, nullable=False),
    )
    op.create_index("ix_domains_hostname", "domains", ["hostname"])
    op.create_index("ix_domains_site_id", "domains", ["site_id"])


def _idempotency() -> None:
    op.create_table(
        "idempotency",
        sa.Column("token", sa.String(36), primary_key=True),
        sa.Column("key", sa.String(255), primary_key=True),
        sa.Column("request_hash", sa.String(64), nullable=False),
        sa.Column("status", sa.Integer()),
        sa.Column("answer", JSON),
        sa.Column("created_at", MOMENT, nullable=False),
    )
    op.create_index("ix_idempotency_created_at", "idempotency", ["created_at"])


def _notifications() -> None:
    op.create_table(
        "notifications",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("stream", sa.String(200), nullable=False),
        sa.Column("site_id", sa.String(36), nullable=False),
        sa.Column("site", sa.String(63), nullable=False),
        sa.Column("deploy_id", sa.String(36), nullable=False),
        sa.Column("status", sa.String(10), nullable=False),
        sa.Column("channel", sa.String(50)),
        sa.Column("recipient", sa.String(320)),
        sa.Column("title", sa.Text()),
        sa.Column("text", sa.Text()),
        sa.Column("failure", JSON),
        sa.Column("cause_event_id", sa.String(36), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
    )
    op.create_index("ix_notifications_site_id", "notifications", ["site_id"])


def _sign_in_codes() -> None:
    op.create_table(
        "sign_in_codes",
        sa.Column("digest", sa.String(64), primary_key=True),
        sa.Column("token_id", sa.String(36), nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
    )
    op.create_index("ix_sign_in_codes_expires_at", "sign_in_codes", ["expires_at"])


def _sites() -> None:
    op.create_table(
        "sites",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("stream", sa.String(200), nullable=False),
        sa.Column("slug", sa.String(63), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("live_deploy_id", sa.String(36)),
        sa.Column("live_cid", sa.String(100)),
        sa.Column("intent", sa.Integer(), nullable=False),
        sa.Column("published_intent", sa.Integer(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("deleted", sa.Boolean(), nullable=False),
    )
    condition: dict[str, Any] = {
        "sqlite_where": sa.text("deleted = 0"),
        "postgresql_where": sa.text("NOT deleted"),
    }
    op.create_index("uq_sites_slug", "sites", ["slug"], unique=True, **condition)


def _tokens() -> None:
    op.create_table(
        "tokens",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("stream", sa.String(200), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("scopes", JSON, nullable=False),
        sa.Column("site_id", sa.String(36)),
        sa.Column("site", sa.String(63)),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("revoked_at", MOMENT),
    )


def _usage() -> None:
    op.create_table(
        "usage",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("stream", sa.String(200), nullable=False),
        sa.Column("site_id", sa.String(36), nullable=False),
        sa.Column("site", sa.String(63), nullable=False),
        sa.Column("deploy_id", sa.String(36), nullable=False),
        sa.Column("meter", sa.String(50), nullable=False),
        sa.Column("quantity", sa.BigInteger(), nullable=False),
        sa.Column("unit", sa.String(20), nullable=False),
        sa.Column("cause_event_id", sa.String(36), nullable=False),
        sa.Column("idempotency_key", sa.String(200), nullable=False),
        sa.Column("measured_at", MOMENT, nullable=False),
        sa.UniqueConstraint("idempotency_key"),
    )
    op.create_index("ix_usage_site_id", "usage", ["site_id"])
