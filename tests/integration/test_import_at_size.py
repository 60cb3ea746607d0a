"""The importer with real sizes: memory stays bounded, width thresholds hold, large archives stream."""

import hashlib
import io
import subprocess
import sys
import tracemalloc
import zipfile
from pathlib import Path

from app.content.archive import entries, inspect
from app.content.importer import import_file, import_tree
from app.content.profile import UNIXFS_V0_2015
from tests.unit.content.chacha import keystream
from tests.unit.content.forge import tar_header

MIB = 1 << 20


class Endless:
    """A file of repeated bytes that is never in memory."""

    def __init__(self, size: int) -> None:
        self._left = size
        self._piece = bytes(range(256)) * 4096

    def read(self, size: int, /) -> bytes:
        piece = self._piece[: min(size, self._left)]
        self._left -= len(piece)
        return piece

    def close(self) -> None:
        pass


def test_a_file_of_two_gigabytes_needs_a_few_megabytes() -> None:
    tracemalloc.start()
    try:
        file = import_file(Endless(2048 * MIB))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert file.size == 2048 * MIB
    assert peak < 8 * MIB


def test_ipip_499_width_threshold_adds_a_level_and_wraps_the_lone_last_node() -> None:
    stream = keystream(hashlib.sha256(b"v0-seed").digest(), 174 * (1 << 18) + 1)
    exact = import_file(io.BytesIO(stream[:-1]), None, UNIXFS_V0_2015)
    assert str(exact.cid) == "QmUbBALi174SnogsUzLpYbD4xPiBSFANF4iztWCsHbMKh2"
    above = import_file(io.BytesIO(stream), None, UNIXFS_V0_2015)
    assert str(above.cid) == "QmV81WL765sC8DXsRhE5fJv2rwhS4icHRaf3J9Zk5FdRnW"


def test_a_large_archive_is_read_in_bounded_memory(tmp_path: Path) -> None:
    packed = tmp_path / "large.zip"
    with zipfile.ZipFile(packed, "w") as archive, archive.open("video.bin", "w", force_zip64=True) as out:
        for _ in range(300):
            out.write(bytes(range(256)) * 4096)
    plain = tmp_path / "large.tar"
    with plain.open("wb") as file:
        file.write(tar_header(b"video.bin", 300 * MIB))
        for _ in range(300):
            file.write(bytes(range(256)) * 4096)
        file.write(bytes(1024))
    tracemalloc.start()
    try:
        roots = {import_tree(entries(path)).root for path in (packed, plain)}
        assert inspect(plain).bytes == inspect(packed).bytes == 300 * MIB
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert len(roots) == 1
    assert peak < 12 * MIB


def test_a_huge_extension_header_or_directory_never_gets_into_memory(tmp_path: Path) -> None:
    """Run apart under a limit on the address space: what is refused must be refused before it is read."""
    tar, zipped = tmp_path / "headers.tar", tmp_path / "directory.zip"
    with tar.open("wb") as file:
        file.write(tar_header(b"pax", 700 * MIB, b"x"))
        file.truncate(701 * MIB)
    entry = b"PK\x01\x02" + bytes(42)
    with zipped.open("wb") as file:
        file.write(b"PK\x03\x04")
        for _ in range(100):
            file.write(entry * 20_000)
        size = 46 * 2_000_000
        file.write(
            b"PK\x05\x06" + bytes(8) + size.to_bytes(4, "little") + (4).to_bytes(4, "little") + bytes(2)
        )
    script = (
        "import resource, sys; from pathlib import Path\n"
        f"resource.setrlimit(resource.RLIMIT_AS, ({400 * MIB}, {400 * MIB}))\n"
        "from app.content.archive import Limits, inspect; from app.errors import PermanentError\n"
        "for path in sys.argv[1:]:\n"
        "    try: inspect(Path(path), Limits())\n"
        "    except PermanentError as error: print(error.code)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(tar), str(zipped)], capture_output=True, text=True, check=False
    )
    assert done.stdout.split() == ["archive_corrupt", "too_many_files"], done.stderr
