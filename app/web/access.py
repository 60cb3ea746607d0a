"""Who looks at a page: the bearer of a token, or a browser that signed in with one.

The session holds the token's id, so a token that is revoked ends its sessions too.
"""

from flask import Response, g, make_response, render_template, request, session

from app.engine import reading
from app.models import tokens
from app.models.credentials import digest_of
from app.models.tokens import Token
from app.signals.sites import site_stream
from app.web.blueprint import web

OPEN = {"web.sign_in", "web.take_token", "web.static"}
SIGNED_IN = "token"


@web.before_app_request
def recognise() -> None:
    """Note in `g.actor` whose browser it is; the API lets it read too, which is how a page's stream comes."""
    g.actor = None
    if "Authorization" not in request.headers and SIGNED_IN in session:
        with reading() as db:
            token = tokens.get(db, session[SIGNED_IN])
        g.actor = token if token and token.revoked_at is None else None


@web.before_request
def let_in() -> Response | None:
    """Let those pass who may read; everybody else is asked to sign in, on the spot."""
    g.visitor = g.actor or _bearer()
    if g.visitor or request.endpoint in OPEN:
        return None
    page = make_response(render_template("sign_in.html", leads_to=request.full_path.rstrip("?")), 401)
    page.headers["WWW-Authenticate"] = "Bearer"
    return page


def visitor() -> Token:
    """Who looks, on a page that is not open to everybody."""
    token: Token = g.visitor
    return token


def visible_stream() -> str | None:
    """The one stream that a token bound to a site may look at; None for all."""
    bound = visitor().site_id
    return site_stream(bound) if bound else None


def token_of(secret: str) -> Token | None:
    """The token in force with this secret."""
    with reading() as db:
        return tokens.by_digest(db, digest_of(secret.strip()))


def _bearer() -> Token | None:
    kind, _, secret = request.headers.get("Authorization", "").partition(" ")
    return token_of(secret) if kind.lower() == "bearer" else None
