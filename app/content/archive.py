"""The archive door: zip, tar and tar.gz are inspected and read member by member, never unpacked to disk.

Everything that a browser, a disk or an attacker could stumble over is refused here, with a code and a hint.
"""

import gzip
import zlib
from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from app.content.files import Source
from app.content.formats import Format, sniff
from app.content.importer import Entry
from app.content.members import MIB, UNLIMITED, Limits, Member, corrupt, readable, truncated
from app.content.paths import Paths
from app.content.tars import tar_members
from app.content.zips import zip_members
from app.errors import InvalidInput

#: what the headers of a tar may take besides its files: in all, and for each file
_OVERHEAD, _OVERHEAD_EACH = 64 * MIB, 4096


@dataclass(frozen=True, slots=True)
class Finding:
    """Something about an archive that is worth a warning and no failure."""

    code: str
    message: str
    hint: str


@dataclass(frozen=True, slots=True)
class ArchiveInfo:
    """What an archive holds; `bytes` is the sum of its files, unpacked."""

    format: Format
    files: int
    bytes: int
    has_index: bool
    warnings: tuple[Finding, ...]


class Archive:
    """One pass over an archive; what it held is known when the pass is over."""

    def __init__(self, path: Path, limits: Limits) -> None:
        self.format = sniff(path)
        self._path = path
        self._packed = path.stat().st_size
        self._limits = limits
        self._paths = Paths(limits.files)
        self._bytes = 0

    def entries(self) -> Iterator[Entry]:
        """Every file and explicit folder in the archive's order; a file can be read until the next is taken.

        Checks all that can be checked without reading content, and that something is in it at all.
        """
        with closing(self._members()) as members:
            for member in members:
                path = self._paths.admit(member.name, member.kind == "folder")
                if path is None:
                    continue
                _check_kind(member)
                self._bytes += member.size
                self._limits.check(self._bytes, self._packed, readable(member.name))
                yield path, None if member.kind == "folder" else member.open
        if not self._paths.files:
            raise InvalidInput(
                "archive_empty", "The archive holds no file.", "Put at least an index.html into it."
            )

    def info(self) -> ArchiveInfo:
        """What the pass found."""
        has_index = self._paths.has_file("index.html")
        return ArchiveInfo(self.format, self._paths.files, self._bytes, has_index, tuple(self._findings()))

    def _members(self) -> Generator[Member, None, None]:
        if self.format == "zip":
            yield from zip_members(self._path, self._limits.files)
            return
        with self._path.open("rb") as file:
            stream = gzip.GzipFile(fileobj=file) if self.format == "tar.gz" else file
            yield from tar_members(_Unpacked(stream, self._packed, self._limits))

    def _findings(self) -> Iterator[Finding]:
        if not self._paths.has_file("index.html"):
            message = "There is no index.html: visitors of “/” will see a list of files."
            yield Finding("index_missing", message, "Put the first page at the top, named index.html.")
        top = next(iter(self._paths.top))
        if len(self._paths.top) == 1 and not self._paths.has_file(top):
            message = f"Everything is inside the folder “{top}”: its pages are served under /{top}/."
            yield Finding("single_top_folder", message, "Make the archive from inside that folder.")
        if self._paths.left_out:
            message = f"{self._paths.left_out:,} entries of .git were left out."
            yield Finding("git_left_out", message, "A site never holds its repository.")


def inspect(path: Path, limits: Limits | None = None) -> ArchiveInfo:
    """Read all of an archive, checksums included, and tell what it holds.

    PermanentError for every kind of bad archive: `archive_unknown`, `_truncated`, `_corrupt`, `_empty`,
    `_bomb`, `_encrypted`, `_unsupported`; `path_illegal`, `_encoding`, `_collision`; `symlink_escape`,
    `too_many_files`, `source_too_large`.
    """
    archive = Archive(path, limits or Limits())
    for _, opener in archive.entries():
        if opener:
            _read_through(opener())
    return archive.info()


def entries(path: Path, limits: Limits = UNLIMITED) -> Iterator[Entry]:
    """What `import_tree` takes, with the checks of `inspect`; limits were drawn when it was taken in."""
    return Archive(path, limits).entries()


def _read_through(source: Source) -> None:
    with closing(source):
        while source.read(MIB):
            pass


class _Unpacked:
    """The tar inside a file: counts what comes out of it and tells a cut or damaged gzip apart."""

    def __init__(self, stream: Source, packed: int, limits: Limits) -> None:
        self._stream = stream
        self._packed = packed
        overhead = _OVERHEAD + _OVERHEAD_EACH * limits.files
        self._limits = Limits(limits.files, limits.bytes + overhead, limits.ratio, limits.ratio_from)
        self._bytes = 0

    def read(self, size: int, /) -> bytes:
        try:
            piece = self._stream.read(size)
        except EOFError as error:
            raise truncated("before the end of its gzip stream") from error
        except (zlib.error, gzip.BadGzipFile) as error:
            raise corrupt(f"its gzip stream cannot be read ({error})") from error
        self._bytes += len(piece)
        self._limits.check(self._bytes, self._packed, f"byte {self._bytes:,}")
        return piece

    def close(self) -> None:
        self._stream.close()


def _check_kind(member: Member) -> None:
    name = readable(member.name)
    if member.kind == "link":
        raise InvalidInput(
            "symlink_escape",
            f"{name} is a link to {member.note}, and a site holds no links.",
            "Pack the files themselves: tar --dereference --hard-dereference, or zip without -y.",
        )
    if member.kind == "special":
        raise InvalidInput("path_illegal", f"{name} is a {member.note}, not a file.", "Leave it out.")
