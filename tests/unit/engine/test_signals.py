"""Signals: how they are declared, what they know of themselves, and how old events become signals again."""

from typing import Any

import pytest
from pydantic import ValidationError

from app.engine import FailureSignal, Signal
from app.engine.signal import (
    SIGNALS,
    UnknownSignal,
    classes_of,
    mark_recorded,
    revive,
    signals_in,
    types_like,
)
from tests.unit.engine.events import event


def declare(type_: str, name: str = "Placed", module: str = __name__, **options: Any) -> type[Signal]:
    namespace = {"__module__": module, "__qualname__": name, "__annotations__": {"order": str}}
    return type(name, (Signal,), namespace, type=type_, **options)


def test_a_declared_signal_is_found_by_its_type() -> None:
    class Placed(Signal, type="shop.order.placed", starts="order", ends="succeeded"):
        order: str

    assert {"shop.order.placed": Placed} == SIGNALS
    assert (Placed.type, Placed.starts, Placed.ends) == ("shop.order.placed", "order", "succeeded")


def test_a_family_of_signals_declares_nothing_itself() -> None:
    class OfOrder(Signal):
        order: str

        @property
        def stream(self) -> str:
            return f"/orders/{self.order}"

    class Placed(OfOrder, type="shop.order.placed"):
        """It is placed."""

    assert list(SIGNALS) == ["shop.order.placed"]
    assert OfOrder.type == ""
    placed = Placed(order="7")
    assert (placed.stream, placed.subject, placed.label) == ("/orders/7", "7", "7")


def test_a_signal_that_names_no_stream_leaves_everything_to_what_led_to_it() -> None:
    placed = declare("shop.order.placed")(order="7")
    assert (placed.stream, placed.subject, placed.label) == ("", "", "")


@pytest.mark.parametrize(
    ("name", "module"), [("Other", __name__), ("Placed", "somewhere.else")], ids=["name", "module"]
)
def test_two_signals_cannot_share_a_type(name: str, module: str) -> None:
    declare("shop.order.placed")
    with pytest.raises(TypeError, match=r"both declare the type 'shop\.order\.placed'"):
        declare("shop.order.placed", name, module)


def test_a_module_that_is_loaded_again_may_declare_its_signals_again() -> None:
    declare("shop.order.placed")
    again = declare("shop.order.placed")
    assert SIGNALS["shop.order.placed"] is again


def test_a_signal_never_changes_and_takes_keywords_only() -> None:
    placed = declare("shop.order.placed")(order="7")
    with pytest.raises(ValidationError):
        placed.order = "8"
    with pytest.raises(TypeError):
        declare("shop.order.placed")("7")


def test_a_signal_has_no_event_before_it_was_recorded() -> None:
    placed = declare("shop.order.placed")(order="7")
    with pytest.raises(RuntimeError, match=r"shop\.order\.placed has not been recorded yet"):
        _ = placed.recorded
    became = event()
    mark_recorded(placed, became)
    assert placed.recorded is became


def test_a_signal_for_another_flow_is_a_copy_that_knows_where() -> None:
    placed = declare("shop.order.placed")(order="7")
    moved = placed.within("flow-2", "event-9")
    assert moved.elsewhere == ("flow-2", "event-9")
    assert placed.elsewhere is None
    assert moved.order == "7"


def test_an_old_event_is_read_with_the_defaults_of_fields_that_came_later() -> None:
    class Placed(Signal, type="shop.order.placed"):
        order: str
        currency: str = "EUR"

    signal = revive(event(data={"order": "7"}))
    assert isinstance(signal, Placed)
    assert (signal.order, signal.currency, signal.recorded.id) == ("7", "EUR", "event-1")


def test_a_newer_event_is_read_without_the_fields_that_are_not_known_yet() -> None:
    declare("shop.order.placed")
    assert revive(event(data={"order": "7", "colour": "red"})).model_dump() == {"order": "7"}


def test_an_event_of_an_unknown_type_says_so() -> None:
    with pytest.raises(UnknownSignal, match=r"shop\.order\.placed"):
        revive(event())


def test_an_event_whose_data_does_not_fit_is_no_signal() -> None:
    declare("shop.order.placed")
    with pytest.raises(ValidationError):
        revive(event(data={"order": {}}))


def test_a_pattern_is_one_signal_or_several() -> None:
    one, two, three = (declare(f"shop.order.{name}", name) for name in ("placed", "paid", "sent"))
    assert classes_of(one) == (one,)
    assert classes_of(one | two) == (one, two)
    assert classes_of(one | two | three) == (one, two, three)


@pytest.mark.parametrize("wrong", ["shop.order.placed", str, Signal, FailureSignal, None, str | int])
def test_a_pattern_of_anything_else_is_a_mistake(wrong: Any) -> None:
    with pytest.raises(TypeError, match="is not a declared signal"):
        classes_of(wrong)


def test_the_signals_of_an_annotation_are_found_wherever_they_stand() -> None:
    one, two = declare("shop.order.placed"), declare("shop.order.paid", "Paid")
    from_anywhere: list[tuple[Any, tuple[type[Signal], ...]]] = [
        (one, (one,)),
        (one | None, (one,)),
        (list[two | one], (two, one)),
        (tuple[one, two] | None, (one, two)),
        (list[one] | one, (one,)),
        (None, ()),
        (Signal, ()),
        (dict[str, int], ()),
    ]
    for annotation, found in from_anywhere:
        assert signals_in(annotation) == found, annotation


@pytest.mark.parametrize(
    ("globs", "found"),
    [
        (["shop.order.placed"], {"shop.order.placed"}),
        (["shop.*.placed"], {"shop.order.placed", "shop.cart.placed"}),
        (["shop.order.*"], {"shop.order.placed", "shop.order.failed"}),
        (["shop.order.p*d"], {"shop.order.placed"}),
        (["shop.*"], set()),
        (
            ["shop.**"],
            {"shop.order.placed", "shop.order.failed", "shop.cart.placed", "shop.order.pay.failed"},
        ),
        (["**.failed"], {"shop.order.failed", "shop.order.pay.failed", "failed"}),
        (["shop.**.failed"], {"shop.order.failed", "shop.order.pay.failed"}),
        (["failed"], {"failed"}),
        (["*"], {"failed"}),
        (["shop.cart.placed", "failed"], {"shop.cart.placed", "failed"}),
        (["shop.order.place"], set()),
        (["shop+order.placed"], set()),
        ([], set()),
    ],
)
def test_a_glob_fits_whole_types_segment_by_segment(globs: list[str], found: set[str]) -> None:
    for number, type_ in enumerate(
        ["shop.order.placed", "shop.order.failed", "shop.cart.placed", "shop.order.pay.failed", "failed"]
    ):
        declare(type_, f"Signal{number}")
    assert set(types_like(globs)) == found


def test_two_stars_alone_fit_every_type() -> None:
    for number, type_ in enumerate(["shop.order.placed", "failed", "a.b.c.d.e.f"]):
        declare(type_, f"Signal{number}")
    assert types_like(["**"]) == list(SIGNALS)
