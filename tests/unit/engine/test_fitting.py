"""Whether a pattern can match at all: what is refused and why, and that nothing is that could match."""

from dataclasses import replace
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given, settings
from pydantic import Field

from app.api import events as api
from app.engine import FailureSignal, Signal
from app.engine.fitting import ENVELOPE, check, misfit
from app.engine.patterns import parse
from app.errors import InvalidInput
from tests.unit.engine.drawn import EVENTS, PATTERNS, Drawn
from tests.unit.engine.events import event


def why_not(pattern: Any, signal: type[Signal] = Drawn) -> str:
    found = misfit(parse(pattern), signal)
    return found.sentence(signal.type) if found else ""


@settings(max_examples=50, deadline=None)
@given(PATTERNS, EVENTS)
def test_a_pattern_that_matches_an_event_is_never_refused(pattern: Any, seen: Any) -> None:
    of_this_type = seen | {"type": Drawn.type}
    assert not (parse(pattern).holds(of_this_type) and why_not(pattern))


def declare() -> None:
    class Placed(Signal, type="shop.order.placed"):
        order: str
        state: Literal["new", "paid"]
        bytes: int
        share: Annotated[float, Field(ge=0, le=1)] = 0

    class Paid(Signal, type="shop.order.paid"):
        order: str
        by: str | None = None

    class Failed(FailureSignal, type="shop.order.failed"):
        order: str


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ({"cid": ["x"]}, "data.cid is not a field of shop.thing.drawn"),
        ({"cid": {"x": ["x"]}}, "data.cid is not a field of shop.thing.drawn"),
        ({"part": {"cid": ["x"]}}, "data.part.cid is not a field of shop.thing.drawn"),
        (
            {"parts": {"inner": {"inner": {"cid": ["x"]}}}},
            "data.parts.inner.inner.cid is not a field of shop.thing.drawn",
        ),
        ({"odd name": ["x"]}, "data.'odd name' is not a field of shop.thing.drawn"),
        ({"name": {"x": ["x"]}}, "data.name of shop.thing.drawn is a text, which has no fields"),
        ({"maybe": {"x": ["x"]}}, "data.maybe of shop.thing.drawn is a text, which has no fields"),
        ({"status": ["c"]}, "data.status of shop.thing.drawn is a, b or 1, never 'c'"),
        ({"status": ["c", True, 2]}, "data.status of shop.thing.drawn is a, b or 1, never 'c', true or 2"),
        ({"status": [{"prefix": "c"}]}, "data.status of shop.thing.drawn is a, b or 1, never prefix 'c'"),
        (
            {"status": [{"wildcard": "c*d"}]},
            "data.status of shop.thing.drawn is a, b or 1, never wildcard 'c*d'",
        ),
        (
            {"status": [{"anything-but": ["a", "b", 1]}]},
            "data.status of shop.thing.drawn is a, b or 1, and anything-but leaves nothing of that",
        ),
        (
            {"count": [{"prefix": "1"}]},
            "data.count of shop.thing.drawn is a whole number, and prefix is for texts",
        ),
        ({"count": ["1", None]}, "data.count of shop.thing.drawn is a whole number, never '1'"),
        ({"count": [1.5]}, "data.count of shop.thing.drawn is a whole number, never 1.5"),
        (
            {"count": [{"numeric": [">", 5, "<", 3]}]},
            "data.count of shop.thing.drawn is a whole number, and none is > 5 and < 3",
        ),
        (
            {"count": [{"numeric": [">", 1, "<", 2]}]},
            "data.count of shop.thing.drawn is a whole number, and none is > 1 and < 2",
        ),
        (
            {"count": [{"numeric": ["=", 1.5]}]},
            "data.count of shop.thing.drawn is a whole number, and none is = 1.5",
        ),
        (
            {"share": [{"numeric": [">", 1, "<=", 1]}]},
            "data.share of shop.thing.drawn is a number, and none is > 1 and <= 1",
        ),
        ({"share": ["1"]}, "data.share of shop.thing.drawn is a number, never '1'"),
        (
            {"name": [{"numeric": [">", 1]}]},
            "data.name of shop.thing.drawn is a text, and numeric is for numbers",
        ),
        ({"name": [None]}, "data.name of shop.thing.drawn is always there"),
        ({"name": [{"exists": False}]}, "data.name of shop.thing.drawn is always there"),
        ({"flag": ["true"]}, "data.flag of shop.thing.drawn is true or false, never 'true'"),
        (
            {"flag": [{"anything-but": [True, False]}]},
            "data.flag of shop.thing.drawn is true or false, and anything-but leaves",
        ),
        ({"tags": [1]}, "data.tags of shop.thing.drawn is a text, never 1"),
        ({"pair": [True]}, "data.pair of shop.thing.drawn is a text or a whole number, never true"),
        ({"part": ["x"]}, "data.part of shop.thing.drawn is an object, never 'x'"),
        ({"notes": ["x"]}, "data.notes of shop.thing.drawn is an object, never 'x'"),
        ({"sizes": {"any": ["x"]}}, "data.sizes.any of shop.thing.drawn is a whole number, never 'x'"),
        (
            {"fixing": {"kind": ["glue"]}},
            "data.fixing.kind of shop.thing.drawn is screw or nail, never 'glue'",
        ),
        (
            {"fixing": {"kind": ["nail"], "count": [1]}},
            "data.fixing.kind of shop.thing.drawn is screw, never 'nail', or else "
            "data.fixing.count is not a field of shop.thing.drawn",
        ),
        (
            {"fixing": {"count": [{"numeric": [">=", 3]}]}},
            "data.fixing.count of shop.thing.drawn is a whole number, never >= 3",
        ),
        (
            {"fixing": {"name": ["abc"]}},
            "data.fixing.name of shop.thing.drawn is a text of 1 characters or more, never 'abc'",
        ),
        (
            {"$or": [{"cid": ["x"]}, {"name": [1]}]},
            "data.cid is not a field of shop.thing.drawn, and data.name of shop.thing.drawn is a text",
        ),
    ],
)
def test_what_can_never_match_is_refused_with_the_reason(data: Any, reason: str) -> None:
    assert why_not({"data": data}).startswith(reason)


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        ({"type": ["site.created"]}, "type is shop.thing.drawn, never 'site.created'"),
        ({"detail": {"x": ["y"]}}, "detail is not a field of events"),
        ({"position": [7]}, "position is not a field of events"),
        ({"position": [{"exists": False}]}, "position is not a field of events"),
        ({"sequence": [7]}, "sequence is a text of 10 characters or more, never 7"),
        ({"sequence": ["7"]}, "sequence is a text of 10 characters or more, never '7'"),
        ({"authtype": ["robot"]}, "authtype is api_key, system or user, never 'robot'"),
        ({"subject": [{"exists": False}]}, "subject is always there"),
        ({"data": ["x"]}, "data of shop.thing.drawn is an object, never 'x'"),
    ],
)
def test_what_every_event_has_is_known_too(pattern: Any, reason: str) -> None:
    assert why_not(pattern) == reason


