"""The door for names by itself: what it lets in, counts, leaves out, and takes for the same."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.content.paths import Paths
from app.errors import PermanentError, PlatformError, TooLarge


def admitted(*names: str, most: int = 100) -> list[str | None]:
    paths = Paths(most)
    return [paths.admit(name.encode(), name.endswith("/")) for name in names]


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("a", "a"),
        ("a/b/c.html", "a/b/c.html"),
        ("a/", "a"),
        ("./a", "a"),
        ("././a/", "a"),
        ("./", None),
        (".git/", None),
        (".git", None),
        ("a/.git/b", None),
        (".gitignore", ".gitignore"),
        (".github/x", ".github/x"),
        ("...", "..."),
        ("..a/b..", "..a/b.."),
        ("a:b", "a:b"),
        ("-", "-"),
        ("x" * 1024, "x" * 1024),
    ],
)
def test_a_legal_name_becomes_a_path(name: str, path: str | None) -> None:
    assert admitted(name) == [path]


@pytest.mark.parametrize(
    "name",
    ["", "/", "/a/", ".", "a/..", "../", "a//", "a/./", "./../a", ".//a", "\\", "c:/", "a\0", "x" * 1025],
)
def test_an_illegal_one_does_not(name: str) -> None:
    with pytest.raises(PermanentError) as caught:
        assert admitted(name) == "refused"
    assert caught.value.code == "path_illegal"


def test_a_folder_may_be_named_any_number_of_times() -> None:
    assert admitted("a/b/", "a/", "a/b/c", "a/", "a/b/") == ["a/b", "a", "a/b/c", "a", "a/b"]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("A/x", "a/y"),
        ("x/A/1", "x/a/2"),
        ("a/B", "A/b"),
        ("\u212a", "k"),  # the Kelvin sign
        ("\u0130x", "i\u0307x"),
        ("\ufb01", "fi"),
        ("\u03c3", "\u03c2"),  # two small sigmas
        ("\u1e9e", "ss"),
        ("\u00c5", "A\u030a"),
        ("\u2126", "\u03a9"),
    ],
)
def test_what_some_disk_takes_for_the_same_collides(first: str, second: str) -> None:
    for names in ((first, second), (second, first)):
        with pytest.raises(PermanentError) as caught:
            admitted(*names)
        assert caught.value.code == "path_collision"


@pytest.mark.parametrize(
    ("first", "second"), [("a", "\u0430"), ("o", "0"), ("e", "\u00e9"), ("a b", "a_b"), ("1", "\u0661")]
)
def test_what_only_looks_alike_does_not_collide(first: str, second: str) -> None:
    assert admitted(first, second) == [first, second]


@given(st.lists(st.text("aAb/.é\u0301", min_size=1, max_size=6), max_size=12))
def test_what_is_admitted_never_means_two_things(names: list[str]) -> None:
    paths = Paths(100)
    kinds: dict[str, bool] = {}
    for name in names:
        try:
            path = paths.admit(name.encode(), name.endswith("/"))
        except PlatformError:
            continue
        if path is None:
            continue
        parts = path.split("/")
        folders = ["/".join(parts[:at]) for at in range(1, len(parts))]
        for each, is_folder in [*((folder, True) for folder in folders), (path, name.endswith("/"))]:
            assert kinds.setdefault(each.casefold(), is_folder) is is_folder
    assert paths.files == sum(not is_folder for is_folder in kinds.values())


def test_files_and_folders_are_counted_apart_up_to_the_limit() -> None:
    assert admitted("a/1", "b/2", most=2) == ["a/1", "b/2"]
    for names in (("1", "2", "3"), ("a/", "b/", "c/"), ("a/b/c/1",)):
        with pytest.raises(TooLarge) as caught:
            admitted(*names, most=2)
        assert caught.value.evidence == {"limit": 2}
    assert admitted(".git/1", ".git/2", ".git/3", "x", most=1) == [None, None, None, "x"]
