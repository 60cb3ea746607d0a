"""Patterns: what matches, what does not, and what is no pattern at all."""

import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.engine.patterns import parse
from app.errors import InvalidInput
from tests.unit.engine.drawn import EVENTS, PATTERNS

EVENT: dict[str, Any] = {
    "type": "site.deploy.completed",
    "subject": "dep-1",
    "causationid": None,
    "data": {
        "site": "hello",
        "bytes": 1500,
        "share": 0.5,
        "forced": False,
        "ref": None,
        "urls": ["https://a.example/", "https://b.example/"],
        "none": [],
        "nothing": [None],
        "deep": [["x", None], [1]],
        "diff": {"added": 1, "changed": 0},
        "targets": [
            {"kind": "host", "status": "updated", "id": "a"},
            {"kind": "host", "status": "failed", "id": "b", "failure": {"code": "timeout"}},
        ],
    },
}


def matches(pattern: Any) -> bool:
    return parse(pattern).holds(EVENT)


@pytest.mark.parametrize(
    ("field", "one_of", "meant"),
    [
        ("site", ["hello"], True),
        ("site", ["other", "hello"], True),
        ("site", ["hell", "Hello"], False),
        ("site", [5, True, None], False),
        ("bytes", [1500], True),
        ("bytes", [1500.0], True),
        ("bytes", ["1500"], False),
        ("forced", [False], True),
        ("forced", [0], False),
        ("forced", [{"numeric": ["=", 0]}], False),
        ("site", [{"prefix": "he"}], True),
        ("site", [{"prefix": ""}], True),
        ("site", [{"prefix": "ello"}], False),
        ("bytes", [{"prefix": "1"}], False),
        ("site", [{"suffix": "llo"}], True),
        ("site", [{"suffix": "hell"}], False),
        ("site", [{"equals-ignore-case": "HELLO"}], True),
        ("site", [{"equals-ignore-case": "HELL"}], False),
        ("site", [{"anything-but": "hello"}], False),
        ("site", [{"anything-but": ["a", "b"]}], True),
        ("site", [{"anything-but": {"prefix": "he"}}], False),
        ("site", [{"anything-but": {"suffix": ["a", "b"]}}], True),
        ("site", [{"anything-but": {"wildcard": "*l*"}}], False),
        ("bytes", [{"anything-but": {"prefix": "1"}}], True),
        ("bytes", [{"anything-but": [1, 1500]}], False),
        ("forced", [{"anything-but": [0]}], True),
        ("ref", [{"anything-but": "x"}], False),
        ("missing", [{"anything-but": "x"}], False),
        ("diff", [{"anything-but": "x"}], False),
        ("bytes", [{"numeric": [">", 1000, "<=", 1500]}], True),
        ("bytes", [{"numeric": [">", 1500]}], False),
        ("bytes", [{"numeric": ["=", 1500]}], True),
        ("share", [{"numeric": [">=", 0.5, "<", 1]}], True),
        ("site", [{"numeric": [">", 0]}], False),
        ("site", [{"exists": True}], True),
        ("site", [{"exists": False}], False),
        ("diff", [{"exists": True}], True),
        ("ref", [{"exists": True}], False),
        ("ref", [{"exists": False}], True),
        ("ref", [None], True),
        ("missing", [None], True),
        ("missing", [{"exists": False}, "x"], True),
        ("site", [None], False),
        ("urls", ["https://b.example/"], True),
        ("urls", [{"suffix": ".org/"}], False),
        ("urls", [{"anything-but": "https://a.example/"}], True),
        ("urls", [{"exists": False}], False),
        ("none", [{"exists": False}], True),
        ("none", [{"exists": True}], False),
        ("nothing", [None], True),
        ("deep", ["x"], True),
        ("deep", [1], True),
        ("deep", [None], False),
        ("diff", ["x"], False),
    ],
)
def test_a_field_matches_by_one_of_its_alternatives(field: str, one_of: list[Any], meant: bool) -> None:
    assert matches({"data": {field: one_of}}) is meant


