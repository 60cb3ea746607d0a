"""`flask release`: what must happen once before the processes start. Running it again changes nothing."""

import os
from pathlib import Path

import rich_click as click
from alembic import command
from alembic.config import Config
from flask import current_app
from flask.cli import with_appcontext

from app.cli.asking import spoken
from app.commands.tokens import create_token
from app.engine import recording
from app.engine.database import is_postgres, writing
from app.models import tokens

ROOT = Path(__file__).parents[2]
#: PostgreSQL's advisory lock under which one release at a time migrates.
MIGRATING_LOCK = 0x416E7470
FIRST_TOKEN = "/tokens/first"  # noqa: S105 - a stream's name


@click.command("release")
@with_appcontext
def release() -> None:
    """Bring the database to this version, and make the first admin token."""
    with spoken():
        migrate()
        click.echo("The database is at this version.")
        file = make_first_token(Path(current_app.config["ANTIPHON_HOME"]))
        if file:
            click.echo(f"The first admin token is in {file}.")


def migrate() -> None:
    """Run every migration that the database has not seen, in one transaction; two at once wait in line."""
    with writing() as db:
        if is_postgres(db):
            db.exec_driver_sql(f"SELECT pg_advisory_xact_lock({MIGRATING_LOCK})")
        config = Config(str(ROOT / "alembic.ini"), attributes={"connection": db})
        command.upgrade(config, "head")


def make_first_token(home: Path) -> Path | None:
    """Make an admin token and keep it in `<home>/admin-token`, unless the database has one in force.

    The file comes before the commit: a token that nobody knows would be worse than a file that is written
    again by the next release.
    """
    file = home / "admin-token"
    with recording("system:release") as log:
        log.lock(FIRST_TOKEN)
        if tokens.first_admin(log.db):
            return None
        _, secret = create_token(log, "first admin token", ["admin"])
        _write_secret(file, secret)
    return file


def _write_secret(file: Path, secret: str) -> None:
    draft = file.with_name(f".{file.name}-{os.getpid()}")
    file.parent.mkdir(parents=True, exist_ok=True)
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
        out.write(f"{secret}\n")
        out.flush()
        os.fsync(out.fileno())
    draft.replace(file)
