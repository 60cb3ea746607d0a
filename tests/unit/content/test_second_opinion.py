"""The importer against a second one, through every door: trees, archives of every format, folders on disk."""

import io
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.content.archive import entries as archive_entries
from app.content.archive import inspect
from app.content.folder import entries as folder_entries
from app.content.importer import Entry, import_tree
from tests.unit.content.forge import all_formats, saved
from tests.unit.content.oracle import Tree, cid_of

PLAIN = st.text("abcABC012-_ .é日🚀", min_size=1, max_size=8).filter(lambda name: name not in (".", ".."))
BYTES = st.binary(min_size=1, max_size=12).filter(lambda n: n not in (b".", b"..") and not {0, 47} & set(n))
CONTENT = st.binary(max_size=200)
CALM = settings(deadline=None, database=None, suppress_health_check=list(HealthCheck))


def trees(names: st.SearchStrategy[bytes]) -> st.SearchStrategy[Tree]:
    """Folders in folders, some of them empty."""
    return st.recursive(
        st.dictionaries(names, CONTENT, max_size=4),
        lambda below: st.dictionaries(names, st.one_of(CONTENT, below), max_size=4),
        max_leaves=20,
    )


def flat(tree: Tree, prefix: bytes = b"") -> Iterator[tuple[bytes, bytes]]:
    for name, item in tree.items():
        if isinstance(item, dict):
            yield prefix + name + b"/", b""
            yield from flat(item, prefix + name + b"/")
        else:
            yield prefix + name, item


def as_entries(tree: Tree) -> list[Entry]:
    return [
        (name, None if name.endswith(b"/") else lambda content=content: io.BytesIO(content))
        for name, content in flat(tree)
    ]


def distinct(tree: Tree) -> bool:
    """Whether the archive door would take it: no names that only case or accents tell apart, no .git."""
    names = [name.decode().casefold() for name in tree]
    below = [item for item in tree.values() if isinstance(item, dict)]
    return len(set(names)) == len(names) and ".git" not in names and all(distinct(item) for item in below)


@settings(CALM, max_examples=60)
@given(trees(BYTES), st.randoms(use_true_random=False))
def test_both_agree_on_any_tree_in_any_order(tree: Tree, chance: random.Random) -> None:
    entries = as_entries(tree)
    chance.shuffle(entries)
    assert str(import_tree(entries).root) == cid_of(tree)


@settings(CALM, max_examples=30)
@given(trees(PLAIN.map(str.encode)).filter(distinct))
def test_both_agree_on_any_archive(tmp_path_factory: pytest.TempPathFactory, tree: Tree) -> None:
    files = [(name.decode(), content) for name, content in flat(tree)]
    if all(name.endswith("/") for name, _ in files):
        files.append(("x", b""))
        tree = tree | {b"x": b""}
    for form, data in all_formats(files).items():
        path = saved(tmp_path_factory.getbasetemp(), data)
        assert str(import_tree(archive_entries(path)).root) == cid_of(tree), form
        info = inspect(path)
        assert info.bytes == sum(len(content) for _, content in files)
        assert info.files == sum(not name.endswith("/") for name, _ in files)


def on_disk(folder: Path, tree: Tree) -> None:
    folder.mkdir()
    for name, item in tree.items():
        path = folder / name.decode()
        if isinstance(item, dict):
            on_disk(path, item)
        else:
            path.write_bytes(item)


def test_both_agree_on_a_folder_on_disk(tmp_path: Path) -> None:
    tree: Tree = {
        b"index.html": b"<h1>hello</h1>\n",
        b".well-known": {b"x.json": b"{}"},
        "日本語".encode(): {"ページ.html".encode(): b"<p>", b"empty": {}},
        b"zero": b"",
    }
    on_disk(tmp_path / "site", tree)
    assert str(import_tree(folder_entries(tmp_path / "site")).root) == cid_of(tree)


@pytest.mark.parametrize("size", [0, 1, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, 3 << 20])
def test_both_agree_around_the_edges_of_chunks(size: int) -> None:
    content = random.Random(size).randbytes(size)
    assert str(import_tree(as_entries({b"f": content})).root) == cid_of({b"f": content})


@pytest.mark.parametrize("count", [2000, 6000])
def test_both_agree_on_large_folders(count: int) -> None:
    tree: Tree = {b"page-%05d.html" % i: b"%d" % (i % 7) for i in range(count)}
    assert str(import_tree(as_entries({b"all": tree})).root) == cid_of({b"all": tree})
