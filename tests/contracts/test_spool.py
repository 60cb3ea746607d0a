"""Where uploads wait: hashed and counted while they come in, durable when committed, gone when not."""

import errno
import hashlib
import os
from contextlib import suppress
from pathlib import Path

import pytest

from app.errors import PermanentError, RetryableError, TooLarge
from app.services.spool import open_spool
from app.services.spool.folder import FolderSpool
from app.services.spool.port import Spool


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return FolderSpool(tmp_path / "spool", 100)


def held(tmp_path: Path) -> list[Path]:
    return list((tmp_path / "spool").iterdir())


def test_an_upload_gets_a_key_its_digest_and_its_size(spool: Spool, tmp_path: Path) -> None:
    with spool.create() as writer:
        assert writer.write(b"hello ") == 6
        writer.write(b"world\n")
        key, sha256, size = writer.commit()
    assert (sha256, size) == (hashlib.sha256(b"hello world\n").hexdigest(), 12)
    assert spool.path(key).read_bytes() == b"hello world\n"
    assert held(tmp_path) == [spool.path(key)]


def test_an_upload_that_is_not_committed_leaves_nothing(spool: Spool, tmp_path: Path) -> None:
    with suppress(ConnectionError), spool.create() as writer:
        writer.write(b"half")
        raise ConnectionError
    writer = spool.create()
    writer.write(b"half")
    writer.abort()
    writer.abort()
    assert held(tmp_path) == []


def test_an_upload_over_the_limit_is_refused_while_it_comes_in(spool: Spool, tmp_path: Path) -> None:
    with spool.create() as writer:
        writer.write(bytes(100))
        with pytest.raises(TooLarge) as caught:
            writer.write(b"x")
    assert (caught.value.code, caught.value.evidence["limit"]) == ("source_too_large", 100)
    assert "100 bytes" in caught.value.message
    assert held(tmp_path) == []


def test_an_upload_is_removed_once_and_harmlessly_again(spool: Spool) -> None:
    key = spool.create().commit().key
    spool.remove(key)
    spool.remove(key)
    with pytest.raises(PermanentError) as caught:
        spool.path(key)
    assert caught.value.code == "source_not_found"


@pytest.mark.parametrize("key", ["", ".", "../secret", "a" * 31, "a" * 32 + ".part", "/etc/passwd"])
def test_only_keys_lead_to_uploads(spool: Spool, tmp_path: Path, key: str) -> None:
    (tmp_path / "secret").write_text("x")
    spool.create().abort()
    with pytest.raises(PermanentError):
        spool.path(key)
    spool.remove(key)
    assert (tmp_path / "secret").exists()


def test_a_commit_is_on_disk_before_it_returns(
    spool: Spool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[str] = []
    fsync = os.fsync

    def seen(handle: int) -> None:
        synced.append(os.readlink(f"/proc/self/fd/{handle}"))
        fsync(handle)

    monkeypatch.setattr(os, "fsync", seen)
    with spool.create() as writer:
        writer.write(b"x")
        key = writer.commit().key
    assert synced == [str(tmp_path / "spool" / f"{key}.part"), str(tmp_path / "spool"), str(tmp_path)]


@pytest.mark.parametrize(
    ("number", "code"), [(errno.ENOSPC, "backend_full"), (errno.EIO, "backend_unavailable")]
)
def test_a_disk_that_fails_is_retryable_and_leaves_nothing(
    spool: Spool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, code: str
) -> None:
    def failing(handle: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", failing)
    with pytest.raises(RetryableError) as caught, spool.create() as writer:
        writer.commit()
    assert caught.value.code == code
    assert held(tmp_path) == []


def test_a_spool_that_cannot_be_made_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(RetryableError) as caught:
        FolderSpool(tmp_path / "file/spool", 1).create()
    assert caught.value.code == "backend_unavailable"


def test_the_settings_say_where_it_is_and_how_much_it_takes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from config.settings import get_settings

    monkeypatch.setenv("ANTIPHON_HOME", str(tmp_path))
    monkeypatch.setenv("MAX_UPLOAD_BYTES", "3")
    get_settings.cache_clear()
    try:
        with open_spool().create() as writer, pytest.raises(TooLarge):
            writer.write(b"four")
        assert held(tmp_path) == []
    finally:
        get_settings.cache_clear()
