"""Tells archive formats apart by their first bytes; file names and content types are not believed."""

import tarfile
import zipfile
from pathlib import Path
from typing import Literal

from app.content.members import not_an_archive
from app.content.tarstream import BLOCK

Format = Literal["zip", "tar", "tar.gz"]
_UNREAD = {
    b"BZh": "bzip2",
    b"\xfd7zXZ": "xz",
    b"(\xb5/\xfd": "zstd",
    b"7z\xbc\xaf": "7-Zip",
    b"Rar!": "RAR",
}


def sniff(path: Path) -> Format:
    """The format of an archive; InvalidInput `archive_unknown` with the name of what it is instead."""
    with path.open("rb") as file:
        start = file.read(BLOCK)
    if not start:
        raise not_an_archive("What was sent is empty.")
    if start.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return "zip"
    if start.startswith(b"\x1f\x8b"):
        return "tar.gz"
    if not start.strip(b"\0") or _is_tar(start):
        return "tar"
    for magic, name in _UNREAD.items():
        if start.startswith(magic):
            raise not_an_archive(f"What was sent is packed with {name}, which is not read here.")
    if zipfile.is_zipfile(path):
        return "zip"
    raise not_an_archive("What was sent is neither a zip nor a tar archive.")


def _is_tar(start: bytes) -> bool:
    try:
        tarfile.TarInfo.frombuf(start, "utf-8", "surrogateescape")
    except tarfile.HeaderError:
        return False
    return True
