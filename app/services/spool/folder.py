"""The spool as files in one folder: `<key>.part` while an upload comes in, `<key>` when it is whole."""

import hashlib
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from errno import EDQUOT, ENOSPC
from pathlib import Path
from typing import Self
from uuid import uuid4

from app.errors import PermanentError, RetryableError, TooLarge
from app.services.spool.port import Spooled

_KEY = re.compile(r"[0-9a-f]{32}")


class FolderSpool:
    """A `Spool` in a local folder, which is made when the first upload comes."""

    def __init__(self, folder: Path, limit: int) -> None:
        self._folder = folder
        self._limit = limit

    def create(self) -> "FolderSpoolWriter":
        with _spoken():
            self._folder.mkdir(parents=True, exist_ok=True)
            return FolderSpoolWriter(self._folder / uuid4().hex, self._limit)

    def path(self, key: str) -> Path:
        path = self._folder / key
        if not _KEY.fullmatch(key) or not path.is_file():
            raise PermanentError(
                "source_not_found", f"The upload {key[:80]} is not in the spool any more.", "Upload it again."
            )
        return path

    def remove(self, key: str) -> None:
        if _KEY.fullmatch(key):
            with _spoken():
                (self._folder / key).unlink(missing_ok=True)


class FolderSpoolWriter:
    """A `SpoolWriter`: hashes and counts while it writes."""

    def __init__(self, path: Path, limit: int) -> None:
        self._path = path
        self._part = path.with_suffix(".part")
        self._file = self._part.open("xb")
        self._hash = hashlib.sha256()
        self._limit = limit
        self._size = 0

    def write(self, data: bytes, /) -> int:
        self._size += len(data)
        if self._size > self._limit:
            self.abort()
            raise TooLarge(
                "source_too_large",
                f"The upload is larger than {self._limit:,} bytes.",
                "Deploy less, or raise MAX_UPLOAD_BYTES.",
                evidence={"limit": self._limit},
            )
        self._hash.update(data)
        with _spoken():
            return self._file.write(data)

    def commit(self) -> Spooled:
        with _spoken():
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
            self._part.replace(self._path)
            for folder in (self._path.parent, self._path.parent.parent):
                _sync_folder(folder)
        return Spooled(self._path.name, self._hash.hexdigest(), self._size)

    def abort(self) -> None:
        with _spoken():
            self._part.unlink(missing_ok=True)
        with suppress(OSError):  # it writes what is held back, perhaps onto the disk that is full
            self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.abort()


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def _spoken() -> Iterator[None]:
    """Turn what the file system says into errors of the platform."""
    try:
        yield
    except OSError as error:
        if error.errno in (ENOSPC, EDQUOT):
            message, hint = "The disk of the spool is full.", "Free some space and upload again."
            raise RetryableError("backend_full", message, hint) from error
        message = f"The spool cannot be used: {error.strerror or error}."
        hint = "Check that ANTIPHON_HOME is there and belongs to the user of this process."
        evidence = {"path": str(error.filename)}
        raise RetryableError("backend_unavailable", message, hint, evidence=evidence) from error