@pytest.mark.parametrize(
    "data",
    [
        {"notes": {"any": {"thing": ["x"]}}},
        {"notes": {"any": [{"numeric": [">", 3]}]}},
        {"unknown": [{"exists": False}]},
        {"unknown": {"deeper": [None]}},
        {"maybe": [None]},
        {"part": {"name": [{"exists": False}]}},
        {"tags": [{"exists": False}]},
        {"part": {"inner": {"inner": {"count": [5]}}}},
        {"fixing": {"kind": ["nail"], "name": ["ab"]}},
        {"count": [{"numeric": [">", 1, "<", 3]}]},
        {"count": [2.0]},
        {"count": ["no", {"exists": True}]},
        {"status": [{"anything-but": ["a", "b"]}]},
        {"pair": [1]},
        {"$or": [{"cid": ["x"]}, {"name": ["a"]}]},
    ],
)
def test_what_may_match_is_taken(data: Any) -> None:
    assert why_not({"data": data}) == ""


def test_only_the_types_of_a_glob_that_can_match_are_listened_to() -> None:
    declare()
    assert check(["shop.**"]) == ["shop.order.placed", "shop.order.paid", "shop.order.failed"]
    assert check(["shop.order.p*"], {"data": {"state": ["paid"]}}) == ["shop.order.placed"]
    assert check(["**"], {"type": [{"suffix": ".failed"}]}) == ["shop.order.failed"]
    failed = check(["**.failed", "shop.**"], {"data": {"failure": {"evidence": {"any": ["x"]}}}})
    assert failed == ["shop.order.failed"]


