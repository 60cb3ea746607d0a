"""Tokens by which people and machines prove who they are. Secrets are never part of a fact."""

from typing import Literal

from app.engine import Signal

Scope = Literal["read", "deploy", "admin"]


class TokenSignal(Signal):
    """Base of what happens to a token, in a stream of its own. `site` is the slug it is bound to."""

    token_id: str
    name: str
    site_id: str | None = None
    site: str | None = None

    @property
    def stream(self) -> str:
        """The token's stream."""
        return f"/tokens/{self.token_id}"

    @property
    def subject(self) -> str:
        """The token."""
        return self.token_id

    @property
    def label(self) -> str:
        """The name that its maker gave it."""
        return self.name


class TokenCreated(TokenSignal, type="identity.token.created"):
    """Somebody made a token that may do what `scopes` say, on one site only when it is bound to one."""

    scopes: tuple[Scope, ...]


class TokenRevoked(TokenSignal, type="identity.token.revoked"):
    """Somebody revoked a token: it is good for nothing from now on."""
