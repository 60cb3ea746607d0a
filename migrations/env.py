"""How Alembic reaches the database: over the connection that the platform passes, else the configured one."""

from alembic import context
from sqlalchemy import Connection

import app.models  # noqa: F401 - declares the tables that autogenerate compares with
from app.engine import metadata
from app.engine.database import writing


def migrate(db: Connection) -> None:
    """Bring the database behind `db` to the wished revision, in one transaction where the database can."""
    context.configure(connection=db, target_metadata=metadata, transactional_ddl=True)
    with context.begin_transaction():
        context.run_migrations()


passed = context.config.attributes.get("connection")
if passed is not None:
    migrate(passed)
else:
    with writing() as own:
        migrate(own)
