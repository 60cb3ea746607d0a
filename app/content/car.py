"""CARv1: everything under a root as one stream of bytes (CARv1 specification), for those who keep blocks too.

The order is fixed (a node, then what it links to, in the order of its links), every CID comes once: the same
content is the same bytes everywhere.
"""

from collections.abc import Callable, Iterator

from app.content import dagpb
from app.content.cid import RAW, Cid


def header(root: Cid) -> bytes:
    """The first section: the dag-cbor of `{"roots": [root], "version": 1}` behind its length."""
    # a link is tag 42 over bytes that begin with a zero
    link = b"\xd8\x2a\x58" + bytes((len(root.bytes) + 1,)) + b"\0" + root.bytes
    return dagpb.field(b"", b"\xa2\x65roots\x81" + link + b"\x67version\x01")


def section(cid: Cid, block: bytes) -> bytes:
    """One block behind its CID and their length."""
    return dagpb.field(b"", cid.bytes + block)


def walk(root: Cid, get_block: Callable[[Cid], bytes]) -> Iterator[tuple[Cid, bytes]]:
    """Every block under `root`, itself first, each once; only what is left to visit is held, and the CIDs.

    PermanentError `dag_invalid` for a block that is not what its CID says, and whatever `get_block` raises.
    """
    seen = set[bytes]()
    waiting = [root]
    while waiting:
        cid = waiting.pop()
        if cid.bytes in seen:
            continue
        seen.add(cid.bytes)
        block = get_block(cid)
        yield cid, block
        if cid.codec != RAW:
            waiting += (link.cid for link in reversed(dagpb.decode(block).links))


def car(root: Cid, get_block: Callable[[Cid], bytes]) -> Iterator[bytes]:
    """The whole CAR, a section at a time; raises as `walk` does."""
    yield header(root)
    for cid, block in walk(root, get_block):
        yield section(cid, block)
