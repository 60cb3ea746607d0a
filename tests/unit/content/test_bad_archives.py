"""Archives that are refused: each kind with its code, the member's name in the message, and a hint."""

import io
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.content.archive import entries, inspect
from app.content.importer import import_tree
from app.content.members import MIB, Limits
from app.errors import PermanentError, PlatformError, TooLarge
from tests.unit.content.forge import (
    END,
    SITE,
    all_formats,
    packed,
    pax,
    raw_zip,
    saved,
    tar_header,
    tar_of,
    tar_part,
    zip_of,
    zip_with_mode,
)

FORMATS = ["zip", "tar", "tar.gz"]
BIG = {"index.html": b"<p>", "data.bin": zlib.compress(bytes(range(256)) * 500, 0)}


def refused(path: Path, code: str, *words: str, limits: Limits | None = None) -> PermanentError:
    with pytest.raises(PermanentError) as caught:
        inspect(path, limits)
    error = caught.value
    assert error.code == code
    assert error.hint
    assert all(word in error.message for word in words), error.message
    return error


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "empty"),
        (b"<html>not an archive</html>" * 50, "neither a zip nor a tar"),
        (b"PK but not really", "neither a zip nor a tar"),
        (packed(b"a text, gzipped" * 100), "not a tar"),
        (b"BZh91AY&SY" + bytes(range(256)), "bzip2"),
        (b"\xfd7zXZ\0" + bytes(range(256)), "xz"),
        (b"7z\xbc\xaf\x27\x1c" + bytes(range(256)), "7-Zip"),
        (b"Rar!\x1a\x07" + bytes(range(256)), "RAR"),
    ],
)
def test_something_else_than_an_archive_is_named(tmp_path: Path, data: bytes, words: str) -> None:
    refused(saved(tmp_path, data), "archive_unknown", words)


@pytest.mark.parametrize("form", FORMATS)
def test_an_archive_cut_anywhere_is_told_from_a_whole_one(tmp_path: Path, form: str) -> None:
    data = all_formats(BIG.items())[form]
    whole = len(data.rstrip(b"\0")) if form == "tar" else len(data)
    for cut in range(len(data) // 97, whole, len(data) // 97):
        with pytest.raises(PermanentError) as caught:
            inspect(saved(tmp_path, data[:cut]))
        assert caught.value.code == "archive_truncated" or cut < 1024


def test_a_tar_cut_between_two_files_is_truncated_and_not_a_smaller_site(tmp_path: Path) -> None:
    refused(saved(tmp_path, tar_part(b"index.html", b"x")), "archive_truncated", "end mark")
    refused(saved(tmp_path, tar_part(b"index.html", b"x" * 9)[:515]), "archive_truncated", "inside")
    refused(saved(tmp_path, packed(tar_of(SITE.items()))[:-4]), "archive_truncated", "gzip")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (zip_of(SITE.items(), zipfile.ZIP_STORED).replace(b"log(1)", b"log(2)"), "assets/app.js"),
        (raw_zip(b"a", b"xy", size=1), "“a”"),
        (raw_zip(b"a", b"xy", size=3), "shorter than it says"),
        (raw_zip(b"folder/", b"content"), "folder/"),
        (tar_part(b"a", b"x") + b"not a header".ljust(512) + END, "byte 1,024"),
        (tar_part(b"a", b"x") + END + tar_part(b"b", b"y") + END, "two archives"),
        (tar_header(b"a", -1) + END, "negative"),
        (pax(path="a") + END, "extension header"),
        (pax(size="many") + tar_part(b"a", b"x") + END, "size of “a”"),
        (tar_part(b"pax", b"999 path=a\n", b"x") + tar_part(b"a", b"x") + END, "extension header"),
        (tar_part(b"pax", b"no length", b"x") + tar_part(b"a", b"x") + END, "extension header"),
        (tar_header(b"pax", 2 * MIB, b"x") + END, "2,097,152 bytes"),
    ],
)
def test_an_archive_that_contradicts_itself_is_corrupt(tmp_path: Path, data: bytes, words: str) -> None:
    refused(saved(tmp_path, data), "archive_corrupt", words)


