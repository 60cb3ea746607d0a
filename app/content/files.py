"""Turns the bytes of one file into blocks: fixed-size chunks under a balanced tree.

Streaming: at most one chunk and one row of pending children per level of the tree are in memory.
"""

from collections.abc import Generator, Iterator
from itertools import count
from typing import NamedTuple, Protocol

from app.content import dagpb, unixfs
from app.content.cid import DAG_PB, RAW, Cid
from app.content.profile import Profile

Block = tuple[Cid, bytes]


class Dag(NamedTuple):
    """A finished file or folder: its root, the size of all its blocks, the bytes of file in it."""

    cid: Cid
    tsize: int
    size: int


class Source(Protocol):
    """What file content is read from; a short read is not the end, an empty one is."""

    def read(self, size: int, /) -> bytes: ...

    def close(self) -> None: ...


Building = Generator[Block, None, Dag]


def file_blocks(source: Source, profile: Profile) -> Building:
    """Yield the blocks of a file, children before parents; the value of the generator is the file."""
    levels: list[list[Dag]] = [[]]
    for chunk in _chunks(source, profile.chunk_size):
        dag, block = _leaf(chunk, profile)
        yield dag.cid, block
        yield from _append(levels, 0, dag, profile)
    for level in count():
        pending = levels[level]
        if level == len(levels) - 1 and len(pending) == 1:
            return pending[0]
        dag, block = _parent(pending, profile)
        yield dag.cid, block
        yield from _append(levels, level + 1, dag, profile)
    raise AssertionError  # pragma: no cover - the loop above returns


def _append(levels: list[list[Dag]], level: int, dag: Dag, profile: Profile) -> Iterator[Block]:
    """Put `dag` at the end of its level; a level that was full becomes a node one level up."""
    while True:
        if level == len(levels):
            levels.append([])
        if len(levels[level]) < profile.width:
            levels[level].append(dag)
            return
        full, levels[level] = levels[level], [dag]
        dag, block = _parent(full, profile)
        yield dag.cid, block
        level += 1


def _leaf(chunk: bytes, profile: Profile) -> tuple[Dag, bytes]:
    block = chunk if profile.raw_leaves else dagpb.encode((), unixfs.leaf(chunk))
    cid = Cid.of(block, RAW if profile.raw_leaves else DAG_PB, profile.cid_version)
    return Dag(cid, len(block), len(chunk)), block


def _parent(children: list[Dag], profile: Profile) -> tuple[Dag, bytes]:
    links = (dagpb.Link(child.cid, b"", child.tsize) for child in children)
    block = dagpb.encode(links, unixfs.parent([child.size for child in children]))
    tsize = len(block) + sum(child.tsize for child in children)
    size = sum(child.size for child in children)
    return Dag(Cid.of(block, DAG_PB, profile.cid_version), tsize, size), block


def _chunks(source: Source, size: int) -> Iterator[bytes]:
    """Whole chunks and a rest; an empty file is one empty chunk."""
    chunk = _read_full(source, size)
    yield chunk
    while len(chunk) == size and (chunk := _read_full(source, size)):
        yield chunk


def _read_full(source: Source, size: int) -> bytes:
    piece = source.read(size)
    if len(piece) == size or not piece:
        return piece
    pieces = [piece]
    missing = size - len(piece)
    while missing and (piece := source.read(missing)):
        pieces.append(piece)
        missing -= len(piece)
    return b"".join(pieces)
