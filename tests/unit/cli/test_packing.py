"""What `flask deploy` sends: one archive that depends on the files alone, and that the door takes."""

import os
import zipfile
from pathlib import Path

import pytest

from app.cli.packing import pack
from app.content import archive, folder
from app.content.importer import import_tree
from app.errors import PermanentError


@pytest.fixture
def site(tmp_path: Path) -> Path:
    root = tmp_path / "site"
    for name, content in {"index.html": b"hi", "a/b/deep.txt": b"x" * 5000, "zero": b""}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
    (root / "empty").mkdir()
    (root / ".well-known").mkdir()
    (root / ".well-known" / "security.txt").write_text("mailto:x")
    (root / ".git").mkdir()
    (root / ".git" / "config").write_text("secret")
    return root


def packed_bytes(root: Path, **options: bool) -> bytes:
    with pack(root, **options) as packed:
        return packed.file.read()


def test_the_archive_has_the_cid_that_the_folder_has(site, tmp_path):
    file = tmp_path / "sent.zip"
    file.write_bytes(packed_bytes(site))
    assert import_tree(archive.entries(file)).root == import_tree(folder.entries(site)).root


def test_the_same_files_make_the_same_bytes_whenever_they_were_written(site):
    first = packed_bytes(site)
    os.utime(site / "index.html", (1, 1))
    (site / "zero").chmod(0o700)
    assert packed_bytes(site) == first
    (site / "zero").write_text("not any more")
    assert packed_bytes(site) != first


def test_it_counts_files_and_bytes_and_knows_its_own_size(site):
    with pack(site) as packed:
        assert (packed.files, packed.bytes) == (4, 5010)
        assert packed.size == len(packed.file.read())


def test_the_repository_stays_at_home_and_empty_folders_go_along(site):
    with pack(site) as packed, zipfile.ZipFile(packed.file) as sent:
        names = sent.namelist()
    assert not [name for name in names if ".git" in name]
    assert "empty/" in names
    assert ".well-known/security.txt" in names


def test_the_archive_is_gone_when_it_was_sent(site):
    with pack(site) as packed:
        name = packed.file.name
    assert not Path(name).exists()


def test_a_folder_without_a_file_is_refused(tmp_path):
    (tmp_path / "only").mkdir()
    with pytest.raises(PermanentError) as refused:
        pack(tmp_path)
    assert refused.value.code == "archive_empty"


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (lambda root: (root / "out").symlink_to("/etc/hosts"), "symlink_escape"),
        (lambda root: (root / "nowhere").symlink_to("gone"), "symlink_escape"),
        (lambda root: (root / "around").symlink_to("."), "symlink_escape"),
        (lambda root: os.mkfifo(root / "pipe"), "path_illegal"),
        (lambda root: Path(os.fsdecode(os.fsencode(root) + b"/caf\xe9")).touch(), "path_encoding"),
    ],
    ids=["link outside", "link to nothing", "link in a circle", "named pipe", "name that is not UTF-8"],
)
def test_what_no_site_can_hold_is_refused_and_nothing_is_left_behind(site, make, code, monkeypatch, tmp_path):
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    make(site)
    with pytest.raises(PermanentError) as refused:
        pack(site)
    assert refused.value.code == code
    assert refused.value.hint
    assert not list(temporary.iterdir())


def test_a_link_that_leads_outside_is_followed_when_that_is_wished(site, tmp_path):
    (tmp_path / "shared.css").write_text("b{}")
    (site / "shared.css").symlink_to("../shared.css")
    with pytest.raises(PermanentError):
        pack(site)
    with pack(site, follow_links=True) as packed, zipfile.ZipFile(packed.file) as sent:
        assert sent.read("shared.css") == b"b{}"
