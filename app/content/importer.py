"""The importer: a stream of files becomes blocks and one root CID (profile unixfs-v1-2025 unless told).

Entries may come in any order, each file is read once when it comes, folders are closed at the end.
"""

from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import TypeVar

from app.content.cid import Cid
from app.content.files import Block, Dag, Source, file_blocks
from app.content.folders import folder_blocks
from app.content.profile import UNIXFS_V1_2025, Profile
from app.errors import PermanentError

#: A path (text with surrogate escapes, or bytes) and how to open it; None or a trailing slash means a folder.
Entry = tuple[str | bytes, Callable[[], Source] | None]
Sink = Callable[[Cid, bytes], None]
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Imported:
    """What came of an import: `blocks` and `dag_bytes` count every block made, repeated ones too."""

    root: Cid
    profile: str
    files: int
    bytes: int
    blocks: int
    dag_bytes: int
    #: every file by its path
    tree: dict[str, Cid]


def import_tree(
    entries: Iterable[Entry], sink: Sink | None = None, profile: Profile = UNIXFS_V1_2025
) -> Imported:
    """Import everything and give each block to `sink`, children before parents, the root last."""
    return _drain(import_blocks(entries, profile), sink)


def import_file(source: Source, sink: Sink | None = None, profile: Profile = UNIXFS_V1_2025) -> Dag:
    """Import one file that is in no folder."""
    return _drain(file_blocks(source, profile), sink)


def import_blocks(
    entries: Iterable[Entry], profile: Profile = UNIXFS_V1_2025
) -> Generator[Block, None, Imported]:
    """Import lazily: yields every block, children before parents; the generator's value tells the root.

    PermanentError `path_illegal` or `path_collision` when a path cannot be in a tree.
    """
    tree = _Tree()
    blocks = dag_bytes = 0
    for cid, block in _blocks(entries, tree, profile):
        blocks += 1
        dag_bytes += len(block)
        yield cid, block
    root = tree.root
    files = {path.decode("utf-8", "surrogateescape"): cid for path, cid in tree.files.items()}
    return Imported(root.cid, profile.name, len(files), root.size, blocks, dag_bytes, files)


def _drain(building: Generator[Block, None, Result], sink: Sink | None) -> Result:
    while True:
        try:
            cid, block = next(building)
        except StopIteration as end:
            result: Result = end.value
            return result
        if sink:
            sink(cid, block)


def _blocks(entries: Iterable[Entry], tree: "_Tree", profile: Profile) -> Iterator[Block]:
    for path, opener in entries:
        raw = path if isinstance(path, bytes) else path.encode("utf-8", "surrogateescape")
        if opener is None or raw.endswith(b"/"):
            tree.open_folder(_legal(raw.removesuffix(b"/")))
            continue
        tree.reserve(_legal(raw))
        with closing(opener()) as source:
            file = yield from file_blocks(source, profile)
        tree.files[raw] = file.cid
        tree.place(raw, file)
    for folder, children in reversed(tree.folders.items()):  # a folder is opened before what is in it
        tree.place(folder, (yield from folder_blocks(children, profile)))


class _Tree:
    """The folders while files come in: path of a folder -> its finished children."""

    root: Dag

    def __init__(self) -> None:
        self.folders: dict[bytes, dict[bytes, Dag]] = {b"": {}}
        self.files: dict[bytes, Cid] = {}

    def open_folder(self, path: bytes) -> None:
        """Make a folder and those above it, where they are missing."""
        missing = []
        while path not in self.folders:
            if path in self.files:
                raise _collision(path)
            missing.append(path)
            path = path.rpartition(b"/")[0]
        for each in reversed(missing):
            self.folders[each] = {}

    def reserve(self, path: bytes) -> None:
        """Make room for a file before it is read."""
        if path in self.files or path in self.folders:
            raise _collision(path)
        self.open_folder(path.rpartition(b"/")[0])

    def place(self, path: bytes, dag: Dag) -> None:
        """Put a finished file or folder into its folder; the one without a path is the root."""
        if not path:
            self.root = dag
            return
        folder, _, name = path.rpartition(b"/")
        self.folders[folder][name] = dag


def _legal(path: bytes) -> bytes:
    if b"\0" in path or not {b"", b".", b".."}.isdisjoint(path.split(b"/")):
        raise PermanentError(
            "path_illegal",
            f"{path.decode('utf-8', 'backslashreplace')!r} is not a path inside a site.",
            "A name is not empty, not “.” or “..”, and holds neither “/” nor NUL.",
        )
    return path


def _collision(path: bytes) -> PermanentError:
    return PermanentError(
        "path_collision",
        f"{path.decode('utf-8', 'backslashreplace')!r} is there twice, or is a file and a folder.",
        "Keep one of them.",
    )