@pytest.mark.parametrize(
    ("pattern", "meant"),
    [
        ({"type": [{"prefix": "site."}], "data": {"site": ["hello"]}}, True),
        ({"type": ["site.created"], "data": {"site": ["hello"]}}, False),
        ({"causationid": [{"exists": False}]}, True),
        ({"data": {"diff": {"added": [1], "changed": [0]}}}, True),
        ({"data": {"diff": {"added": [1], "changed": [1]}}}, False),
        ({"data": {"targets": {"kind": ["host"], "status": ["failed"]}}}, True),
        ({"data": {"targets": {"id": ["a"], "status": ["failed"]}}}, False),  # not of one and the same target
        ({"data": {"targets": {"failure": {"code": ["timeout"]}}}}, True),
        ({"data": {"none": {"x": [None]}}}, True),
        ({"data": {"none": {"x": [{"exists": True}]}}}, False),
        ({"data": {"site": {"x": [{"exists": False}]}}}, True),
        ({"data": {"site": {"x": ["hello"]}}}, False),
        ({"$or": [{"subject": ["no"]}, {"data": {"bytes": [1500]}}]}, True),
        ({"$or": [{"subject": ["no"]}, {"data": {"bytes": [1]}}]}, False),
        ({"subject": ["no"], "$or": [{"subject": ["dep-1"]}, {"data": {"bytes": [1500]}}]}, False),
        ({"data": {"$or": [{"site": ["no"]}, {"$or": [{"bytes": [1]}, {"share": [0.5]}]}]}}, True),
    ],
)
def test_a_pattern_leads_into_the_event(pattern: Any, meant: bool) -> None:
    assert matches(pattern) is meant


@pytest.mark.parametrize(
    ("wildcard", "text", "meant"),
    [
        ("a*c", "abbc", True),
        ("a*c", "ac", True),
        ("a*a", "a", False),
        ("*", "", True),
        ("*b*", "abc", True),
        ("a*bc*bc", "abc", False),
        ("plain", "plain", True),
        (r"a\*c", "a*c", True),
        (r"a\*c", "abc", False),
        (r"a\\*", "a\\b", True),
        ("a*\nc", "ab\nc", True),
    ],
)
def test_a_star_stands_for_any_characters(wildcard: str, text: str, meant: bool) -> None:
    assert parse({"x": [{"wildcard": wildcard}]}).holds({"x": text}) is meant


@settings(deadline=None)
@given(st.lists(st.text("ab", max_size=3), min_size=2, max_size=5), st.text("ab", max_size=12))
def test_a_wildcard_means_what_the_regular_expression_means(pieces: list[str], text: str) -> None:
    pieces = [pieces[0], *filter(None, pieces[1:-1]), pieces[-1]]
    expected = re.fullmatch(".*".join(map(re.escape, pieces)), text) is not None
    assert parse({"x": [{"wildcard": "*".join(pieces)}]}).holds({"x": text}) is expected


@pytest.mark.timeout(20)
def test_no_pattern_makes_matching_explode() -> None:
    stars = parse({"x": [{"wildcard": "*a" * 400 + "*b*"}]})
    assert not stars.holds({"x": "a" * 200_000})
    many = parse({"x": [f"{n}" for n in range(250)] + [{"anything-but": [*range(249)]}]})
    assert not many.holds({"x": [*range(249)] * 200})
    deep: Any = "x"
    for _ in range(100_000):
        deep = [deep]
    assert parse({"x": ["x"]}).holds({"x": deep})


A_LIST_IN_A_LIST: list[Any] = []
A_LIST_IN_A_LIST.append(A_LIST_IN_A_LIST)


def nested(levels: int) -> Any:
    return {"a": nested(levels - 1)} if levels else ["x"]


