"""Reads a DAG back: what a path leads to, what a folder lists, which leaves hold which bytes of a file.

Blocks come from a function and are believed to have their digest; their shape is not believed.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from app.content import dagpb, unixfs
from app.content.cid import RAW, Cid
from app.content.folders import name_hash

GetBlock = Callable[[Cid], bytes]
#: Most blocks and links that one reader follows: a few crafted blocks can describe an endless tree.
_BUDGET = 250_000


class Leaf(NamedTuple):
    """A block and the part of its content that is wanted."""

    cid: Cid
    start: int
    stop: int


class _Open(NamedTuple):
    """A block taken apart."""

    links: list[dagpb.Link]
    data: unixfs.UnixFs


class Reader:
    """A view on the DAGs behind `get_block`, which is called again whenever a block is needed again.

    PermanentError `dag_invalid` for blocks that do not fit together, and whatever `get_block` raises.
    """

    def __init__(self, get_block: GetBlock) -> None:
        self._get = get_block
        self._last: tuple[Cid, bytes] | None = None
        self._budget = _BUDGET

    def is_folder(self, cid: Cid) -> bool:
        """Whether it lists names; a raw block never does and is not fetched."""
        return cid.codec != RAW and self._open(cid).data.kind in (unixfs.KIND_FOLDER, unixfs.KIND_SHARD)

    def walk(self, root: Cid, names: Sequence[bytes]) -> list[Cid]:
        """Follow names from `root`: it and every CID on the way, cut off where a name is missing."""
        trail = [root]
        for name in names:
            found = self.child(trail[-1], name)
            if found is None:
                break
            trail.append(found)
        return trail

    def child(self, folder: Cid, name: bytes) -> Cid | None:
        """What a folder has under a name; None also when `folder` is a file."""
        if not self.is_folder(folder):
            return None
        node = self._open(folder)
        if node.data.kind == unixfs.KIND_FOLDER:
            return next((link.cid for link in node.links if link.name == name), None)
        for slot in name_hash(name):
            label = b"%02X" % slot
            below = None
            for link in node.links:
                if link.name == label + name:
                    return link.cid
                if link.name == label:
                    below = link.cid
            if below is None:
                return None
            node = self._shard(below)
        return None

    def links(self, folder: Cid) -> Iterator[dagpb.Link]:
        """Everything in a folder by its own name; a HAMT comes in the order of its hashes."""
        stack = [self._open(folder)]
        if stack[0].data.kind == unixfs.KIND_FOLDER:
            yield from stack.pop().links
        while stack:
            for link in stack.pop().links:
                if len(link.name) > 2:
                    self._spend()
                    yield link._replace(name=link.name[2:])
                else:
                    stack.append(self._shard(link.cid))

    def size(self, file: Cid) -> int:
        """Bytes of a file."""
        return len(self._block(file)) if file.codec == RAW else self._file(file).data.size

    def leaves(self, file: Cid, start: int, stop: int) -> Iterator[Leaf]:
        """The blocks with bytes `start` to `stop` (exclusive) of a file in order; fetches no raw leaf."""
        stack = [(file, 0, self.size(file))]
        while stack:
            cid, at, size = stack.pop()
            if at >= stop or at + size <= start:
                continue
            node = None if cid.codec == RAW else self._file(cid)
            if node and node.links:
                stack += reversed(list(_children(node, at, size)))
            else:
                self._spend()
                yield Leaf(cid, max(start - at, 0), min(stop - at, size))

    def content(self, leaf: Leaf) -> bytes:
        """The wanted bytes of a leaf; never fewer."""
        raw = leaf.cid.codec == RAW
        content = self._block(leaf.cid) if raw else self._file(leaf.cid).data.content
        if len(content) < leaf.stop:
            raise dagpb.malformed("it is shorter than the file above it says")
        return content if len(content) == leaf.stop - leaf.start else content[leaf.start : leaf.stop]

    def read(self, file: Cid, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        """Bytes `start` to `stop` of a file, a block at a time."""
        for leaf in self.leaves(file, start, self.size(file) if stop is None else stop):
            yield self.content(leaf)

    def _shard(self, cid: Cid) -> _Open:
        node = self._open(cid)
        if node.data.kind != unixfs.KIND_SHARD:
            raise dagpb.malformed("a part of a large folder is not one")
        return node

    def _file(self, cid: Cid) -> _Open:
        node = self._open(cid)
        if node.data.kind not in (unixfs.KIND_FILE, unixfs.KIND_RAW):
            raise dagpb.malformed("it is a folder where a file should be")
        return node

    def _open(self, cid: Cid) -> _Open:
        if cid.codec == RAW:
            raise dagpb.malformed("it is bare bytes where a node should be")
        self._spend()
        links, data = dagpb.decode(self._block(cid))
        return _Open(links, unixfs.decode(data))

    def _spend(self) -> None:
        self._budget -= 1
        if self._budget < 0:
            raise dagpb.malformed("the tree below it is too large to be read at once")

    def _block(self, cid: Cid) -> bytes:
        if self._last is None or self._last[0] != cid:
            self._last = (cid, self._get(cid))
        return self._last[1]


def _children(node: _Open, at: int, size: int) -> Iterator[tuple[Cid, int, int]]:
    data = node.data
    if data.content or len(node.links) != len(data.block_sizes) or sum(data.block_sizes) != size:
        raise dagpb.malformed("the parts of a file in it do not add up")
    for link, part in zip(node.links, data.block_sizes, strict=True):
        yield link.cid, at, part
        at += part
