"""What certificate authorities ask the gateway for (RFC 8555 §8.3), answered before anything else: also for
names under which nothing is live, and counted as nobody's traffic.
"""

import re
from collections.abc import Callable, Iterable
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from werkzeug.wrappers import Request, Response

from app.errors import RetryableError
from app.gateway.wsgi import away, host_of

#: What is shown for a host name under a token; None for no token of ours.
Challenges = Callable[[str, str], str | None]

_PATH = re.compile(r"/\.well-known/acme-challenge/([A-Za-z0-9_-]{1,200})")
_HOST = re.compile(r"[a-z0-9.-]{1,253}")


def challenged(inner: WSGIApplication, challenges: Challenges) -> WSGIApplication:
    """The application, with an answer for each token of ours; other tokens are the site's own business."""

    def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        asked = _PATH.fullmatch(environ.get("PATH_INFO", ""))
        response = _answer(Request(environ), asked[1], challenges) if asked else None
        return (response or inner)(environ, start_response)

    return application


def _answer(request: Request, token: str, challenges: Challenges) -> Response | None:
    host = host_of(request)
    if request.method not in ("GET", "HEAD") or not _HOST.fullmatch(host):
        return None
    try:
        said = challenges(host, token)
    except RetryableError as error:
        return away(error)
    if said is None:
        return None
    response = Response(said, mimetype="application/octet-stream")
    response.headers["Cache-Control"] = "no-store"
    return response
