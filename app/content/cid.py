"""CIDs: the names that blocks have because of their bytes (sha2-256, raw or dag-pb, versions 0 and 1).

The key of a block everywhere in the house is the digest in hex, so both versions of a CID name one blob.
"""

import base64
import binascii
import hashlib
from dataclasses import dataclass

from app.errors import InvalidInput

RAW = 0x55
DAG_PB = 0x70

_SHA2_256 = b"\x12\x20"
_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_LONGEST = 128


@dataclass(frozen=True, slots=True)
class Cid:
    """A content identifier; `digest` is the 32 bytes of sha2-256."""

    version: int
    codec: int
    digest: bytes

    @classmethod
    def of(cls, block: bytes, codec: int, version: int = 1) -> "Cid":
        """Name `block`. A raw block has no version 0 and is always named with version 1."""
        return cls(1 if codec == RAW else version, codec, hashlib.sha256(block).digest())

    @classmethod
    def parse(cls, text: str) -> "Cid":
        """Read base32 (`b...`), base58btc (`z...`) or version 0 (`Qm...`); InvalidInput `cid_invalid`."""
        if len(text) <= _LONGEST:
            try:
                cid = cls.from_bytes(_decode(text))
            except ValueError:
                pass
            else:
                # one text per CID and base: stray bits at the end must not make a second name
                if text in (str(cid), _base58(cid.bytes), f"z{_base58(cid.bytes)}"):
                    return cid
        raise InvalidInput(
            "cid_invalid",
            f"“{text[:80]}” is not a CID this gateway can read.",
            "A CID starts with “bafy”, “bafk” or “Qm” and holds a sha2-256 digest of a raw or dag-pb block.",
        )

    @classmethod
    def from_bytes(cls, data: bytes) -> "Cid":
        """Read the binary form; ValueError when it is anything but sha2-256 over raw or dag-pb."""
        if len(data) == 34 and data.startswith(_SHA2_256):
            return cls(0, DAG_PB, data[2:])
        if len(data) == 36 and data[0] == 1 and data[1] in (RAW, DAG_PB) and data[2:4] == _SHA2_256:
            return cls(1, data[1], data[4:])
        raise ValueError("not a CID of sha2-256 over raw or dag-pb")

    @property
    def key(self) -> str:
        """The sha2-256 in hex: what storage knows the block by."""
        return self.digest.hex()

    def to_v0(self) -> "Cid":
        """The same block as version 0; ValueError for raw blocks, which have none."""
        if self.codec != DAG_PB:
            raise ValueError("only dag-pb blocks have a version 0")
        return Cid(0, DAG_PB, self.digest)

    def to_v1(self) -> "Cid":
        """The same block as version 1."""
        return Cid(1, self.codec, self.digest)

    def __str__(self) -> str:
        if self.version == 0:
            return _base58(self.bytes)
        return "b" + base64.b32encode(self.bytes).decode("ascii").rstrip("=").lower()

    @property
    def bytes(self) -> bytes:
        """The binary form, as dag-pb links hold it."""
        if self.version == 0:
            return _SHA2_256 + self.digest
        return b"\x01" + self.codec.to_bytes(1, "big") + _SHA2_256 + self.digest


def _decode(text: str) -> bytes:
    if text.startswith("Qm"):
        return _from_base58(text)
    if text.startswith("z"):
        return _from_base58(text[1:])
    if text.startswith("b"):
        body = text[1:].upper()
        try:
            return base64.b32decode(body + "=" * (-len(body) % 8))
        except binascii.Error as error:
            raise ValueError("not base32") from error
    raise ValueError("unknown base")


def _base58(data: bytes) -> str:
    number = int.from_bytes(data, "big")
    digits = ""
    while number:
        number, rest = divmod(number, 58)
        digits = _BASE58[rest] + digits
    return digits


def _from_base58(text: str) -> bytes:
    number = 0
    for letter in text:
        number = number * 58 + _BASE58.index(letter)
    return number.to_bytes((number.bit_length() + 7) // 8, "big")
