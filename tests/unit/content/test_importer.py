"""What the importer takes, in which order it gives blocks, and what the reader makes of them."""

import io
from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.content import dagpb, unixfs
from app.content.cid import DAG_PB, RAW, Cid
from app.content.files import Dag
from app.content.folders import folder_blocks
from app.content.importer import Entry, import_blocks, import_file, import_tree
from app.content.profile import UNIXFS_V0_2015, UNIXFS_V1_2025, Profile
from app.content.reader import Leaf, Reader
from app.errors import PermanentError

SMALL = Profile("small", 1, 4, 3, True, "block", 400)
SMALL_V0 = Profile("small", 0, 4, 3, False, "links", 400)


class Slow(io.BytesIO):
    """Gives one byte at a time, as a socket may."""

    def read(self, size: int | None = -1, /) -> bytes:
        return super().read(min(size or 0, 1))


def given_as(files: Iterable[tuple[str | bytes, bytes]]) -> list[Entry]:
    return [(name, lambda content=content: io.BytesIO(content)) for name, content in files]


def blocks_of(entries: Iterable[Entry], profile: Profile = UNIXFS_V1_2025) -> tuple[Cid, dict[Cid, bytes]]:
    blocks: dict[Cid, bytes] = {}
    return import_tree(entries, blocks.__setitem__, profile).root, blocks


def test_children_come_before_parents_and_the_root_last() -> None:
    made: list[Cid] = []
    files = [("a/b/c", b"1234567890" * 3), ("d", b"x")]
    for cid, block in import_blocks(given_as(files), SMALL):
        links = dagpb.decode(block).links if cid.codec == DAG_PB else []
        assert {link.cid for link in links} <= set(made)
        made.append(cid)
    assert made[-1] == import_tree(given_as(files), None, SMALL).root


def test_an_import_counts_files_bytes_and_blocks() -> None:
    imported = import_tree(given_as([("a", b"12345"), ("b/c", b""), ("b/d", b"12345")]))
    assert (imported.files, imported.bytes, imported.blocks) == (3, 10, 5)
    assert imported.profile == "unixfs-v1-2025"
    assert imported.tree["a"] == imported.tree["b/d"] == Cid.of(b"12345", RAW)


def test_the_order_of_entries_does_not_matter() -> None:
    files = [("b", b"2"), ("a/x", b"1"), ("a/y/z", b"3"), ("c", b"")]
    assert import_tree(given_as(files)).root == import_tree(given_as(reversed(files))).root


def test_an_empty_folder_is_part_of_the_content() -> None:
    bare = import_tree(given_as([("a", b"")])).root
    assert bare != import_tree([*given_as([("a", b"")]), ("empty", None)]).root
    assert import_tree([("x/", None)]).root == import_tree([("x", None), ("x/", None)]).root


@pytest.mark.parametrize("profile", [SMALL, SMALL_V0])
def test_short_reads_do_not_move_the_chunks(profile: Profile) -> None:
    content = bytes(range(101))
    assert import_file(Slow(content), None, profile) == import_file(io.BytesIO(content), None, profile)


def test_names_may_be_any_bytes_given_as_bytes_or_with_surrogates() -> None:
    name = b"caf\xe9\x01 %2e\\..html"
    text = name.decode("utf-8", "surrogateescape")
    imported = import_tree(given_as([(text, b"x")]))
    assert imported.root == import_tree(given_as([(name, b"x")])).root
    assert list(imported.tree) == [text]


@pytest.mark.parametrize("name", ["", "/a", "a//b", ".", "..", "a/../b", "a/.", "a\0b", "./a", b"..", "a//"])
def test_names_that_are_no_path_inside_a_tree_are_refused(name: str | bytes) -> None:
    with pytest.raises(PermanentError) as caught:
        import_tree(given_as([(name, b"x")]))
    assert caught.value.code == "path_illegal"


@pytest.mark.parametrize("names", [["a", "a"], ["a", "a/b"], ["a/b", "a"], ["a/", "a"], ["a", "a/"]])
def test_a_path_is_a_file_or_a_folder_and_once(names: list[str]) -> None:
    with pytest.raises(PermanentError) as caught:
        import_tree(given_as((name, b"x") for name in names))
    assert caught.value.code == "path_collision"


def test_thousands_of_nested_folders_are_no_problem() -> None:
    root, blocks = blocks_of(given_as([("a/" * 3000 + "x", b"deep")]))
    reader = Reader(blocks.__getitem__)
    assert b"".join(reader.read(reader.walk(root, [b"a"] * 3000 + [b"x"])[-1])) == b"deep"


def test_a_folder_becomes_a_hamt_strictly_above_the_threshold() -> None:
    kinds = []
    for extra in (0, 1):
        names = [f"{i:03d}" for i in range(100)]
        dag = Dag(Cid.of(b"", RAW), 0, 0)
        children = {name.encode(): dag for name in names}
        plain = dagpb.encode([dagpb.Link(dag.cid, name, 0) for name in sorted(children)], unixfs.FOLDER)
        profile = Profile("edge", 1, 1, 2, True, "block", len(plain) - extra)
        kinds.append(
            [unixfs.decode(dagpb.decode(block).data).kind for _, block in folder_blocks(children, profile)][
                -1
            ]
        )
    assert kinds == [unixfs.KIND_FOLDER, unixfs.KIND_SHARD]


