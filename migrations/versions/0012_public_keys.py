"""The public halves of keys that webhooks are signed with."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column."""
    op.add_column("webhook_secrets", sa.Column("public", sa.String(100)))
