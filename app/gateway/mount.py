"""Where in content a request leads: a root, names below it, and what may be said about its lifetime."""

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote_from_bytes

from werkzeug.wrappers import Response

from app.content.cid import Cid

IMMUTABLE = "public, max-age=29030400, immutable"
#: A page made from immutable content, whose looks may change (as gateway conformance has it).
GENERATED = "public, max-age=604800, stale-while-revalidate=2678400"
REVALIDATE = "public, max-age=0, must-revalidate"
#: All content under /ipfs/ shares one host: an origin of its own for each page keeps it from all the others,
#: and from the console's cookies, which know no ports.
_ISOLATED = "sandbox allow-downloads allow-forms allow-modals allow-popups allow-scripts"
_PATH_SAFE = "!$&'()*+,;=:@"


@dataclass(frozen=True, slots=True)
class Mount:
    """One request, resolved as far as is possible without content.

    `base` is the part of the URL's path before the names: empty on a site's host, else `/ipfs/<cid>`.
    `site` is the slug of the site that was asked, None under `/ipfs/`. `slash` tells whether the path ends
    with one.
    """

    root: Cid
    base: str
    names: tuple[bytes, ...]
    slash: bool
    site: str | None

    @classmethod
    def at(cls, root: Cid, path: bytes, base: str = "", site: str | None = None) -> "Mount":
        """Split what follows `base`: it is empty or begins with a slash."""
        names = path.split(b"/")[1:]
        slash = names[-1:] == [b""]
        return cls(root, base, tuple(names[:-1] if slash else names), slash, site)

    @property
    def path(self) -> str:
        """The URL's path, quoted, without a slash at its end."""
        return self.base + "".join(f"/{quoted(name)}" for name in self.names)

    @property
    def content_path(self) -> str:
        """The same as a path under `/ipfs/`, quoted."""
        path = self.path if self.base else f"/ipfs/{self.root}{self.path}"
        return path + "/" * self.slash

    @property
    def shown(self) -> str:
        """The path for people."""
        return self.base + "/" + b"/".join(self.names).decode("utf-8", "replace")

    def describe(self, response: Response, trail: Sequence[Cid], lifetime: str) -> Response:
        """Say what was found where; `lifetime` holds under `/ipfs/`, a site's host always revalidates."""
        headers = response.headers
        headers["X-Ipfs-Path"] = self.content_path
        headers["X-Ipfs-Roots"] = ",".join(str(cid) for cid in trail)
        headers["Cache-Control"] = REVALIDATE if self.site is not None else lifetime
        headers["X-Content-Type-Options"] = "nosniff"
        if self.site is None:
            headers["Access-Control-Allow-Origin"] = "*"
            headers.setdefault("Content-Security-Policy", _ISOLATED)
        return response


def quoted(name: bytes) -> str:
    """One name as a segment of a URL's path."""
    return quote_from_bytes(name, safe=_PATH_SAFE)
