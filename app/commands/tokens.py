"""Making and revoking the tokens by which people and machines prove who they are."""

from collections.abc import Callable, Collection
from typing import cast, get_args

from app.commands.names import checked_name, drawn_secret
from app.commands.sites import locked_site
from app.engine import Recording, new_id
from app.errors import InvalidInput
from app.models import credentials, tokens
from app.models.tokens import Token
from app.signals.tokens import Scope, TokenCreated, TokenRevoked

SCOPES: tuple[str, ...] = get_args(Scope)


def create_token(
    log: Recording,
    name: str,
    scopes: Collection[str],
    site: str | None = None,
    secret_for: Callable[[str], str] = drawn_secret,
) -> tuple[Token, str]:
    """Make a token, bound to a site if its slug is given; returns it and its secret, which is shown once.

    `secret_for` makes, of the token's id, what follows `ap_` in the secret.
    InvalidInput `name_invalid`, `scopes_invalid`; NotFound `site_not_found`.
    """
    name = checked_name(name, "a token")
    allowed = _checked_scopes(scopes)
    bound = locked_site(log, site) if site is not None else None
    token_id = new_id()
    secret = f"ap_{secret_for(token_id)}"
    whose = {"site_id": bound.id, "site": bound.slug} if bound else {}
    log.record(TokenCreated(token_id=token_id, name=name, scopes=allowed, **whose))
    credentials.store(log.db, credentials.TOKEN, token_id, secret)
    return tokens.require(log.db, token_id), secret


def revoke_token(log: Recording, token_id: str) -> None:
    """Make a token good for nothing. Twice is harmless. NotFound `token_not_found`."""
    log.lock(tokens.require(log.db, token_id).stream)
    token = tokens.require(log.db, token_id)
    credentials.forget(log.db, credentials.TOKEN, token_id)
    if token.revoked_at is None:
        log.record(TokenRevoked(token_id=token_id, name=token.name, site_id=token.site_id, site=token.site))


def _checked_scopes(scopes: Collection[str]) -> tuple[Scope, ...]:
    if not scopes or not set(scopes) <= set(SCOPES):
        hint = f"Choose from {', '.join(SCOPES)}."
        raise InvalidInput("scopes_invalid", "A token needs scopes that exist.", hint)
    return cast("tuple[Scope, ...]", tuple(scope for scope in SCOPES if scope in scopes))
