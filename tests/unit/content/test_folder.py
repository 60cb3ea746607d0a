"""A folder of this machine as a source of entries."""

import os
from pathlib import Path

import pytest

from app.content.folder import entries
from app.content.importer import import_tree
from app.errors import PermanentError
from tests.unit.content.forge import SITE

SITE_A = "bafybeigmoamqjt7twezzhwnwsrnjo2daymysdy4m7msl7ig74czoh6wamm"


@pytest.fixture
def site(tmp_path: Path) -> Path:
    folder = tmp_path / "site"
    for name, content in SITE.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


def names(folder: Path, follow_links: bool = False) -> list[str]:
    return [str(name) for name, _ in entries(folder, follow_links)]


def refused(folder: Path, code: str, word: str, follow_links: bool = False) -> None:
    with pytest.raises(PermanentError) as caught:
        import_tree(entries(folder, follow_links))
    assert caught.value.code == code
    assert word in caught.value.message


def test_a_folder_has_the_cid_of_its_content(site: Path) -> None:
    (site / ".well-known/x").unlink()
    (site / ".well-known").rmdir()
    assert str(import_tree(entries(site)).root) == SITE_A


def test_dot_files_and_empty_folders_are_kept_and_git_is_not(site: Path) -> None:
    (site / ".git").mkdir()
    (site / ".git/config").write_text("secret")
    (site / "empty").mkdir()
    assert names(site) == [
        ".well-known/", "assets/", "empty/", "index.html", ".well-known/x", "assets/app.js",
    ]  # fmt: skip


def test_names_that_are_not_utf8_survive(site: Path) -> None:
    (site / os.fsdecode(b"caf\xe9")).write_text("x")
    assert os.fsdecode(b"caf\xe9") in import_tree(entries(site)).tree


def test_links_inside_the_folder_are_followed(site: Path) -> None:
    (site / "home.html").symlink_to("index.html")
    (site / "static").symlink_to(site / "assets")
    imported = import_tree(entries(site))
    assert imported.tree["home.html"] == imported.tree["index.html"]
    assert imported.tree["static/app.js"] == imported.tree["assets/app.js"]


def test_links_that_leave_the_folder_are_followed_only_when_asked(site: Path, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/secret").write_text("x")
    (site / "way-out").symlink_to(tmp_path / "outside")
    refused(site, "symlink_escape", "outside of the folder")
    assert "way-out/secret" in names(site, follow_links=True)


@pytest.mark.parametrize("follow_links", [False, True])
def test_links_to_nowhere_in_circles_or_into_git_are_refused(site: Path, follow_links: bool) -> None:
    link = site / "link"
    (site / ".git").mkdir()
    for target, word in (("nowhere", "nowhere"), ("link", "nowhere"), (".", "is in"), (".git", ".git")):
        link.symlink_to(target)
        refused(site, "symlink_escape", word, follow_links)
        link.unlink()
    (site / "assets/b").symlink_to("../.well-known")
    (site / ".well-known/a").symlink_to("../assets")
    refused(site, "symlink_escape", "is in", follow_links)


def test_what_is_no_file_or_cannot_be_read_is_refused(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refused(site / "index.html", "source_not_found", "not a folder")
    os.mkfifo(site / "pipe")
    refused(site, "path_illegal", "pipe")
    (site / "pipe").unlink()
    (opened := dict(entries(site)))["index.html"]
    (site / "index.html").unlink()
    with pytest.raises(PermanentError, match="cannot be read"):
        opened["index.html"]()  # type: ignore[misc]
    monkeypatch.setattr(os, "scandir", lambda path: (_ for _ in ()).throw(PermissionError(13, "no", path)))
    refused(site, "source_not_found", "cannot be read")
