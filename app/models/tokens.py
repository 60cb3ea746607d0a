"""Tokens: who they are and what they may do. Their secrets are in `credentials`."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Column, Connection, String, Table, insert, select, update

from app.engine import Json, Timestamp, fold, folded, metadata
from app.errors import NotFound
from app.models.credentials import TOKEN, owner_of
from app.models.rows import newest, one
from app.signals.tokens import TokenCreated, TokenRevoked

tokens = folded(
    Table(
        "tokens",
        metadata,
        Column("id", String(36), primary_key=True),
        Column("stream", String(200), nullable=False),
        Column("name", String(200), nullable=False),
        Column("scopes", Json(), nullable=False),
        Column("site_id", String(36), nullable=True),
        Column("site", String(63), nullable=True),
        Column("created_at", Timestamp(), nullable=False),
        Column("revoked_at", Timestamp(), nullable=True),
    )
)


@dataclass(frozen=True, slots=True)
class Token:
    """One row of `tokens`."""

    id: str
    stream: str
    name: str
    scopes: list[str]
    site_id: str | None
    site: str | None
    created_at: datetime
    revoked_at: datetime | None


def get(db: Connection, token_id: str) -> Token | None:
    """A token by its id, also one that was revoked."""
    return one(db, Token, select(tokens).where(tokens.c.id == token_id))


def require(db: Connection, token_id: str) -> Token:
    """A token by its id. Raises NotFound `token_not_found`."""
    token = get(db, token_id)
    if token is None:
        raise NotFound("token_not_found", f"There is no token {token_id[:80]}.", "See the list of tokens.")
    return token


def by_digest(db: Connection, digest: str) -> Token | None:
    """The token in force whose secret has this digest."""
    owner = owner_of(db, TOKEN, digest)
    token = None if owner is None else get(db, owner)
    return token if token and token.revoked_at is None else None


def page(db: Connection, limit: int, after: str | None = None, site_id: str | None = None) -> list[Token]:
    """Tokens in force, newest first, behind the id `after`; `site_id` is what they are bound to."""
    query = select(tokens).where(tokens.c.revoked_at.is_(None))
    if site_id is not None:
        query = query.where(tokens.c.site_id == site_id)
    return [Token(*row) for row in db.execute(newest(query, tokens.c.id, limit, after))]


def first_admin(db: Connection) -> Token | None:
    """The oldest token in force that may do everything on every site."""
    query = select(tokens).where(tokens.c.revoked_at.is_(None), tokens.c.site_id.is_(None))
    in_force = (Token(*row) for row in db.execute(query.order_by(tokens.c.id)))
    return next((token for token in in_force if "admin" in token.scopes), None)


@fold(TokenCreated)
def create(db: Connection, event: TokenCreated) -> None:
    """A token is in force."""
    db.execute(
        insert(tokens).values(
            id=event.token_id,
            stream=event.recorded.stream,
            name=event.name,
            scopes=list(event.scopes),
            site_id=event.site_id,
            site=event.site,
            created_at=event.recorded.time,
        )
    )


@fold(TokenRevoked)
def revoke(db: Connection, event: TokenRevoked) -> None:
    """A token is no longer in force; the first revocation counts."""
    in_force = (tokens.c.id == event.token_id, tokens.c.revoked_at.is_(None))
    db.execute(update(tokens).where(*in_force).values(revoked_at=event.recorded.time))
