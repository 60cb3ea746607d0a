"""How the settings about certificates are read: where they come from, and what is told of new ones."""

import shlex
from pathlib import Path
from urllib.parse import urlsplit

from config.addresses import absolute


def directory(url: str) -> str:
    """The address of an ACME directory; nothing when empty."""
    if url and (urlsplit(url).scheme != "https" or not urlsplit(url).hostname):
        raise ValueError("is not an address such as https://acme-v02.api.letsencrypt.org/directory")
    return url


def authorities(file: Path | None) -> Path | None:
    """A file of certificates that exists."""
    if file is not None and not file.is_file():
        raise ValueError("is not a file that can be read")
    return file and absolute(file)


def command(text: str) -> str:
    """A command with its arguments, which no shell reads."""
    try:
        shlex.split(text)
    except ValueError as error:
        raise ValueError(f"cannot be read as a command: {error}") from None
    return text
