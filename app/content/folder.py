"""Reads a folder of this machine as the importer wants it, for `flask deploy DIR` and `flask verify DIR`.

Links that stay inside the folder are followed; those that leave it only when asked to.
"""

import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from app.content.files import Source
from app.content.importer import Entry
from app.errors import InvalidInput, PermanentError


def entries(folder: Path, follow_links: bool = False) -> Iterator[Entry]:
    """Every file and every folder below `folder`, in the order of their names; `.git` never.

    PermanentError `source_not_found` when it is no folder or cannot be read, `symlink_escape` for a link that
    leads outside, nowhere or in circles, `path_illegal` for devices and the like.
    """
    root = folder.resolve()
    if not root.is_dir():
        raise PermanentError("source_not_found", f"{folder} is not a folder.", "Name the folder to deploy.")
    return _walk(root, follow_links)


def _walk(root: Path, follow_links: bool) -> Iterator[Entry]:
    pending: list[tuple[Path, str, tuple[Path, ...]]] = [(root, "", (root,))]
    while pending:
        folder, prefix, above = pending.pop()
        below = []
        for item in _listed(folder):
            name = prefix + item.name
            if item.name == ".git":
                continue
            real = Path(item.path) if not item.is_symlink() else _target(root, item, above, follow_links)
            if real.is_dir():
                yield name + "/", None
                below.append((real, name + "/", (*above, real)))
            elif real.is_file():
                yield name, partial(_open, real)
            else:
                raise InvalidInput("path_illegal", f"{name} is a device or named pipe.", "Leave it out.")
        pending += reversed(below)


def _listed(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as listing:
            return sorted(listing, key=lambda item: os.fsencode(item.name))
    except OSError as error:
        raise _unreadable(error) from error


def _target(root: Path, item: os.DirEntry[str], above: tuple[Path, ...], follow_links: bool) -> Path:
    try:
        real = Path(item.path).resolve(strict=True)
    except (OSError, RuntimeError) as error:  # RuntimeError: a link to itself
        raise _escape(item, "nowhere", "Remove it or mend it.") from error
    if real in above:
        raise _escape(item, "a folder that it is in", "Remove it: the site would never end.")
    if not follow_links and not real.is_relative_to(root):
        raise _escape(item, "a place outside of the folder", "Use --follow-links to deploy what it leads to.")
    if real.is_relative_to(root) and ".git" in real.relative_to(root).parts:
        raise _escape(item, "something in .git", "A site never holds its repository.")
    return real


def _open(path: Path) -> Source:
    try:
        return path.open("rb")
    except OSError as error:
        raise _unreadable(error) from error


def _escape(item: os.DirEntry[str], where: str, hint: str) -> InvalidInput:
    return InvalidInput("symlink_escape", f"{item.path} is a link that leads to {where}.", hint)


def _unreadable(error: OSError) -> PermanentError:
    message = f"{error.filename} cannot be read: {error.strerror}."
    return PermanentError("source_not_found", message, "Check its permissions.")
