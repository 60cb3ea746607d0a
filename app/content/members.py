"""What every archive format is read into: members, the limits on them, and the errors that they share."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple

from app.content.files import Source
from app.errors import InvalidInput, TooLarge

MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Limits:
    """What an archive may hold; `ratio` is unpacked to packed bytes, counted above `ratio_from` bytes."""

    files: int = 100_000
    bytes: int = 4096 * MIB
    ratio: int = 200
    ratio_from: int = 100 * MIB

    def check(self, unpacked: int, packed: int, where: str) -> None:
        """Refuse what unpacks to too much: TooLarge `source_too_large` or `archive_bomb`."""
        if unpacked > self.bytes:
            raise TooLarge(
                "source_too_large",
                f"The archive unpacks to more than {self.bytes:,} bytes (reached at {where}).",
                "Deploy less, or raise MAX_SITE_BYTES.",
                evidence={"limit": self.bytes, "found": unpacked},
            )
        if unpacked > self.ratio_from and unpacked > packed * self.ratio:
            raise TooLarge(
                "archive_bomb",
                f"The archive unpacks to more than {self.ratio} times its size (reached at {where}).",
                "Archives that are made to fill a disk look like this. Leave the repetitive file out.",
                evidence={"packed": packed, "unpacked": unpacked, "ratio": self.ratio},
            )


UNLIMITED = Limits(sys.maxsize, sys.maxsize, sys.maxsize)


class Member(NamedTuple):
    """One entry as an archive holds it: nothing about it is checked yet.

    `size` is the declared one; `open` gives at most that many bytes, or an error. `note` says what a link
    leads to or what a special file is.
    """

    name: bytes
    kind: Literal["file", "folder", "link", "special"]
    size: int
    open: Callable[[], Source]
    note: str = ""


def readable(name: bytes) -> str:
    """A member's name for a message, whatever its bytes."""
    return f"“{name[:200].decode('utf-8', 'backslashreplace')}”"


def truncated(where: str) -> InvalidInput:
    """The archive stops before its end."""
    return InvalidInput(
        "archive_truncated",
        f"The archive is cut off {where}.",
        "The upload or the build was interrupted. Make the archive again and send all of it.",
    )


def corrupt(what: str) -> InvalidInput:
    """The archive is whole but contradicts itself."""
    return InvalidInput(
        "archive_corrupt", f"The archive is damaged: {what}.", "Make the archive again and send it again."
    )


def unsupported(what: str, hint: str) -> InvalidInput:
    """A legal archive that uses something which is not read here."""
    return InvalidInput("archive_unsupported", what, hint)


def not_an_archive(what: str) -> InvalidInput:
    """Something else was sent."""
    return InvalidInput("archive_unknown", what, "Send a zip, a tar or a tar.gz of the folder to deploy.")
