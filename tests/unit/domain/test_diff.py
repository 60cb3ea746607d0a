"""How many files differ between two trees."""

import io
from collections.abc import Mapping

import pytest

from app.content.cid import Cid
from app.content.diff import Changes, count_changes
from app.content.importer import Imported, import_tree
from app.content.reader import Reader
from app.errors import PermanentError

SITE = {"index.html": b"1", "a/b.css": b"2", "a/c/d.js": b"3"}


class Blocks(dict[str, bytes]):
    """A storage of blocks that counts what is read."""

    read = 0

    def put(self, cid: Cid, block: bytes) -> None:
        self[cid.key] = block

    def get_block(self, cid: Cid) -> bytes:
        self.read += 1
        if cid.key not in self:
            raise PermanentError("blob_missing", "gone")
        return self[cid.key]


def imported(files: Mapping[str, bytes], blocks: Blocks | None = None) -> Imported:
    entries = [(path, lambda content=content: io.BytesIO(content)) for path, content in files.items()]
    return import_tree(entries, blocks.put if blocks is not None else None)


@pytest.mark.parametrize(
    ("new", "expected"),
    [
        (SITE, Changes(0, 0, 0, 3)),
        (SITE | {"new.html": b"4"}, Changes(1, 0, 0, 3)),
        (SITE | {"a/c/d.js": b"other"}, Changes(0, 1, 0, 2)),
        ({"index.html": b"1"}, Changes(0, 0, 2, 1)),
        ({"index.html": b"9", "x": b"1"}, Changes(1, 1, 2, 0)),
        ({"a": b"a file now", "index.html": b"1"}, Changes(1, 0, 2, 1)),
        ({}, Changes(0, 0, 3, 0)),
    ],
)
def test_files_are_counted_by_what_became_of_them(new: dict[str, bytes], expected: Changes) -> None:
    blocks = Blocks()
    old = imported(SITE, blocks)
    assert count_changes(Reader(blocks.get_block), old.root, imported(new).tree) == expected


def test_everything_is_new_when_there_was_nothing() -> None:
    assert count_changes(Reader(Blocks().get_block), None, imported(SITE).tree) == Changes(3, 0, 0, 0)


def test_files_are_compared_without_reading_them() -> None:
    blocks = Blocks()
    old = imported(SITE, blocks)
    count_changes(Reader(blocks.get_block), old.root, old.tree)
    assert blocks.read <= 6  # three folders, each asked what it is and what is in it


def test_a_large_folder_is_compared_like_any_other() -> None:
    many = {f"page-{number:05d}-{'x' * 60}.html": str(number).encode() for number in range(3000)}
    blocks = Blocks()
    old = imported(many, blocks)
    changed = many | {f"page-00000-{'x' * 60}.html": b"changed"}
    assert count_changes(Reader(blocks.get_block), old.root, imported(changed).tree) == Changes(0, 1, 0, 2999)


def test_damage_to_what_was_does_not_stop_what_comes() -> None:
    blocks = Blocks()
    old = imported(SITE, blocks)
    del blocks[old.root.key]
    assert count_changes(Reader(blocks.get_block), old.root, old.tree) is None
