"""What the platform asks of a place for blobs, and what every backend answers alike when it cannot."""

import hashlib
import re
from collections.abc import Iterable
from typing import Protocol

from app.errors import InvalidInput, PermanentError

_DIGEST = re.compile(r"[0-9a-f]{64}")


class Storage(Protocol):
    """Blobs under the hex sha2-256 of their bytes. Nothing is ever changed, so every call may be repeated.

    RetryableError `backend_full` and `backend_unavailable` when the place itself fails.
    """

    def missing(self, digests: Iterable[str]) -> set[str]:
        """Which of these are not here."""

    def put(self, blocks: Iterable[tuple[str, bytes]]) -> None:
        """Keep blobs under their digests; those that are here already cost little.

        All are durable when it returns. Takes blobs one by one and holds only some of them, so that any
        number can stream through. PermanentError `blob_hash_mismatch` for bytes under a wrong digest.
        """

    def get(self, digest: str) -> bytes:
        """The bytes, verified. PermanentError `blob_missing`, or `blob_hash_mismatch` for a damaged blob.

        A damaged blob counts as missing from then on, so that the next deploy of its content heals it.
        """

    def size(self, digest: str) -> int:
        """Bytes of a blob, not verified. PermanentError `blob_missing`."""


def checked(digest: str) -> str:
    """The digest itself; InvalidInput `digest_invalid` for anything that is not one."""
    if not _DIGEST.fullmatch(digest):
        raise InvalidInput("digest_invalid", f"“{digest[:80]}” is not a sha2-256 in hex.", "")
    return digest


def verified(digest: str, data: bytes) -> bytes:
    """The bytes themselves; PermanentError `blob_hash_mismatch` when the digest is not theirs."""
    found = hashlib.sha256(data).hexdigest()
    if found != checked(digest):
        raise PermanentError(
            "blob_hash_mismatch",
            f"The bytes of blob {digest} have another digest.",
            "The blob is damaged. Deploy the site again, or restore the blob from a backup.",
            evidence={"expected": digest, "actual": found},
        )
    return data


def absent(digest: str) -> PermanentError:
    """The error for a blob that should be here."""
    return PermanentError(
        "blob_missing",
        f"Blob {digest} is not in storage.",
        "It was removed or damaged behind the platform's back. Deploy the site again, or restore it.",
        evidence={"expected": digest, "actual": None},
    )
