"""Blocks on their way from storage to a reader, and what is told of those that are gone or damaged."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from app.content.cid import Cid
from app.errors import PermanentError
from app.gateway.mount import Mount
from app.services.storage.port import Storage, absent

_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class IntegrityProblem:
    """A block that must be in storage and is not, or is not what its name says.

    `cid` and `digest` (hex) name it; `path` is the content path that was asked for, `site` the slug of the
    site that was asked, if one was. The rest is the error that storage gave.
    """

    cid: str
    digest: str
    path: str
    site: str | None
    code: str
    message: str
    hint: str
    evidence: Mapping[str, Any]


Report = Callable[[IntegrityProblem], None]


class Blocks:
    """The blocks of one request; what is wrong with one is reported where it is noticed, then raised."""

    def __init__(self, storage: Storage, mount: Mount, report: Report) -> None:
        self._storage = storage
        self._mount = mount
        self._report = report

    def get(self, cid: Cid) -> bytes:
        """The bytes, verified."""
        try:
            return self._storage.get(cid.key)
        except PermanentError as error:
            raise self._reported(cid, error) from error

    def require(self, cids: Iterable[Cid]) -> None:
        """Raise when one of these is not in storage; none is read."""
        cids = iter(cids)
        while some := {cid.key: cid for cid in islice(cids, _AT_ONCE)}:
            for digest in sorted(self._storage.missing(some)):
                raise self._reported(some[digest], absent(digest))

    def has(self, cid: Cid) -> bool:
        """Whether it is in storage."""
        return not self._storage.missing([cid.key])

    def _reported(self, cid: Cid, error: PermanentError) -> PermanentError:
        mount = self._mount
        self._report(
            IntegrityProblem(
                str(cid), cid.key, mount.content_path, mount.site,
                error.code, error.message, error.hint, error.evidence,
            )
        )  # fmt: skip
        return error
