"""Listeners: what they answer, how they are found, and under which revision an event was matched."""

from dataclasses import replace
from re import escape
from typing import Any

import pytest

from app.engine import Signal, awaited, follow, on, settled
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
    "key": "colour",
    "on_dead": "stop",
    "after": 60.0,
    "until": ("shop.order.paid",),
    "by": "order",
    "patience": 60.0,
    "otherwise": "shop.payment.missed",
    "look_back": 60.0,
    "at_once": 2,
    "rate": 2.0,
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


def test_a_listener_that_awaits_another_event_is_found_by_both() -> None:
    placed, paid = declare_signals()

    class Missed(Signal, type="shop.payment.missed"):
        order: str
        why: str = "nobody paid"

    waiting = on(awaited(placed, until=paid, by="order", within=60, otherwise=Missed), do=_Answer())
    assert (waiting.name, waiting.types) == ("test_listeners:shop.pay@awaited", ("shop.order.placed",))
    assert (waiting.until, waiting.by, waiting.patience) == (("shop.order.paid",), "order", 60)
    assert (waiting.otherwise, waiting.look_back) == ("shop.payment.missed", 300)
    assert LISTENERS.awaiting("shop.order.paid") == (waiting,)
    assert LISTENERS.awaiting("shop.order.placed") == ()
    assert LISTENERS.matching("shop.order.paid", {"order": "7"}) == []


OUTER, INNER = _Answer(outer=True), _Answer()


@pytest.mark.parametrize(
    ("do", "how", "said"),
    [
        (INNER, {"key": "order"}, "key of shop.pay: for outer actions only"),
        (INNER, {"rate": 1, "at_once": 1}, "at_once, rate of shop.pay: for outer actions only"),
        (OUTER, {"colour": "red"}, "colour of shop.pay: not known; there are when, name, key"),
        (OUTER, {"key": "order", "after": 5}, "after of shop.pay: cannot be said besides a key"),
        (OUTER, {"on_dead": "stop"}, "on_dead of shop.pay: for listeners with a key only"),
        (OUTER, {"key": "order", "on_dead": "wait"}, 'on_dead of shop.pay is \'wait\': say "skip" or "stop"'),
        (OUTER, {"look_back": 5}, "look_back of shop.pay: for listeners on `awaited` only"),
        (OUTER, {"after": 0}, "after of shop.pay is 0: it must be more than 0"),
        (OUTER, {"after": -1}, "after of shop.pay is -1: it must be more than 0"),
        (OUTER, {"after": float("inf")}, "after of shop.pay is inf: it must be more than 0, and at most"),
        (OUTER, {"after": float("nan")}, "after of shop.pay is nan: it must be more than 0"),
        (OUTER, {"after": "5"}, "after of shop.pay is '5': it must be a number"),
        (OUTER, {"rate": True}, "rate of shop.pay is True: it must be a number"),
        (OUTER, {"at_once": 1.5}, "at_once of shop.pay is 1.5: it must be a whole number"),
        (OUTER, {"key": "size"}, "key of shop.pay needs the field 'size', which shop.order.placed has not"),
        (OUTER, {"when": {"size": [1]}}, "when of shop.pay needs the field 'size', which shop.order.placed"),
        (OUTER, {"when": {"order": "7"}}, "when of shop.pay: order is '7', not a list of allowed values"),
    ],
)
def test_what_makes_no_sense_is_told_at_the_start(do: Any, how: Any, said: str) -> None:
    placed, _ = declare_signals()
    with pytest.raises(TypeError, match=f"^{escape(said)}"):
        on(placed, do=do, **how)
    assert LISTENERS.all() == []


def test_a_wait_that_makes_no_sense_is_told_at_the_start() -> None:
    placed, paid = declare_signals()

    class Missed(Signal, type="shop.payment.missed"):
        order: str
        reason: str

    class Swept(Signal, type="shop.floor.swept"):
        """It has no fields."""

    kept = {"until": paid, "by": "order", "within": 60}
    for mistake, how, said in (
        ({"within": 0}, {}, "within of shop.pay is 0: it must be more than 0"),
        ({"by": "size"}, {}, "by of shop.pay needs the field 'size', which shop.order.placed has not"),
        ({"until": Swept}, {}, "by of shop.pay needs the field 'order', which shop.floor.swept has not"),
        ({"until": Signal}, {}, "<class 'app.engine.signal.Signal'> is not a declared signal"),
        ({"otherwise": Missed}, {}, "otherwise of shop.pay (shop.payment.missed) needs the field 'reason'"),
        ({}, {"after": 5}, "after of shop.pay: cannot be said besides what it waits for"),
        ({}, {"key": "order"}, "key of shop.pay: cannot be said besides what it waits for"),
        ({}, {"look_back": -1}, "look_back of shop.pay is -1: it must be 0 or more"),
    ):
        with pytest.raises(TypeError, match=f"^{escape(said)}"):
            on(awaited(placed, **kept | mistake), do=OUTER, **how)
    with pytest.raises(TypeError, match=r"^within of shop\.pay is 0"):
        on(settled(placed, within=0), do=OUTER)
    for pattern in (settled(placed, within=60), awaited(placed, **kept)):
        with pytest.raises(TypeError, match=r"^shop\.pay is to follow, so nothing can wait for it"):
            follow(pattern, do=OUTER)
    assert on(awaited(placed, **kept), do=OUTER, look_back=0).look_back == 0