def either(levels: int) -> Any:
    return {"$or": [{"a": ["x"]}, either(levels - 1)]} if levels else {"b": ["x"]}


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        ("x", "The pattern is 'x'."),
        ({}, "The pattern is an empty object."),
        ([{"a": ["x"]}], "The pattern is a list."),
        ({"data": {}}, "data is an empty object."),
        ({"data": {"site": "hello"}}, "data.site is 'hello'. What a field may be is a list"),
        ({"data": {"site": []}}, "data.site is an empty list."),
        ({"data": {"site": None}}, "data.site is null."),
        (
            {"data": {"site": {"prefix": "a"}}},
            'data.site.prefix is \'a\'. Write {"site": [{"prefix": ...}]}.',
        ),
        (
            {"data": {"site": [["a"]]}},
            "data.site has a list. There may stand a value, or an object of one of",
        ),
        ({"data": {"site": [A_LIST_IN_A_LIST]}}, "data.site has a list."),
        ({"data": {"site": [{"prefx": "a"}]}}, "data.site has an object of 'prefx'."),
        ({"data": {"site": [{}]}}, "data.site has an empty object."),
        ({"data": {"site": [{"prefix": "a", "suffix": "b"}]}}, "data.site has an object of 'prefix'."),
        ({"data": {"site": [object]}}, "data.site has <class 'object'>."),
        ({7: ["x"]}, "The pattern has 7. It must be a text"),
        ({"x": ["a" * 1001]}, "It must be a text of at most 1000 characters."),
        ({"x": ["a\0"]}, "No event holds NUL or half a character."),
        ({"x": ["\ud800"]}, "No event holds NUL or half a character."),
        ({"x": [float("nan")]}, "x has a number that no event has."),
        ({"x": [10**400]}, "x has a number that no event has."),
        ({"x": [{"prefix": 5}]}, "x.prefix has 5."),
        ({"x": [{"prefix": {"equals-ignore-case": "a"}}]}, "x.prefix has an object of 'equals-ignore-case'."),
        ({"x": [{"suffix": None}]}, "x.suffix has null."),
        ({"x": [{"equals-ignore-case": ["a"]}]}, "x.equals-ignore-case has a list."),
        ({"x": [{"exists": "yes"}]}, "x.exists is 'yes'. Write"),
        ({"x": [{"numeric": [">"]}]}, 'x.numeric is a list. Write {"numeric": [">", 0, "<=", 5]}'),
        ({"x": [{"numeric": ["!=", 5]}]}, "x.numeric is a list."),
        ({"x": [{"numeric": [[], 5]}]}, "x.numeric is a list."),
        ({"x": [{"numeric": 5}]}, "x.numeric is 5."),
        ({"x": [{"numeric": [">", "5"]}]}, "x.numeric has '5'. It must be a number"),
        ({"x": [{"numeric": [">", True]}]}, "x.numeric has true."),
        ({"x": [{"numeric": ["<", float("inf")]}]}, "x.numeric has a number that no event has."),
        ({"x": [{"wildcard": "a**b"}]}, "x.wildcard has two stars in a row."),
        ({"x": [{"wildcard": r"a\b"}]}, r"x.wildcard has \b in it. Write \* for a star"),
        ({"x": [{"wildcard": "a\\"}]}, "x.wildcard has \\ in it."),
        ({"x": [{"anything-but": [None]}]}, "x.anything-but is a list."),
        ({"x": [{"anything-but": []}]}, "x.anything-but is an empty list."),
        ({"x": [{"anything-but": {"exists": True}}]}, "x.anything-but is an object of 'exists'."),
        ({"x": [{"anything-but": {"prefix": [5]}}]}, "x.anything-but.prefix has 5."),
        ({"$or": {"a": ["x"]}}, "$or is an object of 'a'."),
        ({"data": {"$or": [{"a": ["x"]}]}}, "data.$or is a list. Write"),
        ({"$or": [{"a": ["x"]}, {"b": "x"}]}, "$or[1].b is 'x'."),
        ({"$or": [{"a": ["x"]}, "b"]}, "$or[1] is 'b'."),
        (nested(11), "a.a.a.a.a.a.a.a.a.a lies more than 10 levels deep."),
        (nested(900), "lies more than 10 levels deep."),
        (either(11), "lies more than 10 levels deep."),
        ({"x": [*range(501)]}, "x goes beyond the 500 alternatives that there may be in all."),
        ({"x": [*range(250)], "y": [{"anything-but": [*range(251)]}]}, "y.anything-but goes beyond the 500"),
        ({"x" * 900: "a"}, f"{'x' * 197}... is 'a'."),
    ],
)
def test_what_is_no_pattern_is_told_with_its_place(pattern: Any, said: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        parse(pattern)
    assert refused.value.code == "pattern_invalid"
    assert said in str(refused.value)
    assert refused.value.hint
    assert len(str(refused.value)) < 1200


def test_as_much_as_may_be_said_is_taken() -> None:
    assert parse(nested(10)).holds(nested(9) | {"a": nested(9)})
    assert parse({"x": [*range(499)], "y": ["a"]}).holds({"x": 498, "y": "a"})
    assert parse(either(9)).holds({"b": "x"})


@settings(max_examples=30, deadline=None)
@given(PATTERNS, EVENTS)
def test_every_pattern_of_the_language_is_taken_and_meets_every_event(pattern: Any, event: Any) -> None:
    assert parse(pattern) == parse(pattern)
    assert parse(pattern).holds(event) in (True, False)
