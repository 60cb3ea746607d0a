"""ENS names: their one spelling, the hashes that stand for them on the chain, and how addresses are written.

ENSIP-15 normalises all of Unicode by large tables; without them only what they leave as it is can be taken.
"""

import re

from Crypto.Hash import keccak

from app.errors import InvalidInput

_LABEL = re.compile(r"_*[a-z0-9-]*")  # underscores stand in front alone (ENSIP-15)
_LONGEST = 255
_ZERO_NODE = bytes(32)


def keccak256(data: bytes) -> bytes:
    """Ethereum's hash, which is not SHA3-256: the padding differs."""
    return keccak.new(data=data, digest_bits=256).digest()


def normalised(name: str) -> str:
    """The one spelling of a name: ASCII, lower case. InvalidInput `invalid_name` for any other.

    Names with letters beyond ASCII are refused: wrongly normalised they would be somebody else's.
    """
    lower = name.lower() if name.isascii() else name
    labels = lower.split(".")
    if not name.isascii():
        raise _invalid(name, "it has letters beyond ASCII, which this platform cannot normalise")
    if len(name) > _LONGEST:
        raise _invalid(name, f"it is longer than {_LONGEST} letters")
    if len(labels) < 2:
        raise _invalid(name, "it has no ending such as “.eth”")
    for label in labels:
        if not label:
            raise _invalid(name, "a part of it is empty")
        if not _LABEL.fullmatch(label):
            raise _invalid(name, f"“{label}” may hold a to z, 0 to 9, “-”, and “_” in front")
        if label[2:4] == "--":
            raise _invalid(name, f"“{label}” has “--” where names of other alphabets are marked")
    return lower


def namehash(name: str) -> bytes:
    """The 32 bytes that a normalised name is known by on the chain (EIP-137); zeros for the empty name."""
    node = _ZERO_NODE
    for label in reversed(name.split(".") if name else []):
        node = keccak256(node + keccak256(label.encode()))
    return node


def checksummed(address: str) -> str:
    """An address with its checksum in the case of its letters (EIP-55)."""
    plain = address.lower().removeprefix("0x")
    digest = keccak256(plain.encode()).hex()
    return "0x" + "".join(
        letter.upper() if int(digit, 16) > 7 else letter for letter, digit in zip(plain, digest, strict=False)
    )


def _invalid(name: str, why: str) -> InvalidInput:
    what = f"“{name[:80]}” is not a name that can be linked: {why}."
    return InvalidInput("invalid_name", what, "Give the whole name, such as “my-site.eth”.")
