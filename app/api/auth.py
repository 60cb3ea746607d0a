"""Who asks, and what they may do: bearer tokens with scopes, some of them bound to one site.

A session cookie of the pages counts for reading only: the pages put its token into `g.actor`. A caller inside
this process may name itself in the request's WSGI environment, where nothing from a network can be.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeVar

from flask import current_app, g, request

from app.engine import reading
from app.errors import Forbidden, Unauthenticated
from app.models import sites, tokens
from app.models.credentials import digest_of
from app.models.sites import Site
from app.models.tokens import Token
from app.signals.sites import site_stream

#: The variable of the WSGI environment in which a caller of the same process names itself.
TRUSTED = "antiphon.actor"
READS = ("GET", "HEAD")

Scope = Literal["read", "deploy", "admin"]
RANKS: dict[str, int] = {"read": 0, "deploy": 1, "admin": 2}
View = TypeVar("View", bound=Callable[..., object])


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks. `actor` is written into events, `owner` is whose Idempotency-Keys these are."""

    actor: str
    owner: str
    rank: int
    #: The one site that it may see and change.
    site_id: str | None = None
    #: The secret that it came with.
    secret: str = ""

    @property
    def stream(self) -> str | None:
        """The one stream that it may read; None for all."""
        return site_stream(self.site_id) if self.site_id else None


def scope(needed: Scope) -> Callable[[View], View]:
    """Mark an endpoint: whoever asks needs this scope, or one that includes it."""

    def mark(view: View) -> View:
        view.scope = needed  # type: ignore[attr-defined]  # functions carry attributes
        return view

    return mark


def admit() -> None:
    """Let nobody pass who is unknown or lacks the endpoint's scope; runs before anything is read."""
    found = _identify()
    needed = getattr(current_app.view_functions.get(request.endpoint or ""), "scope", "admin")
    if found.rank < RANKS[needed]:
        held = ", ".join(name for name, rank in RANKS.items() if rank <= found.rank)
        hint = f"Ask with a token that has the scope {needed}."
        raise Forbidden("scope_missing", f"This needs the scope {needed}; yours: {held}.", hint)
    g.asker = found


def asker() -> Asker:
    """Who asks, in a request that was admitted."""
    found: Asker = g.asker
    return found


def require_site(slug: str) -> Site:
    """The site of this slug. NotFound `site_not_found`, Forbidden `token_of_another_site`."""
    with reading() as db:
        if asker().site_id is None:
            return sites.require(db, slug)
        site = sites.by_slug(db, slug)
    if site is None or site.id != asker().site_id:  # it may not even learn whether there is one
        raise another_site()
    return site


def check_stream(stream: str) -> None:
    """Forbidden `token_of_another_site` for what happens in a stream that the asker may not read."""
    if asker().stream not in (None, stream):
        raise another_site()


def may_change() -> str:
    """How the streams begin in which the asker may change the course of things: its site's, those of sites,
    or all.
    """
    return asker().stream or ("/" if asker().rank >= RANKS["admin"] else site_stream(""))


def check_change(stream: str) -> None:
    """Forbidden `token_of_another_site`, or `scope_missing` for what is not about a site."""
    check_stream(stream)
    if not stream.startswith(may_change()):
        hint = "Ask with a token that has the scope admin."
        raise Forbidden("scope_missing", "What is not about a site needs the scope admin.", hint)


def check_everywhere() -> None:
    """Forbidden `token_of_another_site` for what is about all sites, when the token is bound to one."""
    if asker().site_id is not None:
        raise another_site()


def another_site() -> Forbidden:
    """The refusal of a token that is bound to a site, away from that site."""
    hint = "Use a token of this site, or an unbound one."
    return Forbidden("token_of_another_site", "The token is bound to another site.", hint)


def _identify() -> Asker:
    if trusted := request.environ.get(TRUSTED):
        return Asker(str(trusted), owner=str(trusted)[:36], rank=RANKS["admin"])
    header = request.headers.get("Authorization")
    if header is None:
        signed_in = g.get("actor") if request.method in READS else None
        if signed_in is None:
            hint = "Send the header Authorization: Bearer <token>."
            raise Unauthenticated("token_missing", "This needs a token.", hint)
        return _asker(signed_in, "")
    kind, _, secret = header.partition(" ")
    with reading() as db:
        token = tokens.by_digest(db, digest_of(secret.strip()))
    if token is None or kind.lower() != "bearer":
        hint = "It may have been revoked. Ask an administrator for a new one."
        raise Unauthenticated("token_unknown", "No such token is in force.", hint)
    return _asker(token, secret.strip())


def _asker(token: Token, secret: str) -> Asker:
    rank = max((RANKS.get(name, -1) for name in token.scopes), default=-1)
    return Asker(f"token:{token.id}", token.id, rank, token.site_id, secret)
