"""The progress of an upload, on a terminal that can show it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from io import FileIO

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from app.cli.packing import Packed


@contextmanager
def progress_of(packed: Packed, *, silent: bool) -> Iterator[FileIO]:
    """The archive as a file whose reading moves a bar."""
    console = Console(stderr=True)
    columns = (TextColumn("Uploading"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with (
        Progress(*columns, console=console, transient=True, disable=silent or not console.is_terminal) as bar,
        _Watched(os.dup(packed.file.fileno()), bar, packed.size) as archive,
    ):
        yield archive


class _Watched(FileIO):
    """A file that tells a bar how far it has been read."""

    def __init__(self, descriptor: int, bar: Progress, total: int) -> None:
        super().__init__(descriptor)
        self._bar = bar
        self._row = bar.add_task("upload", total=total)

    def read(self, size: int | None = -1, /) -> bytes:
        piece = super().read(-1 if size is None else size)
        self._bar.update(self._row, completed=self.tell())
        return piece or b""
