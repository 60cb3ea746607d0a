"""Secrets in files of their own: those that an installation makes for itself, once, and the form of given
ones.
"""

import contextlib
import os
import re
import secrets
import tempfile
from collections.abc import Callable
from pathlib import Path


def _drawn() -> str:
    return secrets.token_urlsafe(48)


def kept_secret(file: Path, make: Callable[[], str] = _drawn) -> str:
    """The secret in `file`, which the first reader makes, with mode 0600.

    The first process to link its secret into place wins, so that all processes of a first start agree.
    OSError when the folder cannot be written.
    """
    if not file.exists():
        draft = _draft(file, make())
        with contextlib.suppress(FileExistsError):
            os.link(draft, file)
        os.unlink(draft)
    return file.read_text().strip()


def write_private(file: Path, text: str) -> None:
    """Put a text into a file, with mode 0600, so that nobody ever reads half of it."""
    os.replace(_draft(file, text), file)


def _draft(file: Path, text: str) -> str:
    """A new file beside the other, which is on disk."""
    file.parent.mkdir(parents=True, exist_ok=True)
    descriptor, draft = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}-")
    with open(descriptor, "w") as out:
        out.write(text)
        out.flush()
        os.fsync(descriptor)
    return draft


def signing_key(text: str) -> str:
    """A private key of 32 bytes in hex, with or without `0x`; nothing when empty."""
    if text and not re.fullmatch(r"(0x)?[0-9a-fA-F]{64}", text):
        raise ValueError("is not 32 bytes in hex")
    return text
