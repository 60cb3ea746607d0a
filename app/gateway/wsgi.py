"""The gateway's WSGI application: which host and path lead to which content, and what errors look like.

Every site has a host name of its own, so that no site reads another's cookies or storage. Content by CID is
under `/ipfs/` on the gateway's own host.
"""

import ipaddress
import json
import re
import time
from collections.abc import Callable, Iterable
from typing import NamedTuple
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from werkzeug.wrappers import Request, Response

from app.content.cid import Cid
from app.content.reader import Reader
from app.errors import InvalidInput, PlatformError, RetryableError
from app.gateway import pages
from app.gateway.blocks import Blocks, Report
from app.gateway.content import Visit
from app.gateway.counting import Counted
from app.gateway.mount import Mount
from app.services.storage.port import Storage
from app.services.traffic.port import Answered, Journal

#: A slug, or a host name in ASCII: labels with dots between them.
_NAME = re.compile(r"(?=.{1,253}\Z)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*")
_CONTENT = re.compile(rb"/ipfs/([^/]+)(.*)", re.DOTALL)
_PERHAPS = "Perhaps its name is misspelt, or its first deploy is still under way."
_METHODS = ("GET", "HEAD")

#: Variable of the environment: the id of the site whose traffic a request is, "" of none. Without it the
#: request does not count.
_SITE = "antiphon.site"


class Live(NamedTuple):
    """What a site serves: the root CID of its live deploy, None when there is none."""

    site_id: str
    root: str | None
    paused: bool = False


#: What the site of a slug, or of a host name of its own (which has a dot), serves; None when there is none.
Sites = Callable[[str], Live | None]


def create_gateway(
    storage: Storage,
    sites: Sites,
    report_integrity: Report,
    host: str = "localhost",
    journal: Journal | None = None,
) -> WSGIApplication:
    """Serve the blocks of `storage`: a site under `<slug>.<host>`, any content under `<host>/ipfs/<cid>/`.

    Host names are compared without their port; an IP address and `localhost` stand for the bare host.
    `report_integrity` is told of every block that is gone or damaged, each time; it must not raise. What went
    out is noted in the `journal`.
    """
    return _Gateway(storage, sites, report_integrity, host.lower(), journal)


class _Gateway:
    def __init__(
        self, storage: Storage, sites: Sites, report: Report, host: str, journal: Journal | None
    ) -> None:
        self._storage = storage
        self._sites = sites
        self._report = report
        self._host = host
        self._journal = journal

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        environ[_SITE] = ""
        response = self._respond(Request(environ))
        pieces = response(environ, start_response)
        journal, site = self._journal, environ.get(_SITE)
        if journal is None or site is None:
            return pieces
        status = response.status_code
        return Counted(pieces, lambda size: journal.note(Answered(_milliseconds(), site, status, size)))

    def _respond(self, request: Request) -> Response:
        if request.method not in _METHODS:
            response = pages.page(405, "Method not allowed", "Deployed content can only be read.")
            response.headers["Allow"] = ", ".join(_METHODS)
            return response
        try:
            return self._answer(request)
        except RetryableError as error:
            return away(error)
        except InvalidInput as error:
            return _problem(400, "Bad request", error)
        except PlatformError as error:
            return _problem(500, "Content is damaged", error)

    def _answer(self, request: Request) -> Response:
        host = host_of(request)
        path = request.environ.get("PATH_INFO", "").encode("latin-1", "replace") or b"/"
        if host in (self._host, "localhost") or _is_address(host):
            return self._bare(request, path)
        slug, dot, rest = host.partition(".")
        name = slug if rest == self._host else host
        live = self._sites(name) if dot and _NAME.fullmatch(name) else None
        if live is not None:
            request.environ[_SITE] = live.site_id
        if live is not None and live.paused:
            text = "Its operator has paused it. It may be back soon."
            return pages.page(503, "This site is paused", text)
        if live is None or live.root is None:
            text = f"No site is live at {host or 'this address'}. {_PERHAPS}"
            return pages.page(404, "Nothing here yet", text)
        return self._visit(request, Mount.at(Cid.parse(live.root), path, site=slug))

    def _bare(self, request: Request, path: bytes) -> Response:
        if path == b"/healthz":
            del request.environ[_SITE]
            response = Response(json.dumps({"status": "ok"}) + "\n", mimetype="application/json")
            response.headers["Cache-Control"] = "no-store"
            return response
        content = _CONTENT.fullmatch(path)
        if not content:
            text = f"A site is served at <name>.{self._host}, any content at {self._host}/ipfs/<cid>/."
            return pages.page(200 if path == b"/" else 404, "The gateway of Antiphon", text)
        name = content[1].decode("latin-1")
        mount = Mount.at(Cid.parse(name), content[2], base=f"/ipfs/{name}")
        if self._storage.missing([mount.root.key]):
            return pages.page(404, "Not found", f"There is no content {name} here.")
        return self._visit(request, mount)

    def _visit(self, request: Request, mount: Mount) -> Response:
        blocks = Blocks(self._storage, mount, self._report)
        return Visit(request, mount, blocks, Reader(blocks.get)).answer()


def _milliseconds() -> int:
    return time.time_ns() // 1_000_000


def host_of(request: Request) -> str:
    """The host that was asked for, in lower case, without its port and closing dot."""
    host: str = request.environ.get("HTTP_HOST", "").lower()
    if host.startswith("["):
        return host.partition("]")[0][1:]
    return host.partition(":")[0].removesuffix(".")


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def away(error: PlatformError) -> Response:
    """What is answered while something that is needed does not answer."""
    response = _problem(503, "Service unavailable", error)
    response.headers["Retry-After"] = "5"
    return response


def _problem(status: int, title: str, error: PlatformError) -> Response:
    return pages.problem(status, title, error.code, error.message, error.hint)
