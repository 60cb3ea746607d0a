"""UnixFS: what the data of a dag-pb node says about a file or a folder (UnixFS specification)."""

from collections.abc import Sequence
from typing import NamedTuple

from app.content import dagpb

KIND_RAW = 0
KIND_FOLDER = 1
KIND_FILE = 2
KIND_SHARD = 5

FOLDER = b"\x08\x01"
HASH_MURMUR3 = 0x22
FANOUT = 256


class UnixFs(NamedTuple):
    """The data of one node; `block_sizes` are bytes of file below each link, in order."""

    kind: int
    content: bytes
    size: int
    block_sizes: list[int]


def leaf(content: bytes) -> bytes:
    """A whole small file; an empty one has no content field."""
    body = dagpb.field(b"\x12", content) if content else b""
    return b"\x08\x02" + body + b"\x18" + dagpb.varint(len(content))


def parent(block_sizes: Sequence[int]) -> bytes:
    """A file node above others, each `block_sizes` long (unpacked repeated field)."""
    sizes = b"".join(b"\x20" + dagpb.varint(size) for size in block_sizes)
    return b"\x08\x02\x18" + dagpb.varint(sum(block_sizes)) + sizes


def shard(slots: int) -> bytes:
    """A HAMT node; bit n of `slots` is slot n. Its bitmap is big-endian without leading zero bytes."""
    bitmap = slots.to_bytes((slots.bit_length() + 7) // 8, "big")
    return b"\x08\x05" + dagpb.field(b"\x12", bitmap) + b"\x28\x22\x30" + dagpb.varint(FANOUT)


def decode(data: bytes) -> UnixFs:
    """Read a node's data; PermanentError `dag_invalid` for what the importer never writes."""
    kind, content, size, sizes = -1, b"", -1, []
    for number, value in dagpb.fields(data):
        if number == 2 and isinstance(value, bytes):
            content = value
        elif isinstance(value, int):
            if number == 1:
                kind = value
            elif number == 3:
                size = value
            elif number == 4:
                sizes.append(value)
            elif (number, value) not in ((5, HASH_MURMUR3), (6, FANOUT)):
                raise dagpb.malformed("it uses a UnixFS feature that is not supported")
    if kind not in (KIND_RAW, KIND_FOLDER, KIND_FILE, KIND_SHARD):
        raise dagpb.malformed("it is neither a file nor a folder")
    return UnixFs(kind, content, len(content) if size < 0 else size, sizes)
