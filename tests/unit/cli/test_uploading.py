"""The bar of an upload: it moves as the archive is read, and only where somebody sees it."""

import pytest

from app.cli.packing import pack
from app.cli.uploading import progress_of


@pytest.fixture
def packed(tmp_path):
    (tmp_path / "index.html").write_bytes(bytes(range(256)) * 40)
    with pack(tmp_path) as made:
        yield made


def test_what_is_read_is_the_archive_whole_and_from_its_start(packed, capsys):
    expected = packed.file.read()
    with progress_of(packed, silent=False) as archive:
        archive.seek(0)
        pieces = iter(lambda: archive.read(100), b"")
        assert b"".join(pieces) == expected
    assert capsys.readouterr().err == ""  # nobody looks at a pipe


def test_on_a_terminal_there_is_a_bar(packed, capsys, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    with progress_of(packed, silent=False) as archive:
        archive.seek(0)
        archive.read()
    assert "Uploading" in capsys.readouterr().err


def test_for_machines_there_is_none(packed, capsys, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    with progress_of(packed, silent=True) as archive:
        archive.read(-1)
    assert capsys.readouterr().err == ""


def test_the_archive_stays_open_for_who_packed_it(packed):
    with progress_of(packed, silent=True):
        pass
    assert packed.file.read(2) == b"PK"
