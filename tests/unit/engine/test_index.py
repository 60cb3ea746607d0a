"""The index of listeners: it finds what a look at each of them finds, and looks at hardly any other."""

from collections.abc import Callable
from itertools import product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.engine.index import Index
from app.engine.listeners import Listener
from app.engine.matching import Node
from app.engine.patterns import parse
from app.engine.shelf import Entry
from tests.unit.engine.drawn import EVENTS, PATTERNS, TYPES

PLACED, PAID = TYPES[1:]


def entry(id_: str, pattern: Any = None, *types: str, since: int = 0, until: int | None = None) -> Entry[str]:
    parsed = None if pattern is None else parse(pattern)
    return Entry(id_, id_, frozenset(types or [PLACED]), parsed, since, until)


def index_of(*entries: Entry[str]) -> Index[str]:
    index = Index[str]()
    for each in entries:
        index.add(each)
    return index


def seen(type_: str = PLACED, **data: Any) -> dict[str, Any]:
    return {"type": type_, "subject": "1", "data": data}


TYPE_SETS = st.frozensets(st.sampled_from(TYPES), min_size=1)
LISTENERS = st.lists(st.tuples(TYPE_SETS, st.none() | PATTERNS, st.integers(0, 3)), min_size=1, max_size=5)
#: What is done to them: who is closed under which revision, and what is pruned.
CHANGES = st.lists(st.tuples(st.integers(0, 4), st.integers(1, 5), st.booleans()), max_size=5)


@settings(max_examples=25, deadline=None)
@given(LISTENERS, CHANGES, EVENTS)
def test_the_index_finds_exactly_what_a_look_at_each_finds(listeners: Any, changes: Any, event: Any) -> None:
    index, kept = Index[int](), dict[int, Entry[int]]()
    oldest = 0
    for number, (types, pattern, since) in enumerate(listeners):
        kept[number] = Entry(str(number), number, types, parse(pattern) if pattern else None, since)
        index.add(kept[number])
    for who, revision, prune in changes:
        if who in kept and kept[who].until is None:
            index.close(str(who), until=revision)
        if prune:
            oldest = max(oldest, revision)
            index.prune(before=revision)
    for revision in range(oldest, 6):
        expected = [n for n, x in kept.items() if event["type"] in x.types and x.answers(event, revision)]
        assert index.matching(event, revision) == expected
    index.prune(before=oldest)
    assert len(index) == sum(x.until is None or x.until > oldest for x in kept.values())


@pytest.fixture
def looked_at(monkeypatch: pytest.MonkeyPatch) -> list[Node]:
    """The patterns that an event was held against."""
    held: list[Node] = []
    holds: Callable[[Node, Any], bool] = Node.holds
    monkeypatch.setattr(
        Entry,
        "answers",
        lambda self, view, revision: held.append(self.pattern) or holds(self.pattern, view),
    )
    return held


ALIKE = {"data": {"status": ["ok"]}}


@pytest.mark.parametrize(
    "pattern",
    [
        lambda n: {"data": {"site": [f"s{n}"]}},
        lambda n: {"data": {"status": ["ok"], "site": [f"s{n}"]}},
        lambda n: {"type": [PLACED], "data": {"site": [f"s{n}", f"t{n}"]}},
        lambda n: {"data": {"bytes": [{"numeric": [">", n]}], "site": [f"s{n}"]}},
        lambda n: {"data": {"site": [{"prefix": f"s{n:05}"}, {"suffix": f"-{n}"}]}},
        lambda n: {"data": {"site": [{"equals-ignore-case": f"S{n}"}, {"wildcard": f"s{n:05}*x"}]}},
        lambda n: {"data": {"site": [{"wildcard": f"*-{n}"}, {"wildcard": f"s{n}"}]}},
        lambda n: {"$or": [{"data": {"site": [f"s{n}"]}}, {"subject": [f"t{n}"]}]},
        lambda n: {"data": {"targets": {"id": [f"s{n}"], "status": ["ok"]}}},
        lambda n: {"data": {"notes": {f"name{n}": ["x"]}}},
    ],
)
def test_an_event_is_held_against_few_of_very_many_patterns(pattern: Any, looked_at: list[Node]) -> None:
    index = index_of(*(entry(f"n{n}", pattern(n)) for n in range(2000)))
    targets = [{"id": "s7", "status": "ok"}, {"id": "other", "status": "ok"}]
    index.matching(seen(site="s7", status="ok", bytes=5000, targets=targets, notes={"name7": "x"}), 0)
    index.matching(seen(site="s00007-7x", status="ok"), 0)
    assert 1 <= len(looked_at) <= 5


def test_an_event_is_held_against_no_pattern_of_another_type(looked_at: list[Node]) -> None:
    everywhere = (entry(f"n{n}", ALIKE, PAID if n % 500 else PLACED) for n in range(2000))
    assert len(index_of(*everywhere).matching(seen(status="ok"), 0)) == 4
    assert len(looked_at) == 4


def test_what_has_been_closed_costs_the_present_nothing(looked_at: list[Node]) -> None:
    index = index_of(entry("a", ALIKE))
    for revision in range(1, 1000):
        index.close("a", until=revision)
        index.add(entry("a", ALIKE, since=revision))
    assert index.matching(seen(status="ok"), 1000) == ["a"]
    assert len(looked_at) == 1
    index.prune(before=1000)
    assert len(index) == 1


def test_a_listener_answers_under_its_revisions_only() -> None:
    index = index_of(entry("old", since=2, until=4), entry("b", since=3))
    index.close("b", until=5)
    index.add(entry("b", since=5))
    found = [index.matching(seen(), revision) for revision in range(1, 7)]
    assert found == [[], ["old"], ["old", "b"], ["b"], ["b"], ["b"]]
    assert index.matching(seen(PAID), 5) == []


def test_what_is_found_stands_in_the_order_in_which_it_was_added() -> None:
    index = index_of(entry("c"), entry("a", {"data": {"site": ["x"]}}), entry("b", {"subject": ["1"]}))
    assert index.matching(seen(site="x"), 0) == ["c", "a", "b"]


def test_nothing_is_left_of_what_was_forgotten() -> None:
    patterns = [None, ALIKE, {"data": {"site": [{"prefix": "s"}, {"suffix": "s"}, "s", "s"]}}]
    index = index_of(*(entry(f"n{n}", pattern) for n, pattern in enumerate(patterns)))
    for n in range(len(patterns)):
        index.close(f"n{n}", until=1)
    index.prune(before=1)
    assert len(index) == 0
    for shelf in (index._open, index._closed):
        assert (shelf._rest, shelf._root.inner, shelf._root.buckets) == ({}, {}, {})


def test_an_id_is_open_once() -> None:
    index = index_of(entry("a"), entry("a", until=3))
    with pytest.raises(ValueError, match="a is in the index already: close it first"):
        index.add(entry("a"))
    index.close("a", until=4)
    with pytest.raises(KeyError):
        index.close("a", until=5)


@pytest.mark.parametrize("when", [{"colour": ["red", "blue"]}, {"size": [1, None], "big": [True]}])
def test_the_condition_of_a_built_in_listener_is_a_pattern_too(when: Any) -> None:
    built_in = Listener("shop:pay", (PLACED,), "shop.pay", outer=True, when=when)
    index = index_of(entry("a", {"data": built_in.when}))
    for values in product(["red", "green", None], [1, 2, None], [True, False]):
        data = dict(zip(["colour", "size", "big"], values, strict=True))
        assert (index.matching(seen(**data), 0) == ["a"]) is built_in.accepts(data)