def test_a_gzip_with_a_wrong_checksum_is_corrupt(tmp_path: Path) -> None:
    data = bytearray(packed(tar_of(SITE.items())))
    data[-6] ^= 1
    refused(saved(tmp_path, bytes(data)), "archive_corrupt", "gzip")


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("files", [[], [("folder/", b"")], [(".git/config", b"")]])
def test_an_archive_without_a_file_is_empty(
    tmp_path: Path, form: str, files: list[tuple[str, bytes]]
) -> None:
    refused(saved(tmp_path, all_formats(files)[form]), "archive_empty")


@pytest.mark.parametrize("form", ["zip", "tar.gz"])
def test_a_bomb_is_refused_by_its_ratio(tmp_path: Path, form: str) -> None:
    data = all_formats([("index.html", bytes(3 * MIB))])[form]
    error = refused(saved(tmp_path, data), "archive_bomb", "200 times", limits=Limits(ratio_from=MIB))
    assert isinstance(error, TooLarge)
    assert inspect(saved(tmp_path, data)).bytes == 3 * MIB  # so small a one harms nobody


def test_a_bomb_of_headers_and_padding_is_refused_too(tmp_path: Path) -> None:
    padding = packed(tar_of([("index.html", b"x")]) + bytes(4 * MIB))
    refused(saved(tmp_path, padding), "archive_bomb", limits=Limits(ratio_from=MIB))
    refused(saved(tmp_path, packed(bytes(80 * MIB))), "source_too_large", limits=Limits(1, 1))


@pytest.mark.parametrize("form", FORMATS)
def test_a_site_over_the_total_is_refused_and_names_where(tmp_path: Path, form: str) -> None:
    data = all_formats([("a", b"x" * 60), ("b", b"x" * 60)])[form]
    error = refused(saved(tmp_path, data), "source_too_large", "100 bytes", "“b”", limits=Limits(bytes=100))
    assert isinstance(error, TooLarge)


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("names", [["a", "b", "c"], ["a/b/c/d"], ["a/", "b/", "c/", "d"]])
def test_too_many_files_or_folders_are_refused(tmp_path: Path, form: str, names: list[str]) -> None:
    data = all_formats((name, b"") for name in names)[form]
    refused(saved(tmp_path, data), "too_many_files", "more than 2", limits=Limits(files=2))


def test_a_zip_with_a_huge_directory_is_refused_before_it_is_loaded(tmp_path: Path) -> None:
    data = zip_of((str(i), b"") for i in range(500))
    refused(saved(tmp_path, data), "too_many_files", limits=Limits(files=10))


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("/etc/passwd", "absolute"),
        ("C:/windows/x", "absolute"),
        ("../up.txt", ".."),
        ("a/../../up.txt", ".."),
        ("a/./b", "“.”"),
        ("a//b", "empty name"),
        ("..\\up.txt", "backslash"),
        ("a\\b.html", "backslash"),
        ("n" * 1100, "1,024 bytes"),
    ],
)
def test_paths_that_lead_elsewhere_are_refused(tmp_path: Path, form: str, name: str, words: str) -> None:
    path = saved(tmp_path, all_formats([("index.html", b"x"), (name, b"x")])[form])
    refused(path, "path_illegal", name[:50], words)


def test_a_name_with_a_nul_is_refused(tmp_path: Path) -> None:
    refused(saved(tmp_path, raw_zip(b"index.html\0.txt")), "path_illegal", "NUL")
    refused(saved(tmp_path, pax(path="a\0b") + tar_part(b"a", b"x") + END), "path_illegal", "NUL")


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize(
    ("first", "second", "words"),
    [
        ("index.html", "index.html", "twice"),
        ("Index.html", "index.html", "upper and lower case"),
        ("Assets/a.js", "assets/b.js", "upper and lower case"),
        ("stra\u00dfe", "STRASSE", "upper and lower case"),
        ("caf\u00e9", "cafe\u0301", "accents"),
        ("a", "a/b", "file and a folder"),
        ("a/b", "a", "file and a folder"),
        ("a/", "a", "file and a folder"),
    ],
)
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_names_that_collide_are_refused(
    tmp_path: Path, form: str, first: str, second: str, words: str
) -> None:
    path = saved(tmp_path, all_formats([(first, b""), (second, b"")])[form])
    error = refused(path, "path_collision", words)
    assert len(error.evidence["paths"]) == 2


