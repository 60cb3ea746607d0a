"""Makes archives: good ones, and ones that no honest tool makes."""

import gzip
import io
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterable
from pathlib import Path

SITE = {"index.html": b"<h1>hello</h1>\n", "assets/app.js": b"console.log(1)\n", ".well-known/x": b""}
END = bytes(1024)


def zip_of(files: Iterable[tuple[str, bytes]], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A zip; names may repeat, a name with a slash at its end is a folder."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, content in files:
            info = zipfile.ZipInfo(name)
            info.compress_type = method
            archive.writestr(info, content)
    return out.getvalue()


def zip_with_mode(name: str, mode: int, content: bytes = b"target") -> bytes:
    """A zip with one member of any Unix file mode: links, devices, pipes."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        info = zipfile.ZipInfo(name)
        info.external_attr = mode << 16
        archive.writestr(info, content)
    return out.getvalue()


def raw_zip(name: bytes, content: bytes = b"x", *, flags: int = 0, method: int = 0, size: int = -1) -> bytes:
    """A zip with one stored member, written by hand so that it can lie."""
    size = len(content) if size < 0 else size
    crc = zlib.crc32(content)
    shared = struct.pack("<HHHHHIIIHH", 20, flags, method, 0, 33, crc, len(content), size, len(name), 0)
    local = b"PK\x03\x04" + shared + name + content
    central = b"PK\x01\x02" + struct.pack("<H", 20) + shared + struct.pack("<HHHII", 0, 0, 0, 0, 0) + name
    end = b"PK\x05\x06" + struct.pack("<HHHHIIH", 0, 0, 1, 1, len(central), len(local), 0)
    return local + central + end


def tar_of(files: Iterable[tuple[str, bytes]], form: int = tarfile.PAX_FORMAT) -> bytes:
    """A tar; names may repeat, a name with a slash at its end is a folder."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form) as archive:
        for name, content in files:
            info = tarfile.TarInfo(name.removesuffix("/"))
            info.size = len(content)
            info.type = tarfile.DIRTYPE if name.endswith("/") else tarfile.REGTYPE
            archive.addfile(info, io.BytesIO(content))
    return out.getvalue()


def tar_header(name: bytes, size: int = 0, kind: bytes = b"0", link: bytes = b"") -> bytes:
    """One 512-byte header with a right checksum around whatever it is given; a negative size is base-256."""
    digits = b"%011o\0" % size if size >= 0 else b"\xff" * 8 + struct.pack(">i", size)
    head = name.ljust(100, b"\0") + b"0000644\0" + b"0000000\0" * 2 + digits + b"%011o\0" % 0
    rest = kind + link.ljust(100, b"\0") + b"ustar\x0000" + bytes(247)
    return head + b"%06o\0 " % sum(head + b" " * 8 + rest) + rest


def tar_part(name: bytes, content: bytes, kind: bytes = b"0") -> bytes:
    """A header and its padded content."""
    return tar_header(name, len(content), kind) + content + bytes(-len(content) % 512)


def pax(**records: str) -> bytes:
    """An extension header for the next member."""
    return tar_part(b"pax", b"".join(pax_record(key, value) for key, value in records.items()), b"x")


def pax_record(key: str, value: str) -> bytes:
    """`len key=value`, where the length counts itself."""
    body = f" {key}={value}\n".encode()
    length = len(body) + len(str(len(body)))
    return str(len(body) + len(str(length))).encode() + body


def all_formats(files: Iterable[tuple[str, bytes]]) -> dict[str, bytes]:
    """The same content in every format that is read."""
    files = list(files)
    return {
        "zip": zip_of(files),
        "tar": tar_of(files),
        "tar.gz": packed(tar_of(files, tarfile.GNU_FORMAT)),
    }


def packed(data: bytes) -> bytes:
    """Gzipped, the same every time."""
    return gzip.compress(data, mtime=0)


def saved(folder: Path, data: bytes) -> Path:
    """The archive as a file without a telling name."""
    path = folder / "upload"
    path.write_bytes(data)
    return path
