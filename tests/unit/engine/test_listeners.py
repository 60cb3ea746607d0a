"""Listeners: what they answer, how they are found, and under which revision an event was matched."""

from dataclasses import replace
from typing import Any

import pytest

from app.engine import Signal, follow, on, settled
from app.engine.listeners import LISTENERS, MINUTES, Listener, Listeners


class _Answer:
    def __init__(self, name: str = "shop.pay", outer: bool = False) -> None:
        self.name, self.outer = name, outer


PLACED = Listener("shop:pay", ("shop.order.placed",), "shop.pay", outer=True)


def declare_signals() -> tuple[type[Signal], type[Signal]]:
    class Placed(Signal, type="shop.order.placed"):
        order: str

    class Paid(Signal, type="shop.order.paid"):
        order: str

    return Placed, Paid


def some(*listeners: Listener) -> Listeners:
    known = Listeners()
    for listener in listeners:
        known.declare(listener)
    return known


@pytest.mark.parametrize(
    ("when", "data", "accepted"),
    [
        ({}, {}, True),
        ({"colour": ["red", "blue"]}, {"colour": "blue"}, True),
        ({"colour": ["red"]}, {"colour": "blue"}, False),
        ({"colour": ["red"]}, {}, False),
        ({"colour": [None]}, {}, True),
        ({"colour": ["red"], "size": [1, 2]}, {"colour": "red", "size": 2}, True),
        ({"colour": ["red"], "size": [1, 2]}, {"colour": "red", "size": 3}, False),
        ({"parts": [["a", "b"]]}, {"parts": ["a", "b"]}, True),
    ],
)
def test_a_condition_names_the_values_that_fields_may_have(when: Any, data: Any, accepted: bool) -> None:
    assert replace(PLACED, when=when).accepts(data) is accepted


def test_listeners_are_found_by_type_in_the_order_of_their_declaration() -> None:
    second = replace(PLACED, name="shop:pack", types=("shop.order.placed", "shop.order.paid"))
    known = some(PLACED, second)
    assert known.matching("shop.order.placed", {}) == [PLACED, second]
    assert known.matching("shop.order.paid", {}) == [second]
    assert known.matching("shop.order.sent", {}) == []
    assert known.all() == [PLACED, second]
    assert (known.get("shop:pack"), known.get("nobody")) == (second, None)


def test_matching_looks_at_no_listener_of_another_type(monkeypatch: pytest.MonkeyPatch) -> None:
    known = some(*(replace(PLACED, name=f"n{n}", types=(f"t{n}",)) for n in range(1000)))
    asked: list[str] = []
    monkeypatch.setattr(Listener, "accepts", lambda self, _data: asked.append(self.name) or True)
    known.matching("t7", {})
    assert asked == ["n7"]


def test_two_listeners_of_one_name_are_a_mistake() -> None:
    with pytest.raises(ValueError, match=r"two listeners are called 'shop:pay'"):
        some(PLACED, replace(PLACED, types=("shop.order.paid",)))


CHANGES = {
    "name": "shop:other",
    "types": ("shop.order.paid",),
    "action": "shop.pack",
    "when": {"colour": ["red"]},
    "within": 60.0,
    "follower": True,
}


@pytest.mark.parametrize("field", CHANGES)
def test_whatever_changes_what_an_event_leads_to_changes_the_revision(field: str) -> None:
    assert some(PLACED).revision != some(replace(PLACED, **{field: CHANGES[field]})).revision


def test_the_revision_does_not_depend_on_the_order_of_the_files() -> None:
    second = replace(PLACED, name="shop:pack")
    assert some(PLACED, second).revision == some(second, PLACED).revision


def test_a_listener_that_comes_later_changes_the_revision() -> None:
    known = some(PLACED)
    before = known.revision
    assert known.revision == before
    known.declare(replace(PLACED, name="shop:pack"))
    assert known.revision != before


def test_a_declaration_takes_its_name_from_its_file_and_its_action() -> None:
    placed, paid = declare_signals()
    listener = on(placed | paid, do=_Answer(outer=True), when={"order": ["7"]})
    assert listener == Listener(
        "test_listeners:shop.pay",
        ("shop.order.placed", "shop.order.paid"),
        "shop.pay",
        outer=True,
        when={"order": ["7"]},
    )
    assert LISTENERS.all() == [listener]


def test_a_follower_is_declared_by_following() -> None:
    placed, _ = declare_signals()
    assert follow(placed, do=_Answer()).follower
    assert not on(placed, do=_Answer(), name="another").follower


def test_a_listener_that_waits_has_a_name_beside_the_one_that_does_not() -> None:
    placed, _ = declare_signals()
    on(placed, do=_Answer())
    waiting = on(settled(placed, within=15 * MINUTES), do=_Answer())
    assert (waiting.name, waiting.within) == ("test_listeners:shop.pay@settled", 900)
    assert waiting.types == ("shop.order.placed",)


def test_a_listener_never_changes() -> None:
    placed, _ = declare_signals()
    when = {"order": ["7"]}
    listener = on(placed, do=_Answer(), when=when)
    when["order"] = ["8"]
    when["more"] = []
    assert dict(listener.when) == {"order": ["7"]}
    with pytest.raises(TypeError):
        listener.when["more"] = []


def test_a_listener_needs_a_declared_signal() -> None:
    with pytest.raises(TypeError, match="is not a declared signal"):
        on(Signal, do=_Answer())
