"""What every storage backend does alike; below, what only a folder has to: disks, rights, killed writers."""

import errno
import hashlib
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from app.errors import InvalidInput, PermanentError, RetryableError
from app.services.storage import open_storage
from app.services.storage.folder import FolderStorage
from app.services.storage.memory import MemoryStorage
from app.services.storage.port import Storage


def named(data: bytes) -> tuple[str, bytes]:
    return hashlib.sha256(data).hexdigest(), data


HELLO, HELLO_DATA = named(b"hello world\n")
ABSENT, _ = named(b"never stored")


@pytest.fixture(params=["folder", "memory"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    return FolderStorage(tmp_path / "blobs") if request.param == "folder" else MemoryStorage()


def damage(storage: Storage, digest: str, data: bytes | None) -> None:
    """Change a blob behind its storage's back; None removes it."""
    if isinstance(storage, MemoryStorage):
        storage.blobs.pop(digest)
        if data is not None:
            storage.blobs[digest] = data
    else:
        path = storage._path(digest)
        path.unlink() if data is None else path.write_bytes(data)


def refused(call: Callable[[], object], code: str) -> PermanentError:
    with pytest.raises(PermanentError) as caught:
        call()
    assert caught.value.code == code
    return caught.value


def test_what_was_put_comes_back(storage: Storage) -> None:
    storage.put([(HELLO, HELLO_DATA), named(b"")])
    assert storage.get(HELLO) == HELLO_DATA
    assert storage.get(named(b"")[0]) == b""
    assert (storage.size(HELLO), storage.size(named(b"")[0])) == (12, 0)


def test_missing_names_what_is_not_there(storage: Storage) -> None:
    assert storage.missing([]) == set()
    assert storage.missing(iter([HELLO, ABSENT])) == {HELLO, ABSENT}
    storage.put([(HELLO, HELLO_DATA)])
    assert storage.missing({HELLO: 1, ABSENT: 2}) == {ABSENT}


def test_putting_again_changes_nothing(storage: Storage) -> None:
    for _ in range(2):
        storage.put([(HELLO, HELLO_DATA), (HELLO, HELLO_DATA)])
    assert storage.get(HELLO) == HELLO_DATA


def test_nothing_is_an_allowed_put(storage: Storage) -> None:
    storage.put([])
    assert storage.missing([HELLO]) == {HELLO}


def test_bytes_under_a_wrong_digest_are_refused_and_not_kept(storage: Storage) -> None:
    error = refused(lambda: storage.put([(ABSENT, HELLO_DATA)]), "blob_hash_mismatch")
    assert error.evidence == {"expected": ABSENT, "actual": HELLO}
    assert storage.missing([ABSENT]) == {ABSENT}


def test_an_absent_blob_is_told_from_a_damaged_one(storage: Storage) -> None:
    assert refused(lambda: storage.get(ABSENT), "blob_missing").evidence["expected"] == ABSENT
    refused(lambda: storage.size(ABSENT), "blob_missing")
    storage.put([(HELLO, HELLO_DATA)])
    damage(storage, HELLO, b"hello w0rld\n")
    refused(lambda: storage.get(HELLO), "blob_hash_mismatch")


def test_a_damaged_or_removed_blob_is_healed_by_the_next_put(storage: Storage) -> None:
    for change in (b"hello w0rld\n", None):
        storage.put([(HELLO, HELLO_DATA)])
        damage(storage, HELLO, change)
        with pytest.raises(PermanentError):
            storage.get(HELLO)
        assert storage.missing([HELLO]) == {HELLO}
        storage.put([(HELLO, HELLO_DATA)])
        assert storage.get(HELLO) == HELLO_DATA


@pytest.mark.parametrize("digest", ["", "../../etc/passwd", HELLO.upper(), HELLO[:-1], HELLO + "0", "g" * 64])
def test_only_digests_name_blobs(storage: Storage, digest: str) -> None:
    for call in (storage.get, storage.size, lambda name: storage.missing([name])):
        with pytest.raises(InvalidInput):
            call(digest)
    with pytest.raises(InvalidInput):
        storage.put([(digest, HELLO_DATA)])


def test_any_number_of_writers_may_store_the_same(storage: Storage) -> None:
    blobs = [named(b"%d" % number) for number in range(300)]
    errors: list[BaseException] = []

    def write() -> None:
        try:
            storage.put(blobs)
        except BaseException as error:
            errors.append(error)

    writers = [threading.Thread(target=write) for _ in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert errors == []
    assert all(storage.get(digest) == data for digest, data in blobs)


# what only a folder has to do


@pytest.fixture
def folder(tmp_path: Path) -> FolderStorage:
    return FolderStorage(tmp_path / "home/blobs")


def test_a_blob_is_a_file_named_by_its_digest(folder: FolderStorage, tmp_path: Path) -> None:
    folder.put([(HELLO, HELLO_DATA)])
    assert (tmp_path / "home/blobs" / HELLO[:2] / HELLO).read_bytes() == HELLO_DATA
    assert list((tmp_path / "home/blobs/tmp").iterdir()) == []


def test_reading_makes_no_folder(folder: FolderStorage, tmp_path: Path) -> None:
    assert folder.missing([HELLO]) == {HELLO}
    refused(lambda: folder.get(HELLO), "blob_missing")
    assert list(tmp_path.iterdir()) == []


def test_files_are_on_disk_before_their_names_and_those_before_the_return(
    folder: FolderStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    did: list[str] = []
    fsync, replace = os.fsync, Path.replace

    def seen_fsync(handle: int) -> None:
        did.append("folder" if os.path.isdir(f"/proc/self/fd/{handle}") else "file")
        fsync(handle)

    def seen_replace(path: Path, target: Path) -> Path:
        did.append("name")
        return replace(path, target)

    folder.put([named(b"first")])
    monkeypatch.setattr(os, "fsync", seen_fsync)
    monkeypatch.setattr(Path, "replace", seen_replace)
    folder.put([(HELLO, HELLO_DATA), named(b"first")])
    assert did[0] == "file"
    assert did[-3:] == ["name", "folder", "folder"]  # that of the blob that was there already, too


def test_blobs_stream_through_a_batch_at_a_time(folder: FolderStorage) -> None:
    taken: list[str] = []

    def blobs() -> Iterator[tuple[str, bytes]]:
        for number in range(40):
            if number >= 33:
                assert folder.missing(taken[:32]) == set()
            digest, data = named(number.to_bytes(1, "big") * (1 << 20))
            taken.append(digest)
            yield digest, data

    folder.put(blobs())
    assert folder.missing(taken) == set()


def test_a_truncated_blob_is_written_again(folder: FolderStorage) -> None:
    folder.put([(HELLO, HELLO_DATA)])
    damage(folder, HELLO, b"hell")
    folder.put([(HELLO, HELLO_DATA)])
    assert folder.get(HELLO) == HELLO_DATA


def test_a_writer_killed_at_any_moment_leaves_no_false_blob(folder: FolderStorage, tmp_path: Path) -> None:
    script = (
        "import hashlib, os, sys, itertools\n"
        "from pathlib import Path\n"
        "from app.services.storage.folder import FolderStorage\n"
        "def blobs():\n"
        "    for n in itertools.count():\n"
        "        data = b'%d' % n * 5000\n"
        "        n == 100 and print('going', flush=True)\n"
        "        yield hashlib.sha256(data).hexdigest(), data\n"
        "FolderStorage(Path(sys.argv[1])).put(blobs())\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path / "home/blobs")], stdout=subprocess.PIPE
    ) as writer:
        assert writer.stdout
        writer.stdout.readline()
        writer.kill()
    blobs = [path.name for path in (tmp_path / "home/blobs").glob("??/*")]
    assert all(hashlib.sha256(folder.get(name)).hexdigest() == name for name in blobs)
    folder.put(named(b"%d" % n * 5000) for n in range(200))


def test_old_leftovers_are_cleared_and_those_of_running_writers_are_not(
    folder: FolderStorage, tmp_path: Path
) -> None:
    folder.put([named(b"first")])
    old, new = tmp_path / "home/blobs/tmp/old", tmp_path / "home/blobs/tmp/new"
    for path in (old, new):
        path.write_bytes(b"half a bl")
    os.utime(old, (0, 0))
    folder.put([(HELLO, HELLO_DATA)])
    assert (old.exists(), new.exists()) == (False, True)


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (errno.ENOSPC, "backend_full"),
        (errno.EDQUOT, "backend_full"),
        (errno.EACCES, "backend_unavailable"),
        (errno.EROFS, "backend_unavailable"),
        (errno.EIO, "backend_unavailable"),
    ],
)
def test_a_disk_that_fails_is_retryable_and_nothing_half_written_stays(
    folder: FolderStorage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, code: str
) -> None:
    folder.put([named(b"first")])

    def failing(handle: int) -> None:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as broken:
        broken.setattr(os, "fsync", failing)
        with pytest.raises(RetryableError) as caught:
            folder.put([(HELLO, HELLO_DATA)])
    assert caught.value.code == code
    assert caught.value.hint
    assert folder.missing([HELLO]) == {HELLO}
    assert list((tmp_path / "home/blobs/tmp").iterdir()) == []


def test_a_folder_that_cannot_be_made_or_read_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    broken = FolderStorage(tmp_path / "file/blobs")
    for call in (lambda: broken.put([(HELLO, HELLO_DATA)]), lambda: broken.get(HELLO)):
        with pytest.raises(RetryableError) as caught:
            call()
        assert caught.value.code == "backend_unavailable"


def test_the_setting_chooses_the_backend(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from config.settings import get_settings

    monkeypatch.setenv("ANTIPHON_HOME", str(tmp_path))
    try:
        for backend, kind in (("folder", FolderStorage), ("memory", MemoryStorage)):
            monkeypatch.setenv("STORAGE_BACKEND", backend)
            get_settings.cache_clear()
            assert type(open_storage()) is kind
        assert open_storage() is open_storage()
    finally:
        get_settings.cache_clear()
