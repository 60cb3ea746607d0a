"""Blobs as files: `<folder>/ab/<sha256>`, written aside and renamed, durable a batch at a time.

A blob is visible only when it is whole and on disk, so a killed writer leaves at most a file in `tmp/`, which
nobody reads and a later writer clears away.
"""

import os
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from errno import EDQUOT, ENOSPC
from itertools import islice
from pathlib import Path
from uuid import uuid4

from app.errors import PermanentError, RetryableError
from app.services.storage.port import absent, checked, verified

_BATCH_BLOBS, _BATCH_BYTES = 2048, 32 << 20
_WRITERS = 8  # fsyncs that wait together share the journal's commits
_LEFT_OVER = 24 * 3600


class FolderStorage:
    """A `Storage` in a local folder, which is made when the first blob comes; any number may share it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._aside = folder / "tmp"

    def missing(self, digests: Iterable[str]) -> set[str]:
        with _spoken():
            return {digest for digest in digests if not self._path(digest).exists()}

    def put(self, blocks: Iterable[tuple[str, bytes]]) -> None:
        blocks = iter(blocks)
        with ThreadPoolExecutor(_WRITERS) as writers:
            while batch := _batch(blocks):
                with _spoken():
                    self._keep(batch, writers)

    def get(self, digest: str) -> bytes:
        path = self._path(digest)
        with _spoken(digest), path.open("rb") as file:
            inode = os.fstat(file.fileno()).st_ino
            data = file.read()
        try:
            return verified(digest, data)
        except PermanentError:
            with suppress(OSError):  # a reader's user may lack the right to
                if path.stat().st_ino == inode:  # not one that has healed it meanwhile
                    path.replace(path.with_suffix(".damaged"))
            raise

    def size(self, digest: str) -> int:
        with _spoken(digest):
            return self._path(digest).stat().st_size

    def _path(self, digest: str) -> Path:
        return self._folder / checked(digest)[:2] / digest

    def _keep(self, batch: dict[str, bytes], writers: ThreadPoolExecutor) -> None:
        """Files, then their names, then the folders that hold the names: each on disk before the next."""
        _make_folder(self._aside)
        self._clear_aside()
        new = {digest: data for digest, data in batch.items() if not self._holds(digest, len(data))}
        written = list(writers.map(self._write_aside, new.values()))
        for digest, aside in zip(new, written, strict=True):
            _make_folder(self._path(digest).parent)
            aside.replace(self._path(digest))
        # also those of blobs that another writer has just renamed
        list(writers.map(_sync_folder, {self._path(digest).parent for digest in batch}))

    def _holds(self, digest: str, size: int) -> bool:
        try:
            return self._path(digest).stat().st_size == size
        except FileNotFoundError:
            return False

    def _write_aside(self, data: bytes) -> Path:
        aside = self._aside / uuid4().hex
        try:
            with aside.open("xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
        except OSError:
            aside.unlink(missing_ok=True)
            raise
        return aside

    def _clear_aside(self) -> None:
        for aside in self._aside.iterdir():
            with suppress(FileNotFoundError):
                if time.time() - aside.stat().st_mtime > _LEFT_OVER:
                    aside.unlink()


def _batch(blocks: Iterator[tuple[str, bytes]]) -> dict[str, bytes]:
    batch: dict[str, bytes] = {}
    held = 0
    for digest, data in islice(blocks, _BATCH_BLOBS):
        batch[digest] = verified(digest, data)
        held += len(data)
        if held >= _BATCH_BYTES:
            break
    return batch


def _make_folder(folder: Path) -> None:
    """Make a folder and those above it, each name durable."""
    if not folder.is_dir():
        _make_folder(folder.parent)
        folder.mkdir(exist_ok=True)
        _sync_folder(folder.parent)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def _spoken(reading: str = "") -> Iterator[None]:
    """Turn what the file system says into errors of the platform; no file is no blob when `reading` one."""
    try:
        yield
    except FileNotFoundError as error:
        raise absent(reading) if reading else _unavailable(error) from None
    except OSError as error:
        if error.errno in (ENOSPC, EDQUOT):
            message, hint = "The disk of the storage folder is full.", "Free some space."
            raise RetryableError("backend_full", message, hint) from error
        raise _unavailable(error) from error


def _unavailable(error: OSError) -> RetryableError:
    message = f"The storage folder cannot be used: {error.strerror or error}."
    hint = "Check that ANTIPHON_HOME is there and belongs to the user of this process."
    return RetryableError("backend_unavailable", message, hint, evidence={"path": str(error.filename)})
