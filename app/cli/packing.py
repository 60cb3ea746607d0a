"""A folder becomes one archive to send: the same files give the same bytes, whoever packs them and when."""

import tempfile
import zipfile
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from app.content import folder
from app.content.importer import Entry
from app.errors import InvalidInput

_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest that a zip can say
_FILE, _FOLDER = 0o100644 << 16, 0o040755 << 16
_PIECE = 1 << 20


@dataclass(frozen=True, slots=True)
class Packed:
    """An archive on disk that is gone when its `file` is closed; `bytes` is the sum of what is in it."""

    file: "tempfile._TemporaryFileWrapper[bytes]"
    files: int
    bytes: int

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.file.close()

    @property
    def size(self) -> int:
        """The archive's own size in bytes."""
        return Path(self.file.name).stat().st_size


def pack(root: Path, *, follow_links: bool = False) -> Packed:
    """Pack everything below `root` but `.git` into a zip.

    Needs little memory at any size. InvalidInput `archive_empty`, `path_encoding` and what
    `app.content.folder` raises.
    """
    files = total = 0
    archive = tempfile.NamedTemporaryFile(prefix="antiphon-", suffix=".zip")  # noqa: SIM115 - the caller closes it
    try:
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as out:
            for entry in folder.entries(root, follow_links):
                files += entry[1] is not None
                total += _add(out, entry)
        if not files:
            message = f"{root} holds no file."
            raise InvalidInput("archive_empty", message, "Put at least an index.html into it.")
        archive.seek(0)
    except BaseException:
        archive.close()
        raise
    return Packed(archive, files, total)


def _add(out: zipfile.ZipFile, entry: Entry) -> int:
    name, opener = entry
    item = zipfile.ZipInfo(_legible(str(name)), _EPOCH)
    if opener is None:
        item.external_attr = _FOLDER
        out.writestr(item, b"")
        return 0
    item.external_attr = _FILE
    item.compress_type = zipfile.ZIP_DEFLATED
    with closing(opener()) as source, out.open(item, "w", force_zip64=True) as target:
        while piece := source.read(_PIECE):
            target.write(piece)
    return item.file_size


def _legible(name: str) -> str:
    try:
        name.encode()
    except UnicodeEncodeError as error:
        shown = name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
        raise InvalidInput(
            "path_encoding", f"The name {shown} is not UTF-8.", "Rename it: an address is made of it."
        ) from error
    return name
