"""The dag-pb wire format: blocks that link to blocks (IPLD dag-pb specification).

Links come before data on the wire, and a link's name is written even when it is empty: leaving it out is
legal protobuf and another CID.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from app.content.cid import Cid
from app.errors import PermanentError


class Link(NamedTuple):
    """A named pointer; `tsize` is the size of everything below it, blocks and all."""

    cid: Cid
    name: bytes
    tsize: int


class Node(NamedTuple):
    """One dag-pb block, taken apart."""

    links: list[Link]
    data: bytes


def malformed(what: str) -> PermanentError:
    """The error for a block that has the right digest and the wrong shape."""
    message = f"A block cannot be read: {what}."
    return PermanentError("dag_invalid", message, "It was not made by this platform.")


def varint(number: int) -> bytes:
    """Unsigned LEB128."""
    if number < 0x80:
        return bytes((number,))
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def field(tag: bytes, content: bytes) -> bytes:
    """A length-delimited protobuf field."""
    return tag + varint(len(content)) + content


def encode(links: Iterable[Link], data: bytes) -> bytes:
    """Serialise a node; the order of `links` is kept."""
    parts = []
    for link in links:
        body = field(b"\x0a", link.cid.bytes) + field(b"\x12", link.name) + b"\x18" + varint(link.tsize)
        parts.append(field(b"\x12", body))
    parts.append(field(b"\x0a", data))
    return b"".join(parts)


def decode(block: bytes) -> Node:
    """Take a block apart; PermanentError `dag_invalid` when it is not dag-pb."""
    links: list[Link] = []
    data = b""
    for number, value in fields(block):
        if number == 2 and isinstance(value, bytes):
            links.append(_link(value))
        elif number == 1 and isinstance(value, bytes):
            data = value
        else:
            raise malformed(f"field {number} does not belong into dag-pb")
    return Node(links, data)


def fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Walk a protobuf message: varints as numbers, length-delimited fields as bytes, nothing else."""
    at = 0
    while at < len(message):
        key, at = _read_varint(message, at)
        value, at = _read_varint(message, at)
        if key & 7 == 0:
            yield key >> 3, value
        elif key & 7 == 2 and at + value <= len(message):
            yield key >> 3, message[at : at + value]
            at += value
        else:
            raise malformed("it is cut off or holds an unknown wire type")


def _link(body: bytes) -> Link:
    cid: Cid | None = None
    name, tsize = b"", 0
    for number, value in fields(body):
        if number == 1 and isinstance(value, bytes):
            try:
                cid = Cid.from_bytes(value)
            except ValueError as error:
                raise malformed(f"a link is {error}") from error
        elif number == 2 and isinstance(value, bytes):
            name = value
        elif number == 3 and isinstance(value, int):
            tsize = value
    if cid is None:
        raise malformed("a link leads nowhere")
    return Link(cid, name, tsize)


def _read_varint(data: bytes, at: int) -> tuple[int, int]:
    number = shift = 0
    while at < len(data) and shift < 64:
        byte = data[at]
        at += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number, at
        shift += 7
    raise malformed("a number in it does not end")
