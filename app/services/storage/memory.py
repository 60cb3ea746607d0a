"""Blobs in the memory of one process: for demonstrations and tests, gone with the process."""

from collections.abc import Iterable
from functools import cache

from app.errors import PermanentError
from app.services.storage.port import absent, checked, verified


class MemoryStorage:
    """A `Storage`; `blobs` is everything in it."""

    def __init__(self) -> None:
        self.blobs: dict[str, bytes] = {}

    def missing(self, digests: Iterable[str]) -> set[str]:
        return {digest for digest in digests if checked(digest) not in self.blobs}

    def put(self, blocks: Iterable[tuple[str, bytes]]) -> None:
        for digest, data in blocks:
            self.blobs[digest] = verified(digest, data)

    def get(self, digest: str) -> bytes:
        data = self._held(digest)
        try:
            return verified(digest, data)
        except PermanentError:
            self.blobs.pop(digest, None)
            raise

    def size(self, digest: str) -> int:
        return len(self._held(digest))

    def _held(self, digest: str) -> bytes:
        try:
            return self.blobs[checked(digest)]
        except KeyError:
            raise absent(digest) from None


@cache
def shared_memory() -> MemoryStorage:
    """The one of this process."""
    return MemoryStorage()
