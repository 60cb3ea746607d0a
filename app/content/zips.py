"""Reads zip archives member by member, with what `zipfile` leaves open: sizes, names, links, memory.

Only stored and deflated members are read: the other decompressors give back any amount at once.
"""

import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, NoReturn

from app.content.files import Source
from app.content.members import Member, corrupt, readable, truncated, unsupported
from app.errors import InvalidInput, TooLarge

_UTF8_FLAG = 0x800
_ENCRYPTED_FLAGS = 0x1 | 0x40 | 0x2000
_ENTRY_MARK = b"PK\x01\x02"
_METHODS = {9: "deflate64", 12: "bzip2", 14: "LZMA", 93: "zstd", 95: "xz", 98: "PPMd"}
_UNREADABLE = (zipfile.BadZipFile, zlib.error, struct.error, ValueError, OverflowError, RuntimeError)


def zip_members(path: Path, most: int) -> Iterator[Member]:
    """Walk a zip in the order of its directory; TooLarge `too_many_files` before a huge one is loaded."""
    with path.open("rb") as file:
        try:
            archive = zipfile.ZipFile(_Bounded(file, most))
        except UnicodeDecodeError as error:
            raise _bad_name(bytes(error.object)) from error
        except (*_UNREADABLE, EOFError) as error:
            if "not a zip file" in str(error):
                raise truncated("before its directory of files") from error
            raise corrupt(f"its directory of files cannot be read ({error})") from error
        with archive:
            for info in archive.infolist():
                yield _member(archive, info)


class _Bounded:
    """A file that refuses to hand a directory of too many entries to `zipfile`, which loads it whole."""

    def __init__(self, file: IO[bytes], most: int) -> None:
        self._file = file
        self._most = most
        self.tell = file.tell
        self.seekable = file.seekable
        self.close = file.close

    def seek(self, offset: int, whence: int = 0) -> int:
        if offset < 0 and whence == 0:
            raise zipfile.BadZipFile("an offset in it is negative")
        return self._file.seek(offset, whence)

    def read(self, size: int = -1) -> bytes:
        data = self._file.read(size)
        # files and folders, each up to the limit
        if len(data) > 46 * 2 * self._most and data.count(_ENTRY_MARK) > 2 * self._most:
            raise TooLarge(
                "too_many_files",
                f"The archive holds more than {self._most:,} files.",
                "Deploy fewer, or raise MAX_SITE_FILES.",
                evidence={"limit": self._most},
            )
        return data


class _ZipPart:
    """The content of one member, its length and checksum verified when its end is read."""

    def __init__(self, stream: IO[bytes], size: int, name: bytes) -> None:
        self._stream = stream
        self._left = size
        self._name = name

    def read(self, size: int, /) -> bytes:
        try:
            piece = self._stream.read(size)
        except (*_UNREADABLE, EOFError) as error:
            _refuse(self._name, error)
        self._left -= len(piece)
        if size and not piece and self._left:
            raise corrupt(f"{readable(self._name)} is shorter than it says")
        return piece

    def close(self) -> None:
        self._stream.close()


def _member(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Member:
    name = _raw_name(info)

    def part() -> Source:
        _check_readable(info, name)
        try:
            return _ZipPart(archive.open(info), info.file_size, name)
        except (*_UNREADABLE, EOFError) as error:
            _refuse(name, error)

    form = stat.S_IFMT(info.external_attr >> 16)
    if form == stat.S_IFLNK:
        return Member(name, "link", info.file_size, part, "another path")
    if form not in (0, stat.S_IFREG, stat.S_IFDIR):
        return Member(name, "special", info.file_size, part, "device or named pipe")
    if name.endswith(b"/"):
        if info.file_size:
            raise corrupt(f"the folder {readable(name)} has content")
        return Member(name, "folder", 0, part)
    return Member(name, "file", info.file_size, part)


def _raw_name(info: zipfile.ZipInfo) -> bytes:
    """The name's bytes: without the UTF-8 flag `zipfile` decodes them as cp437, which maps every byte."""
    if info.flag_bits & _UTF8_FLAG:
        return info.orig_filename.encode("utf-8")
    return info.orig_filename.encode("cp437")


def _check_readable(info: zipfile.ZipInfo, name: bytes) -> None:
    if info.flag_bits & _ENCRYPTED_FLAGS:
        raise InvalidInput(
            "archive_encrypted", f"{readable(name)} is encrypted.", "Make the archive without a password."
        )
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        method = _METHODS.get(info.compress_type, "an unknown method")
        raise unsupported(
            f"{readable(name)} is packed with {method} ({info.compress_type}).",
            "Make the archive with plain “deflate”, which every tool has.",
        )


def _refuse(name: bytes, error: Exception) -> NoReturn:
    if isinstance(error, EOFError):
        raise truncated(f"inside {readable(name)}") from error
    raise corrupt(f"{readable(name)} cannot be read ({error})") from error


def _bad_name(raw: bytes) -> InvalidInput:
    return InvalidInput(
        "path_encoding",
        f"The name {readable(raw)} is not UTF-8 although the archive says so.",
        "Make the archive with a tool that writes UTF-8 names.",
    )