def test_names_with_the_same_full_hash_are_refused_instead_of_looping(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("app.content.folders.name_hash", lambda name: bytes(8))
    with pytest.raises(PermanentError) as caught:
        import_tree(given_as((f"name-{i:05d}" * 4, b"") for i in range(20)), None, SMALL)
    assert caught.value.code == "path_collision"


NAMES = st.binary(min_size=1, max_size=20).filter(lambda n: n not in (b".", b"..") and not {0, 47} & set(n))


@settings(max_examples=60, deadline=None, database=None)
@given(
    st.dictionaries(NAMES, st.binary(max_size=90), max_size=40),
    st.sampled_from([SMALL, SMALL_V0, UNIXFS_V1_2025, UNIXFS_V0_2015]),
    st.data(),
)
def test_what_was_imported_reads_back(
    files: dict[bytes, bytes], profile: Profile, more: st.DataObject
) -> None:
    root, blocks = blocks_of(
        [("empty", None), *given_as((b"in/" + name, files[name]) for name in files)], profile
    )
    reader = Reader(lambda cid: blocks[cid])
    if files:
        folder = reader.walk(root, [b"in"])[-1]
        assert {link.name for link in reader.links(folder)} == set(files)
    for name, content in files.items():
        file = reader.walk(root, [b"in", name])[3 - 1]
        assert reader.size(file) == len(content)
        start = more.draw(st.integers(0, len(content)))
        stop = more.draw(st.integers(start, len(content)))
        assert b"".join(reader.read(file, start, stop)) == content[start:stop]
        assert b"".join(reader.read(file)) == content
        assert reader.child(root, name + b"?") is None
        assert reader.walk(root, [b"in", name + b"?", b"x"]) == reader.walk(root, [b"in"])


def test_a_range_touches_only_the_leaves_that_hold_it() -> None:
    blocks: dict[Cid, bytes] = {}
    content = bytes(range(256)) * 4
    file = import_file(io.BytesIO(content), blocks.__setitem__, SMALL)
    asked: list[Cid] = []

    def get(cid: Cid) -> bytes:
        asked.append(cid)
        return blocks[cid]

    assert b"".join(Reader(get).read(file.cid, 500, 506)) == content[500:506]
    assert [cid for cid in asked if cid.codec == RAW] == [
        Cid.of(content[500:504], RAW),
        Cid.of(content[504:508], RAW),
    ]
    leaves = list(Reader(get).leaves(file.cid, 503, 505))
    assert [(leaf.start, leaf.stop) for leaf in leaves] == [(3, 4), (0, 1)]


LEAF = Cid.of(b"1234", RAW)
FOLDER = dagpb.encode([], unixfs.FOLDER)
LIAR = dagpb.encode([dagpb.Link(LEAF, b"", 4)], unixfs.parent([9]))


@pytest.mark.parametrize(
    "block",
    [
        b"\xff",
        b"\x0a\x05ab",
        b"\x0a\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01",
        b"\x1a\x00",
        dagpb.encode([], b"\x08\x04"),
        dagpb.encode([], b"\x08\x02\x40\x01"),
        b"\x12\x02\x0a\x00" + dagpb.field(b"\x0a", b"\x08\x02"),
        b"\x12\x00" + dagpb.field(b"\x0a", b"\x08\x02"),
        FOLDER,
        dagpb.encode([dagpb.Link(LEAF, b"", 4)], b"\x08\x02\x18\x04"),
        dagpb.encode([dagpb.Link(LEAF, b"", 4)], b"\x08\x02\x12\x01x\x18\x05\x20\x04"),
        dagpb.encode([dagpb.Link(LEAF, b"", 4)], b"\x08\x02\x18\x09\x20\x04"),
        LIAR,
    ],
)
def test_blocks_that_are_no_file_are_refused_when_read(block: bytes) -> None:
    cid = Cid.of(block, DAG_PB)
    reader = Reader({cid: block, LEAF: b"1234"}.__getitem__)
    with pytest.raises(PermanentError) as caught:
        list(reader.read(cid))
    assert caught.value.code == "dag_invalid"


def test_a_tree_that_describes_more_than_can_be_read_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.content.reader._BUDGET", 5000)
    blocks = {LEAF: b"1234"}
    cid, size = LEAF, 4
    for _ in range(10):
        block = dagpb.encode([dagpb.Link(cid, b"", size)] * 100, unixfs.parent([size] * 100))
        cid, size = Cid.of(block, DAG_PB), size * 100
        blocks[cid] = block
    with pytest.raises(PermanentError, match="too large"):
        list(Reader(blocks.__getitem__).leaves(cid, 0, size))


def test_a_hamt_whose_part_is_no_hamt_is_refused() -> None:
    plain = Cid.of(FOLDER, DAG_PB)
    root_block = dagpb.encode(
        [dagpb.Link(plain, b"%02X" % slot, 0) for slot in range(256)], unixfs.shard(2**256 - 1)
    )
    root = Cid.of(root_block, DAG_PB)
    reader = Reader({root: root_block, plain: FOLDER}.__getitem__)
    with pytest.raises(PermanentError, match="large folder"):
        reader.child(root, b"name")
    with pytest.raises(PermanentError, match="large folder"):
        list(reader.links(root))


def test_a_raw_leaf_shorter_than_promised_is_refused() -> None:
    with pytest.raises(PermanentError, match="shorter"):
        Reader(lambda cid: b"12").content(Leaf(LEAF, 0, 4))
    with pytest.raises(PermanentError, match="bare bytes"):
        list(Reader(lambda cid: b"12").links(LEAF))
