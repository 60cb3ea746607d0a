"""How many files differ between a tree that is being imported and one that storage has already."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from app.content.cid import Cid
from app.content.reader import Reader
from app.errors import PermanentError


class Changes(NamedTuple):
    """Counts of files: a path with another CID is changed."""

    added: int
    changed: int
    removed: int
    unchanged: int


def count_changes(reader: Reader, old: Cid | None, new: Mapping[str, Cid]) -> Changes | None:
    """Compare the files below the folder `old` (None: there was nothing) with `new`, CIDs by path.

    Reads the old tree's folders only, and the roots of its large files. None when they cannot be read any
    more: damage to what was must not stop what comes.
    """
    changed = removed = unchanged = 0
    try:
        before = dict(_files(reader, old)) if old else {}
    except PermanentError:
        return None
    for path, cid in before.items():
        if path not in new:
            removed += 1
        elif new[path] == cid:
            unchanged += 1
        else:
            changed += 1
    return Changes(len(new) - changed - unchanged, changed, removed, unchanged)


def _files(reader: Reader, root: Cid) -> Iterator[tuple[str, Cid]]:
    waiting = [(b"", root)]
    while waiting:
        folder, cid = waiting.pop()
        for link in reader.links(cid):
            if reader.is_folder(link.cid):
                waiting.append((folder + link.name + b"/", link.cid))
            else:
                yield (folder + link.name).decode("utf-8", "surrogateescape"), link.cid
