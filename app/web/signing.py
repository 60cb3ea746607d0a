"""Signing in and out: a token, or a one-time code that stands for one, becomes a session cookie."""

from urllib.parse import urlsplit

from flask import abort, current_app, redirect, render_template, request, session
from werkzeug.wrappers import Response

from app.engine import recording
from app.models import sign_in as codes
from app.web.access import SIGNED_IN, token_of
from app.web.blueprint import web

Answer = Response | str | tuple[str, int]


@web.before_request
def refuse_foreign_forms() -> None:
    """A form that another site's page sends is not what the visitor wanted."""
    if request.method != "POST":
        return
    ours = {request.host, urlsplit(current_app.config["PUBLIC_URL"]).netloc}
    origin = request.headers.get("Origin")
    if request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
        abort(403)
    if origin is not None and urlsplit(origin).netloc not in ours:
        abort(403)


@web.get("/sign-in")
def sign_in() -> Answer:
    """The form; with `?code=`, the visitor is signed in at once, and never again by that code."""
    code = request.args.get("code")
    if code is None or request.method == "HEAD":
        return render_template("sign_in.html")
    with recording("sign-in") as log:
        token_id = codes.redeem(log.db, code, log.now)
    if token_id is None:
        return render_template("sign_in.html", problem="code"), 403
    return _begin_session(token_id, "/")


@web.post("/sign-in")
def take_token() -> Answer:
    """The form with a token in it."""
    leads_to = _own_path(request.form.get("next", ""))
    token = token_of(request.form.get("token", ""))
    if token is None:
        return render_template("sign_in.html", problem="token", leads_to=leads_to), 403
    return _begin_session(token.id, leads_to)


@web.post("/sign-out")
def sign_out() -> Response:
    """Forget who it was."""
    session.clear()
    return redirect("/sign-in", 303)


def _begin_session(token_id: str, leads_to: str) -> Response:
    session.clear()
    session[SIGNED_IN] = token_id
    session.permanent = True
    return redirect(leads_to, 303)


def _own_path(wished: str) -> str:
    """A path of ours; anything that a browser could read as another host becomes the first page."""
    own = wished.startswith("/") and not wished.startswith("//") and wished.isprintable()
    return wished if own and "\\" not in wished else "/"
