"""The gateway's WSGI application: which host and path lead to which content, and what errors look like.

Every site has a host name of its own, so that no site reads another's cookies or storage. Content by CID is
under `/ipfs/` on the gateway's own host.
"""

import ipaddress
import json
import re
from collections.abc import Callable, Iterable
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from werkzeug.wrappers import Request, Response

from app.content.cid import Cid
from app.content.reader import Reader
from app.errors import InvalidInput, PlatformError, RetryableError
from app.gateway import pages
from app.gateway.blocks import Blocks, Report
from app.gateway.content import Visit
from app.gateway.mount import Mount
from app.services.storage.port import Storage

_SLUG = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_CONTENT = re.compile(rb"/ipfs/([^/]+)(.*)", re.DOTALL)
_PERHAPS = "Perhaps its name is misspelt, or its first deploy is still under way."
_METHODS = ("GET", "HEAD")

#: The root CID of a site's live deploy by its slug; None when there is no such site or nothing is live.
Sites = Callable[[str], str | None]


def create_gateway(
    storage: Storage, sites: Sites, report_integrity: Report, host: str = "localhost"
) -> WSGIApplication:
    """Serve the blocks of `storage`: a site under `<slug>.<host>`, any content under `<host>/ipfs/<cid>/`.

    Host names are compared without their port; an IP address and `localhost` stand for the bare host.
    `report_integrity` is told of every block that is gone or damaged, each time; it must not raise.
    """
    return _Gateway(storage, sites, report_integrity, host.lower())


class _Gateway:
    def __init__(self, storage: Storage, sites: Sites, report: Report, host: str) -> None:
        self._storage = storage
        self._sites = sites
        self._report = report
        self._host = host

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        request = Request(environ)
        return self._respond(request)(environ, start_response)

    def _respond(self, request: Request) -> Response:
        if request.method not in _METHODS:
            response = pages.page(405, "Method not allowed", "Deployed content can only be read.")
            response.headers["Allow"] = ", ".join(_METHODS)
            return response
        try:
            return self._answer(request)
        except RetryableError as error:
            response = _problem(503, "Service unavailable", error)
            response.headers["Retry-After"] = "5"
            return response
        except InvalidInput as error:
            return _problem(400, "Bad request", error)
        except PlatformError as error:
            return _problem(500, "Content is damaged", error)

    def _answer(self, request: Request) -> Response:
        host = _host_of(request)
        path = request.environ.get("PATH_INFO", "").encode("latin-1", "replace") or b"/"
        if host in (self._host, "localhost") or _is_address(host):
            return self._bare(request, path)
        slug, dot, rest = host.partition(".")
        root = self._sites(slug) if dot and rest == self._host and _SLUG.fullmatch(slug) else None
        if root is None:
            text = f"No site is live at {host or 'this address'}. {_PERHAPS}"
            return pages.page(404, "Nothing here yet", text)
        return self._visit(request, Mount.at(Cid.parse(root), path, site=slug))

    def _bare(self, request: Request, path: bytes) -> Response:
        if path == b"/healthz":
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


def _host_of(request: Request) -> str:
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


def _problem(status: int, title: str, error: PlatformError) -> Response:
    return pages.problem(status, title, error.code, error.message, error.hint)
