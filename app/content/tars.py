"""A strict, streaming tar reader: every byte of the archive is accounted for.

Apart from `tarfile` because that takes a damaged header, or a missing end mark, for the end of the archive
and so loses files without a word, and because it reads extension headers of any size into memory. Its public
header parser is used. POSIX.1-2001 pax, GNU long names and old tar are read.
"""

import tarfile
from collections.abc import Iterator
from typing import NamedTuple

from app.content.files import Source
from app.content.members import MIB, Member, corrupt, not_an_archive, readable, unsupported
from app.content.tarstream import BLOCK, TarPart, TarStream

_ZEROS = bytes(BLOCK)
_LINKS = (b"1", b"2")
_SPECIAL = {b"3": "device", b"4": "device", b"6": "named pipe", b"S": "sparse file"}
_DATALESS = (b"1", b"2", b"3", b"4", b"5", b"6")
_REGULAR = (b"0", b"\0", b"7")
_PAX = (b"x", b"X", b"g")
_GNU_NAMES = {b"L": b"path", b"K": b"linkpath"}
_HEADER_LIMIT = MIB


class _Header(NamedTuple):
    name: bytes
    type: bytes
    size: int
    link: bytes


def tar_members(source: Source) -> Iterator[Member]:
    """Walk a tar that is not compressed (any more); InvalidInput for whatever does not add up."""
    stream = TarStream(source)
    while (header := _next_header(stream)) is not None:
        part = TarPart(stream, header.size, header.name)
        yield _member(header, part)
        part.skip()


def _member(header: _Header, part: TarPart) -> Member:
    if header.type in _REGULAR:
        return Member(header.name, "file", header.size, lambda: part)
    if header.type == b"5":
        return Member(header.name, "folder", 0, lambda: part)
    if header.type in _LINKS:
        return Member(header.name, "link", 0, lambda: part, readable(header.link))
    what = _SPECIAL.get(header.type, f"tar entry of type {header.type!r}")
    return Member(header.name, "special", header.size, lambda: part, what)


def _next_header(stream: TarStream) -> _Header | None:
    """The next member with its extensions applied; None at the end mark."""
    extensions: dict[bytes, bytes] = {}
    while True:
        info = _block(stream)
        if info is None:
            if extensions:
                raise corrupt("it ends after an extension header")
            return None
        if info.type in _PAX or info.type in _GNU_NAMES:
            _extend(extensions, info, stream)
            continue
        return _applied(info, extensions)


def _block(stream: TarStream) -> tarfile.TarInfo | None:
    first = stream.at == 0
    block = stream.exact(BLOCK, "before its end mark" if not first else "at its very start")
    if block == _ZEROS:
        while rest := stream.read(MIB):
            if rest.strip(b"\0"):
                raise corrupt("something follows its end mark (two archives in one file?)")
        return None
    try:
        info = tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
    except tarfile.HeaderError as error:
        if first:
            raise not_an_archive("What was sent is not a tar archive.") from error
        raise corrupt(f"the header at byte {stream.at - BLOCK:,} is not one") from error
    if info.size < 0:
        raise corrupt(f"the header at byte {stream.at - BLOCK:,} declares a negative size")
    return info


def _extend(extensions: dict[bytes, bytes], info: tarfile.TarInfo, stream: TarStream) -> None:
    if info.size > _HEADER_LIMIT:
        raise corrupt(f"an extension header is {info.size:,} bytes long")
    body = stream.exact(info.size + -info.size % BLOCK, "inside an extension header")[: info.size]
    if info.type in _GNU_NAMES:
        extensions[_GNU_NAMES[info.type]] = body.split(b"\0", 1)[0]
        return
    for key, value in _pax_records(body):
        if key.startswith(b"GNU.sparse."):
            raise unsupported("The archive holds a sparse file.", "Make it without --sparse.")
        if key in (b"path", b"linkpath", b"size"):
            if info.type == b"g":
                raise unsupported("A global header renames every file.", "Make it without --pax-option.")
            extensions[key] = value


def _pax_records(body: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 0
    while at < len(body) and body[at]:
        length, space, _ = body[at : at + 20].partition(b" ")
        end = at + int(length) if space and length.isdigit() else at
        key, equals, value = body[at + len(length) + 1 : end].partition(b"=")
        if end > len(body) or not equals or not value.endswith(b"\n"):
            raise corrupt("an extension header cannot be read")
        yield key, value[:-1]
        at = end


def _applied(info: tarfile.TarInfo, extensions: dict[bytes, bytes]) -> _Header:
    name = extensions.get(b"path", info.name.encode("utf-8", "surrogateescape"))
    link = extensions.get(b"linkpath", info.linkname.encode("utf-8", "surrogateescape"))
    size = extensions.get(b"size", b"%d" % info.size)
    if not size.isdigit() or len(size) > 18:
        raise corrupt(f"the size of {readable(name)} is not a number")
    return _Header(name, info.type, 0 if info.type in _DATALESS else int(size), link)
