"""Content hashes: how the chain spells where a name leads (EIP-1577, ENSIP-7), to and from URIs.

A protocol's code, then the CID in bytes: for IPFS of content, for IPNS of a key.
"""

import base64
import binascii

from app.content.cid import Cid
from app.errors import InvalidInput

_IPFS, _IPNS = b"\xe3\x01", b"\xe5\x01"
_KEY = b"\x01\x72"  # a CID of version 1 over a libp2p key
_BASE36 = "0123456789abcdefghijklmnopqrstuvwxyz"
_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_LONGEST = 128


def encode(uri: str) -> bytes:
    """The content hash of `ipfs://<cid>` or `ipns://<key>`; InvalidInput `cid_invalid` for any other."""
    scheme, _, name = uri.partition("://")
    if scheme == "ipfs":
        return _IPFS + Cid.parse(name).to_v1().bytes
    if scheme == "ipns":
        return _IPNS + _key(name)
    raise InvalidInput("cid_invalid", f"“{uri[:80]}” is neither ipfs://<cid> nor ipns://<key>.", "")


def decode(value: bytes) -> str | None:
    """The URI of a content hash; None for an empty one. InvalidInput `contenthash_unknown`.

    Content that is not of sha2-256 over raw or dag-pb is told as unknown too: nothing here made it.
    """
    if not value:
        return None
    try:
        if value.startswith(_IPFS):
            return f"ipfs://{Cid.from_bytes(value[2:]).to_v1()}"
        if value.startswith(_IPNS + _KEY):
            _check_multihash(value[4:])
            return f"ipns://k{_to_base(value[2:], _BASE36)}"
    except ValueError:
        pass
    shown = value[:80].hex()
    raise InvalidInput("contenthash_unknown", f"0x{shown} is no content hash of IPFS or IPNS.", "")


def _key(name: str) -> bytes:
    """The CID of a key in bytes: it is given as one (`k51...`, `bafz...`) or as a peer's id (`12D3...`)."""
    try:
        if len(name) > _LONGEST:
            raise ValueError("too long")
        if name.startswith("k"):
            cid = _from_base(name[1:], _BASE36)
        elif name.startswith("b"):
            body = name[1:].upper()
            cid = base64.b32decode(body + "=" * (-len(body) % 8))
        else:
            cid = _KEY + _peer(name)
        if not cid.startswith(_KEY):
            raise ValueError("not a key")
        _check_multihash(cid[2:])
    except (ValueError, binascii.Error) as error:
        what = f"“{name[:80]}” is not the name of a key in IPNS."
        hint = "It begins with “k51” or “12D3Koo”. A host name with a DNSLink is not taken."
        raise InvalidInput("cid_invalid", what, hint) from error
    return cid


def _peer(name: str) -> bytes:
    """An identity multihash begins with a zero byte, which base58 spells as a leading 1."""
    zeros = len(name) - len(name.lstrip("1"))
    return bytes(zeros) + _from_base(name[zeros:], _BASE58)


def _check_multihash(data: bytes) -> None:
    """Raise ValueError unless it is a key itself (identity) or the sha2-256 of one, in full length."""
    if len(data) < 3 or data[0] not in (0x00, 0x12) or data[1] != len(data) - 2:
        raise ValueError("not a multihash")


def _from_base(text: str, letters: str) -> bytes:
    number = 0
    for letter in text:
        number = number * len(letters) + letters.index(letter)
    return number.to_bytes((number.bit_length() + 7) // 8, "big")


def _to_base(data: bytes, letters: str) -> str:
    number, text = int.from_bytes(data, "big"), ""
    while number:
        number, digit = divmod(number, len(letters))
        text = letters[digit] + text
    return text
