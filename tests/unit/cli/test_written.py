"""YAML files as plain values, with the line of each, and what of YAML is not read."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.cli.written import MOST, Written, written_out
from app.errors import InvalidInput


def read(text: str) -> Any:
    return Written("a.yml", text.encode()).value


LETTERS = st.characters(categories=["L", "N", "P", "S", "Zs"])
NUMBERS = st.integers(-(10**17), 10**17) | st.floats(allow_nan=False, allow_infinity=False)
plain = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text(LETTERS),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(LETTERS, max_size=5), inner, max_size=3)
    ),
    max_leaves=10,
)


@given(plain)
def test_what_is_written_out_is_read_as_the_same(value: Any) -> None:
    assert read(written_out(value)) == value


def test_words_of_older_yaml_are_texts() -> None:
    text = "on: [no, yes, 2026-01-01, 012, 0x1f, 1_000, 'true', true, ~, 1.5, -7]"
    old = ["no", "yes", "2026-01-01", 12, "0x1f", "1_000", "true", True, None, 1.5, -7]
    assert read(text) == {"on": old}


def test_each_place_knows_its_line() -> None:
    written = Written("a.yml", b"listeners:\n  - name: a\n    on:\n      - x.*\n      - y.*\n")
    assert written.where(("listeners", 0, "on", 1)) == "a.yml:5"
    assert written.where(("listeners", 0, "when", "data")) == "a.yml:2"
    assert written.where(("nothing",)) == "a.yml:1"


LEVELS = zip("abcde", "bcdef", strict=True)
LINES = (f"{name}: &{name} [{', '.join([f'*{before}'] * 10)}]" for before, name in LEVELS)
BOMB = "\n".join(["a: &a [x, x, x, x, x, x, x, x, x, x]", *LINES])


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("a: !!python/object/apply:os.system ['true']", 1, "means nothing"),
        ("a: 1\nb: !secret x", 2, "means nothing"),
        ("a: 1\na: 2", 2, "twice"),
        ("a: &x [*x]", 1, "deeper"),
        ("a: [b\nc: d", 2, "expected"),
        ("a:\n\t- b", 2, "cannot start"),
        ("? [a]\n: b", 1, "must have a name"),
        ("a: &x {b: 1}\nc:\n  <<: *x", 3, "must have a name"),
        (BOMB, 0, f"more than {MOST}"),
        ("[" * 50 + "]" * 50, 1, "deeper"),
        ("[" * 5000, 1, "deeply"),
        ("---\na: 1\n---\nb: 2", 3, "another document"),
    ],
    ids=range(12),
)
def test_what_is_not_read_is_told_with_its_line(text: str, line: int, what: str) -> None:
    with pytest.raises(InvalidInput, match=what) as refused:
        read(text)
    assert refused.value.code == "file_invalid"
    assert refused.value.message.startswith(f"a.yml:{line}:" if line else "a.yml:")


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"\x80abc", b"a: \x00", b"#" * (1 << 20) + b"#"])
def test_what_is_no_text_is_told(content: bytes) -> None:
    with pytest.raises(InvalidInput, match=r"^a\.yml:1: it"):
        Written("a.yml", content)