@pytest.mark.parametrize(
    "data",
    [raw_zip(b"caf\xe9.html"), raw_zip(b"caf\xe9.html", flags=0x800), tar_part(b"caf\xe9.html", b"x") + END],
)
def test_a_name_that_is_not_utf8_is_refused_and_shown(tmp_path: Path, data: bytes) -> None:
    refused(saved(tmp_path, data), "path_encoding", r"caf\xe9.html")


@pytest.mark.parametrize(
    ("data", "code", "words"),
    [
        (tar_header(b"a", 0, b"2", b"/etc/passwd") + END, "symlink_escape", "/etc/passwd"),
        (tar_header(b"a", 0, b"1", b"b") + END, "symlink_escape", "“b”"),
        (zip_with_mode("a", stat.S_IFLNK | 0o777), "symlink_escape", "“a”"),
        (tar_header(b"a", 0, b"3") + END, "path_illegal", "device"),
        (tar_header(b"a", 0, b"4") + END, "path_illegal", "device"),
        (tar_header(b"a", 0, b"6") + END, "path_illegal", "named pipe"),
        (zip_with_mode("a", stat.S_IFIFO | 0o644), "path_illegal", "named pipe"),
        (zip_with_mode("a", stat.S_IFCHR | 0o644), "path_illegal", "device"),
        (tar_header(b"a", 0, b"S") + END, "path_illegal", "sparse"),
        (tar_header(b"a", 0, b"M") + END, "path_illegal", "type b'M'"),
        (pax(**{"GNU.sparse.major": "1"}) + tar_part(b"a", b"x") + END, "archive_unsupported", "sparse"),
        (tar_part(b"g", b"11 size=12\n", b"g") + tar_part(b"a", b"x") + END, "archive_unsupported", "global"),
        (raw_zip(b"secret.html", flags=1), "archive_encrypted", "secret.html"),
        (raw_zip(b"a", flags=1, method=99), "archive_encrypted", "“a”"),
        (zip_of([("a", b"x")], zipfile.ZIP_BZIP2), "archive_unsupported", "bzip2"),
        (zip_of([("a", b"x")], zipfile.ZIP_LZMA), "archive_unsupported", "LZMA"),
        (raw_zip(b"a", method=77), "archive_unsupported", "77"),
    ],
)
def test_members_that_are_no_plain_files_are_refused(
    tmp_path: Path, data: bytes, code: str, words: str
) -> None:
    refused(saved(tmp_path, data), code, words)


def test_links_and_devices_inside_git_do_not_matter(tmp_path: Path) -> None:
    data = tar_header(b".git/hooks/x", 0, b"2", b"/bin/sh") + tar_part(b"index.html", b"x") + END
    assert inspect(saved(tmp_path, data)).files == 1


@pytest.mark.parametrize("read", [inspect, lambda path: import_tree(entries(path))])
@pytest.mark.parametrize("form", FORMATS)
def test_an_archive_damaged_at_random_is_read_right_or_refused(
    tmp_path_factory: pytest.TempPathFactory, form: str, read: Callable[[Path], object]
) -> None:
    data = all_formats([*SITE.items(), ("n" * 150, b"long name"), ("folder/", b"")])[form]
    folder = tmp_path_factory.mktemp("damaged")

    @settings(max_examples=60, deadline=None, database=None)
    @given(st.lists(st.tuples(st.integers(0, len(data) - 1), st.integers(0, 255)), max_size=4), st.data())
    def damaged(changes: list[tuple[int, int]], more: st.DataObject) -> None:
        bad = bytearray(data)
        for at, value in changes:
            bad[at] = value
        cut = more.draw(st.integers(0, len(bad)))
        with suppress(PlatformError):
            read(saved(folder, bytes(bad[:cut]) if changes and cut % 3 == 0 else bytes(bad)))

    damaged()


@given(st.binary(max_size=2000), st.sampled_from([b"", b"PK\x03\x04", b"\x1f\x8b\x08", tar_header(b"a", 9)]))
@settings(max_examples=100, deadline=None, database=None)
def test_random_bytes_are_refused_and_nothing_worse(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, start: bytes
) -> None:
    path = saved(tmp_path_factory.getbasetemp(), start + data)
    with pytest.raises(PlatformError):
        inspect(path)


def test_an_importer_meets_the_same_refusals_as_an_inspection(tmp_path: Path) -> None:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("../up.txt"))
    with pytest.raises(PermanentError, match="leads out"):
        import_tree(entries(saved(tmp_path, out.getvalue())))
