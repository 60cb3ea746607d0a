"""CARv1: everything under a root as one stream of bytes (CARv1 specification), for those who keep blocks too.

The order is fixed (a node, then what it links to, in the order of its links), every CID comes once: the same
content is the same bytes everywhere.
"""

from collections.abc import Callable, Iterator

from app.content import dagpb
from app.content.cid import RAW, Cid

GetBlock = Callable[[Cid], bytes]


def header(root: Cid) -> bytes:
    """The first section: the dag-cbor of `{"roots": [root], "version": 1}` behind its length."""
    # a link is tag 42 over bytes that begin with a zero
    link = b"\xd8\x2a\x58" + bytes((len(root.bytes) + 1,)) + b"\0" + root.bytes
    return dagpb.field(b"", b"\xa2\x65roots\x81" + link + b"\x67version\x01")


def section(cid: Cid, block: bytes) -> bytes:
    """One block behind its CID and their length."""
    return dagpb.field(b"", cid.bytes + block)


def cids(root: Cid, get_block: GetBlock) -> Iterator[Cid]:
    """Every CID under `root`, itself first, each once. Reads the nodes alone, each after it was yielded.

    PermanentError `dag_invalid` for a node that is none, and whatever `get_block` raises.
    """
    seen = set[bytes]()
    waiting = [root]
    while waiting:
        cid = waiting.pop()
        if cid.bytes not in seen:
            seen.add(cid.bytes)
            yield cid
            if cid.codec != RAW:
                waiting += (link.cid for link in reversed(dagpb.decode(get_block(cid)).links))


def car(root: Cid, get_block: GetBlock) -> Iterator[bytes]:
    """The whole CAR, a section at a time, each block asked for once; raises as `cids` does."""
    yield header(root)
    last: dict[Cid, bytes] = {}

    def once(cid: Cid) -> bytes:
        if cid not in last:
            last.clear()
            last[cid] = get_block(cid)
        return last[cid]

    for cid in cids(root, once):
        yield section(cid, once(cid))
