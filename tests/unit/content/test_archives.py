"""Archives that are taken: every format gives the same site, and what is odd but harmless is told."""

import io
import tarfile
import zipfile
from contextlib import closing
from pathlib import Path

import pytest

from app.content.archive import ArchiveInfo, entries, inspect
from app.content.importer import import_tree
from app.content.members import Limits
from tests.unit.content.forge import (
    END,
    SITE,
    all_formats,
    packed,
    pax,
    raw_zip,
    saved,
    tar_of,
    tar_part,
    zip_of,
)

FORMATS = ["zip", "tar", "tar.gz"]


def content(path: Path) -> dict[str, bytes | None]:
    found: dict[str, bytes | None] = {}
    for name, opener in entries(path):
        found[str(name)] = None
        if opener:
            with closing(opener()) as source:
                found[str(name)] = source.read(1 << 20)
    return found


def codes(info: ArchiveInfo) -> list[str]:
    return [warning.code for warning in info.warnings]


@pytest.mark.parametrize("form", FORMATS)
def test_every_format_gives_the_same_files_in_the_archives_order(tmp_path: Path, form: str) -> None:
    path = saved(tmp_path, all_formats(SITE.items())[form])
    assert content(path) == SITE
    assert inspect(path) == ArchiveInfo(form, 3, 30, True, ())


@pytest.mark.parametrize("form", FORMATS)
def test_empty_folders_and_dot_files_are_kept_and_git_is_not(tmp_path: Path, form: str) -> None:
    kept = {"index.html": b"x", "empty/": b"", ".env.example": b"", "a/b": b""}
    path = saved(tmp_path, all_formats((kept | {".git/config": b"", "a/.git": b""}).items())[form])
    assert content(path) == {"index.html": b"x", "empty": None, ".env.example": b"", "a/b": b""}
    info = inspect(path)
    assert (info.files, codes(info)) == (3, ["git_left_out"])
    assert "2 entries" in info.warnings[0].message


def test_folders_imply_themselves_and_may_be_named_again(tmp_path: Path) -> None:
    files = [("a/index.html", b"x"), ("a/", b""), ("a/", b""), ("./b/c", b"y")]
    path = saved(tmp_path, tar_of([("./", b""), *files]))
    assert content(path) == {"a/index.html": b"x", "a": None, "b/c": b"y"}
    flat = import_tree([("a/index.html", lambda: io.BytesIO(b"x")), ("b/c", lambda: io.BytesIO(b"y"))])
    assert import_tree(entries(path)).root == flat.root


@pytest.mark.parametrize("form", FORMATS)
def test_a_site_without_index_or_inside_one_folder_is_warned_about(tmp_path: Path, form: str) -> None:
    info = inspect(saved(tmp_path, all_formats([("dist/index.html", b"x")])[form]))
    assert (info.has_index, codes(info)) == (False, ["index_missing", "single_top_folder"])
    assert all("dist" in warning.message or "index.html" in warning.message for warning in info.warnings)
    assert all(warning.hint for warning in info.warnings)
    info = inspect(saved(tmp_path, all_formats([("page.html", b"x")])[form]))
    assert codes(info) == ["index_missing"]


@pytest.mark.parametrize(
    "name", ["日本語/ページ.html", "emoji-🚀.txt", "cafe\u0301", "a b&c%20?#", "x" * 300, "line\nbreak"]
)
@pytest.mark.parametrize("form", FORMATS)
def test_any_utf8_name_survives(tmp_path: Path, form: str, name: str) -> None:
    assert content(saved(tmp_path, all_formats([(name, b"here")])[form])) == {name: b"here"}


@pytest.mark.parametrize("form", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT])
def test_long_paths_are_read_in_every_dialect_of_tar(tmp_path: Path, form: int) -> None:
    name = "/".join(["folder"] * 20 + ["index.html"])
    assert content(saved(tmp_path, tar_of([(name, b"x"), ("b", b"y")], form))) == {name: b"x", "b": b"y"}


def test_a_zip_with_utf8_names_but_without_the_flag_is_understood(tmp_path: Path) -> None:
    data = raw_zip("caf\u00e9.html".encode(), b"x")
    assert content(saved(tmp_path, data)) == {"caf\u00e9.html": b"x"}


def test_a_zip_behind_other_bytes_is_found(tmp_path: Path) -> None:
    path = saved(tmp_path, b"#!/bin/sh\n" + zip_of(SITE.items()))
    assert content(path) == SITE


def test_a_stored_zip_and_an_old_tar_and_several_gzip_streams_are_read(tmp_path: Path) -> None:
    assert content(saved(tmp_path, zip_of(SITE.items(), zipfile.ZIP_STORED))) == SITE
    old = tar_part(b"folder/", b"", b"\0") + tar_part(b"index.html", b"x", b"\0") + END
    assert content(saved(tmp_path, old)) == {"folder": None, "index.html": b"x"}
    tar = tar_of(SITE.items())
    assert content(saved(tmp_path, packed(tar[:700]) + packed(tar[700:]))) == SITE


def test_comments_of_git_archive_and_other_extensions_are_skipped(tmp_path: Path) -> None:
    comment = tar_part(b"pax_global_header", b"52 comment=0123456789012345678901234567890123456789\n", b"g")
    data = comment + pax(mtime="1.5", path="index.html", size="1") + tar_part(b"short", b"x") + END
    assert content(saved(tmp_path, data)) == {"index.html": b"x"}


@pytest.mark.parametrize("form", FORMATS)
def test_a_site_exactly_at_its_limits_is_taken(tmp_path: Path, form: str) -> None:
    path = saved(tmp_path, all_formats([("a/b/c", b"12345"), ("d", b"67890")])[form])
    assert inspect(path, Limits(files=2, bytes=10)).files == 2


def test_a_tar_can_be_listed_without_reading_its_files(tmp_path: Path) -> None:
    path = saved(tmp_path, tar_of([("a", b"x" * 3_000_000), ("b", b"y")]))
    assert [name for name, _ in entries(path)] == ["a", "b"]


def test_many_small_files_are_fast(tmp_path: Path) -> None:
    files = [(f"folder-{i % 80}/page-{i}.html", b"%d" % i * 100) for i in range(6000)]
    path = saved(tmp_path, zip_of(files, zipfile.ZIP_STORED))
    assert import_tree(entries(path)).files == inspect(path).files == 6000
