"""CARs are the bytes that the specification's fixtures have, and read back to the same blocks."""

import hashlib
import io
from collections.abc import Callable

import pytest

from app.content.car import car, cids, header
from app.content.cid import DAG_PB, Cid
from app.content.importer import import_file, import_tree
from app.content.profile import UNIXFS_V0_2015
from app.errors import PermanentError

SUBDIR = {"subdir/ascii.txt": b"hello application/vnd.ipld.car\n", "subdir/hello.txt": b"hello world\n"}


def imported(files: dict[str, bytes], profile=None) -> tuple[Cid, dict[Cid, bytes]]:
    blocks: dict[Cid, bytes] = {}
    entries = [(path, lambda content=content: io.BytesIO(content)) for path, content in files.items()]
    more = {} if profile is None else {"profile": profile}
    return import_tree(entries, blocks.__setitem__, **more).root, blocks


def sections(data: bytes) -> list[tuple[Cid, bytes]]:
    """A reader of our own for the tests: sections behind the header."""

    def number(at: int) -> tuple[int, int]:
        value = shift = 0
        while True:
            value |= (data[at] & 0x7F) << shift
            at, shift = at + 1, shift + 7
            if data[at - 1] < 0x80:
                return value, at

    length, at = number(0)
    at += length
    found = []
    while at < len(data):
        length, at = number(at)
        size = 34 if data[at] == 0x12 else 36
        found.append((Cid.from_bytes(data[at : at + size]), data[at + size : at + length]))
        at += length
    return found


def whole(root: Cid, get_block: Callable[[Cid], bytes]) -> bytes:
    return b"".join(car(root, get_block))


def test_one_raw_block_is_the_published_car() -> None:
    blocks: dict[Cid, bytes] = {}
    root = import_file(io.BytesIO(b"hello world\n"), blocks.__setitem__).cid
    assert len(header(root)) == 59
    assert hashlib.sha256(whole(root, blocks.__getitem__)).hexdigest() == (
        "433339b32e3c2186ce6fe406227ce6a48e97a176ca86048a8fd3490769ed2016"
    )


def test_the_fixture_of_the_gateways_is_written_byte_by_byte() -> None:
    root, blocks = imported(SUBDIR)
    written = whole(root, blocks.__getitem__)
    assert len(written) == 416
    assert hashlib.sha256(written).hexdigest() == (
        "dc35ad7f66fddaadb3bf9653cf77ea66f3737128c9c7221431d0498449f9d147"
    )


@pytest.mark.parametrize("profile", [None, UNIXFS_V0_2015], ids=["v1", "v0"])
def test_every_block_is_there_once_whatever_was_repeated(profile) -> None:
    same = b"x" * 300_000
    files = {"a/one": same, "a/two": same, "b/one": same, "b/two": same, "c": b""}
    root, blocks = imported(files, profile)
    found = sections(whole(root, blocks.__getitem__))
    assert found[0][0] == root
    assert dict(found) == blocks
    assert len(found) == len(blocks)


def test_the_order_of_the_files_is_none_of_the_cars() -> None:
    root, blocks = imported(SUBDIR)
    again, others = imported(dict(reversed(SUBDIR.items())))
    assert whole(root, blocks.__getitem__) == whole(again, others.__getitem__)


def test_a_sharded_folder_and_a_file_of_many_blocks_are_walked_to_their_leaves() -> None:
    files = {f"{n:04}-{'long' * 20}.txt": b"%d" % n for n in range(3000)} | {"big": b"y" * ((1 << 20) + 1)}
    root, blocks = imported(files)
    asked: list[Cid] = []

    def get(cid: Cid) -> bytes:
        asked.append(cid)
        return blocks[cid]

    assert sorted(map(str, cids(root, get))) == sorted(map(str, blocks))
    assert {cid.codec for cid in asked} == {DAG_PB}  # the leaves' bytes are not needed to name them


def test_blocks_are_asked_for_one_by_one_as_the_stream_is_read() -> None:
    root, blocks = imported(SUBDIR)
    asked: list[Cid] = []

    def get(cid: Cid) -> bytes:
        asked.append(cid)
        return blocks[cid]

    stream = car(root, get)
    next(stream)
    assert asked == []
    next(stream)
    assert asked == [root]
    assert len(list(stream)) == len(blocks) - 1
    assert len(asked) == len(blocks)


def test_a_block_that_is_no_node_ends_the_walk() -> None:
    broken = Cid.of(b"not a node", DAG_PB)
    with pytest.raises(PermanentError) as caught:
        whole(broken, lambda _cid: b"not a node")
    assert caught.value.code == "dag_invalid"
