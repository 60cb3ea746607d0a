"""Answers a request for content: a file, a part of one, a folder's index or listing, or the nearest 404.html.

What can be known to be wrong is known before the first header is sent; one block at a time is in memory.
"""

from dataclasses import dataclass
from itertools import chain

from werkzeug.wrappers import Request, Response

from app.content.cid import RAW, Cid
from app.content.dagpb import Link
from app.content.reader import Reader
from app.gateway import pages
from app.gateway.blocks import Blocks
from app.gateway.conditions import has_already, wanted_part
from app.gateway.media import type_of, type_of_content
from app.gateway.mount import GENERATED, IMMUTABLE, REVALIDATE, Mount

_SNIFFED = 512


@dataclass(frozen=True, slots=True)
class Visit:
    """One request at one place in content."""

    request: Request
    mount: Mount
    blocks: Blocks
    reader: Reader

    def answer(self) -> Response:
        """Find out what is there and give it; whatever blocks raise goes up before anything is sent."""
        mount = self.mount
        trail = self.reader.walk(mount.root, mount.names)
        found = trail[-1]
        if len(trail) <= len(mount.names):
            return self._not_found(trail)
        if not self.reader.is_folder(found):
            return self._not_found(trail) if mount.slash else self._file(found, trail, found)
        if not mount.slash:
            return self._with_slash(trail)
        index = self.reader.child(found, b"index.html")
        if index is None or self.reader.is_folder(index):
            return self._listing(found, trail)
        return self._file(index, trail, found, "index.html")

    def _file(self, file: Cid, trail: list[Cid], tagged: Cid, name: str = "") -> Response:
        """A file, or the wanted part of it; its entity tag is the CID of what was asked for."""
        etag = str(tagged)
        if has_already(self.request, etag):
            return self._tagged(Response(status=304), trail, etag, IMMUTABLE)
        size = self.reader.size(file)
        part = wanted_part(self.request, etag, size)
        if part is None:
            response = Response(status=416, headers={"Content-Range": f"bytes */{size}"})
            return self._tagged(response, trail, etag, REVALIDATE)
        response = self._bytes(file, part.start, part.stop, name)
        response.headers["Accept-Ranges"] = "bytes"
        if part.partial:
            response.status_code = 206
            response.headers["Content-Range"] = f"bytes {part.start}-{part.stop - 1}/{size}"
        return self._tagged(response, trail, etag, IMMUTABLE)

    def _bytes(self, file: Cid, start: int, stop: int, name: str) -> Response:
        """A response that streams; every block of it was seen to be there, and the first one is verified."""
        self.blocks.require(leaf.cid for leaf in self.reader.leaves(file, start, stop))
        kind = type_of(name or self._asked_name()) or type_of_content(self._start(file))
        pieces = self.reader.read(file, start, stop)
        body = chain([next(pieces, b"")], pieces)
        response = Response(body, direct_passthrough=True, content_type=kind)
        response.content_length = stop - start
        return response

    def _start(self, file: Cid) -> bytes:
        return b"".join(self.reader.read(file, 0, _SNIFFED))

    def _asked_name(self) -> str:
        return self.mount.names[-1].decode("utf-8", "replace") if self.mount.names else ""

    def _with_slash(self, trail: list[Cid]) -> Response:
        query = self.request.query_string.decode("latin-1")
        location = f"{self.mount.path}/{'?' if query else ''}{query}"
        response = pages.page(301, "Moved", location)
        response.headers["Location"] = location
        return self.mount.describe(response, trail, IMMUTABLE)

    def _listing(self, folder: Cid, trail: list[Cid]) -> Response:
        etag = f"DirIndex-antiphon-1_CID-{folder}"
        if has_already(self.request, etag):
            return self._tagged(Response(status=304), trail, etag, GENERATED)
        links = sorted(self.reader.links(folder), key=lambda link: link.name)
        rows = [(link.name, *self._kind_and_size(link)) for link in links]
        response = pages.listing(self.mount.shown, rows, not self.mount.names)
        return self._tagged(response, trail, etag, GENERATED)

    def _kind_and_size(self, link: Link) -> tuple[bool, int]:
        if link.cid.codec == RAW:
            return False, link.tsize
        is_folder = self.reader.is_folder(link.cid)
        return is_folder, 0 if is_folder else self.reader.size(link.cid)

    def _tagged(self, response: Response, trail: list[Cid], etag: str, lifetime: str) -> Response:
        response.set_etag(etag)
        return self.mount.describe(response, trail, lifetime)

    def _not_found(self, trail: list[Cid]) -> Response:
        """The nearest 404.html on the way up from where the path ended, else a page of our own."""
        for folder in reversed(trail):
            own = self.reader.child(folder, b"404.html")
            if own and not self.reader.is_folder(own):
                response = self._bytes(own, 0, self.reader.size(own), "404.html")
                response.status_code = 404
                return self.mount.describe(response, trail, REVALIDATE)
        response = pages.page(404, "Not found", f"There is nothing at {self.mount.shown}")
        return self.mount.describe(response, trail, REVALIDATE)
