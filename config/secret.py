"""The secret key that an installation makes for itself, once, and the form of one that it is given."""

import contextlib
import os
import re
import secrets
import tempfile
from pathlib import Path


def kept_secret(file: Path) -> str:
    """The key in `file`, which the first reader makes with mode 0600.

    The first process to link its key into place wins, so that all processes of a first start agree.
    OSError when the folder cannot be written.
    """
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        descriptor, draft = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}-")
        with open(descriptor, "w") as out:
            out.write(secrets.token_urlsafe(48))
            out.flush()
            os.fsync(descriptor)
        with contextlib.suppress(FileExistsError):
            os.link(draft, file)
        os.unlink(draft)
    return file.read_text().strip()


def signing_key(text: str) -> str:
    """A private key of 32 bytes in hex, with or without `0x`; nothing when empty."""
    if text and not re.fullmatch(r"(0x)?[0-9a-fA-F]{64}", text):
        raise ValueError("is not 32 bytes in hex")
    return text
