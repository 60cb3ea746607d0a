"""Secrets, as digests only, and whose they are. Not a fold: a secret is never part of the log."""

from hashlib import sha256

from sqlalchemy import Column, Connection, Index, String, Table, delete, insert, select

from app.engine import metadata

TOKEN = "token"  # noqa: S105 - a kind of owner, not a secret
DEPLOY_HOOK = "deploy_hook"

credentials = Table(
    "credentials",
    metadata,
    Column("digest", String(64), primary_key=True),
    Column("kind", String(20), nullable=False),
    Column("owner", String(36), nullable=False),
    Index("ix_credentials_owner", "kind", "owner"),
)


def digest_of(secret: str) -> str:
    """The hex sha2-256 of a secret. Secrets are long and random, so no slow hash is needed."""
    return sha256(secret.encode()).hexdigest()


def store(db: Connection, kind: str, owner: str, secret: str) -> None:
    """Remember whose secret this is, without the secret."""
    db.execute(insert(credentials).values(digest=digest_of(secret), kind=kind, owner=owner))


def owner_of(db: Connection, kind: str, digest: str) -> str | None:
    """The id of the token or hook whose secret has this digest."""
    wanted = (credentials.c.digest == digest, credentials.c.kind == kind)
    return db.execute(select(credentials.c.owner).where(*wanted)).scalar()


def forget(db: Connection, kind: str, owner: str) -> None:
    """Make the owner's secrets good for nothing."""
    db.execute(delete(credentials).where(credentials.c.kind == kind, credentials.c.owner == owner))
