"""A second UnixFS importer (profile unixfs-v1-2025), written from the specification and nothing else.

Slow, recursive, everything in memory: it shares no line with the product, so both would have to err alike.
"""

import base64
import hashlib
from typing import Union

import mmh3

Tree = dict[bytes, Union[bytes, "Tree"]]
Node = tuple[bytes, int]  # binary CID, cumulative size


def cid_of(tree: Tree) -> str:
    """The root CID of a folder, as text."""
    return "b" + base64.b32encode(_folder(tree)[0]).decode().lower().rstrip("=")


def _named(codec: int, block: bytes, below: int = 0) -> Node:
    return bytes([1, codec, 0x12, 0x20]) + hashlib.sha256(block).digest(), len(block) + below


def _number(value: int) -> bytes:
    return bytes([value]) if value < 128 else bytes([value % 128 + 128]) + _number(value // 128)


def _message(*fields: tuple[int, int | bytes]) -> bytes:
    out = b""
    for tag, value in fields:
        if isinstance(value, int):
            out += _number(tag * 8) + _number(value)
        else:
            out += _number(tag * 8 + 2) + _number(len(value)) + value
    return out


def _node(links: list[tuple[bytes, Node]], data: bytes) -> bytes:
    parts = [(2, _message((1, cid), (2, name), (3, size))) for name, (cid, size) in links]
    return _message(*parts, (1, data))


def _file(content: bytes) -> Node:
    chunks = [content[at : at + 2**20] for at in range(0, len(content), 2**20)] or [b""]
    level = [(_named(0x55, chunk), len(chunk)) for chunk in chunks]
    while len(level) > 1:
        groups = [level[at : at + 1024] for at in range(0, len(level), 1024)]
        level = [_file_node(group) for group in groups]
    return level[0][0]


def _file_node(group: list[tuple[Node, int]]) -> tuple[Node, int]:
    sizes = [size for _, size in group]
    data = _message((1, 2), (3, sum(sizes)), *((4, size) for size in sizes))
    block = _node([(b"", node) for node, _ in group], data)
    return _named(0x70, block, sum(node[1] for node, _ in group)), sum(sizes)


def _folder(tree: Tree) -> Node:
    entries = {name: _folder(item) if isinstance(item, dict) else _file(item) for name, item in tree.items()}
    block = _node(sorted(entries.items()), _message((1, 1)))
    if len(block) > 262144:
        return _shard(entries, 0)
    return _named(0x70, block, sum(size for _, size in entries.values()))


def _shard(entries: dict[bytes, Node], depth: int) -> Node:
    slots: list[dict[bytes, Node]] = [{} for _ in range(256)]
    for name, node in entries.items():
        digest = mmh3.mmh3_x64_128_digest(name)[7::-1]  # the first word, big-endian
        slots[digest[depth]][name] = node
    links = []
    for slot, inside in enumerate(slots):
        if len(inside) == 1:
            ((name, node),) = inside.items()
            links.append((f"{slot:02X}".encode() + name, node))
        elif inside:
            links.append((f"{slot:02X}".encode(), _shard(inside, depth + 1)))
    bits = "".join("1" if inside else "0" for inside in reversed(slots)).lstrip("0")
    bitmap = int(bits, 2).to_bytes(-(-len(bits) // 8), "big")
    block = _node(links, _message((1, 5), (2, bitmap), (5, 0x22), (6, 256)))
    return _named(0x70, block, sum(size for _, (_, size) in links))