@pytest.mark.parametrize(
    ("on", "when", "code", "said", "hint"),
    [
        (
            ["shop.ordr.placed"],
            None,
            "type_unknown",
            "No type of event is like 'shop.ordr.placed'.",
            "shop.order.placed",
        ),
        (["shop.**", "other.*"], None, "type_unknown", "No type of event is like 'other.*'.", "** is all"),
        (["*" * 9], None, "type_unknown", "No type of event is like", "** is all"),
        (["a" * 10_000], None, "type_unknown", "No type of event is like 'aaa", "** is all"),
        (["shop.**"], {"data": "x"}, "pattern_invalid", "data is 'x'.", "a list"),
        (["shop.**"], {}, "pattern_invalid", "The pattern is an empty object.", "Write"),
        (
            ["shop.order.paid"],
            {"data": {"ordr": ["x"]}},
            "pattern_never_matches",
            "data.ordr is not",
            "order.",
        ),
        (
            ["shop.order.paid"],
            {"data": {"x": [1]}},
            "pattern_never_matches",
            "data.x is not",
            "There are order, by.",
        ),
        (
            ["shop.order.paid"],
            {"by": ["x"]},
            "pattern_never_matches",
            "by is not a",
            'Write {"data": {"by": ["..."]}}.',
        ),
        (
            ["**"],
            {"data.by": ["x"]},
            "pattern_never_matches",
            "'data.by' is not",
            'Write {"data": {"by": ["..."]}}.',
        ),
        (
            ["**"],
            {"data": {"bytes": {"numeric": [">", 5]}}},
            "pattern_never_matches",
            "This can never match: data.bytes of shop.order.placed is a whole number, which has no fields; "
            "data.bytes is not a field of shop.order.paid or shop.order.failed.",
            'Write {"bytes": [{"numeric": ...}]}.',
        ),
        (
            ["shop.order.placed", "shop.order.paid"],
            {"data": {"bytes": [1]}},
            "pattern_never_matches",
            "This can never match shop.order.paid: data.bytes is not a field of shop.order.paid.",
            "",
        ),
        (
            ["**"],
            {"data": {"biy": ["x"]}},
            "pattern_never_matches",
            "data.biy is not a field of shop.order.placed, shop.order.paid or shop.order.failed.",
            "Close to it: by.",
        ),
        (
            ["**"],
            {"data": {"$or": [{"x": ["x"]}, {"y": ["x"]}, {"z": ["x"]}]}},
            "pattern_never_matches",
            "data.x is not a field of shop.order.placed, and data.y is not a field of shop.order.placed, and",
            "",
        ),
        (
            ["**"],
            {"type": ["x"]},
            "pattern_never_matches",
            "type is shop.order.placed, never 'x'; type is shop.order.paid, never 'x'; and so on for 1 more.",
            "",
        ),
    ],
)
def test_a_listener_that_would_never_answer_is_refused(
    on: Any, when: Any, code: str, said: str, hint: str
) -> None:
    declare()
    with pytest.raises(InvalidInput) as refused:
        check(on, when)
    assert refused.value.code == code
    assert said in refused.value.message
    assert hint in refused.value.hint
    assert len(str(refused.value)) < 500


def test_a_pattern_sees_an_event_as_people_do() -> None:
    actors = ["token:a", "hook:a", "action:a", "system", "user:a"]
    seen = [api.said(replace(event(), cause="event-0", actor=actor)) for actor in actors]
    assert {each["authtype"] for each in seen} == {*ENVELOPE["authtype"]["enum"]}
    assert seen[0].keys() - ENVELOPE.keys() == {"specversion", "datacontenttype", "type", "data"}
    assert why_not({name: [seen[0][name]] for name in ENVELOPE}) == ""
