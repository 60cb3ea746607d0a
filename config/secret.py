"""The secret key that an installation makes for itself, once."""

import contextlib
import os
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
