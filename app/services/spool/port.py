"""What the platform asks of a place where uploads wait."""

from pathlib import Path
from typing import NamedTuple, Protocol


class Spooled(NamedTuple):
    """An upload that is whole and durable: its key in the spool, the hex sha2-256 and the bytes of it."""

    key: str
    sha256: str
    size: int


class SpoolWriter(Protocol):
    """One upload while it comes in. As a context manager it aborts what was not committed."""

    def write(self, data: bytes, /) -> int:
        """Take more bytes; TooLarge `source_too_large` over the limit, and the upload is gone."""

    def commit(self) -> Spooled:
        """Make it durable and give it its key."""

    def abort(self) -> None:
        """Forget it; harmless after either end."""

    def __enter__(self) -> "SpoolWriter": ...

    def __exit__(self, *error: object) -> None: ...


class Spool(Protocol):
    """Uploads by key. RetryableError `backend_full` and `backend_unavailable` when the disk fails."""

    def create(self) -> SpoolWriter:
        """Begin an upload."""

    def path(self, key: str) -> Path:
        """Where a committed upload can be read; PermanentError `source_not_found` when it is gone."""

    def remove(self, key: str) -> None:
        """Let an upload go; harmless when it is gone."""
