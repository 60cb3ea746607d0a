"""The pages' blueprint, and what holds for each answer of it: what it may load, and that nobody keeps it."""

from flask import Blueprint, Response

#: Nothing but our own files, no script or style inside a page, no frame around it.
POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}

web = Blueprint(
    "web", __name__, template_folder="templates", static_folder="static", static_url_path="/static"
)


@web.after_request
def protect(response: Response) -> Response:
    """What a browser may do with an answer."""
    response.headers.update(HEADERS)
    if response.mimetype == "text/html":
        response.headers["Cache-Control"] = "no-store"
        response.vary.update(("Authorization", "Cookie"))
    return response
