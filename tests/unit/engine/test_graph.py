"""The map of what is declared, as data, as a picture, and as a list of likely mistakes."""

from dataclasses import replace
from typing import Any

import pytest

from app.engine import FailureSignal, Signal, action, awaited, follow, graph, on, settled
from app.engine.declared import Elsewhere
from app.engine.listeners import LISTENERS, Listener

#: What a listener may say besides, and this one does not.
NOT_SAID = ("key", "on_dead", "after", "by", "patience", "otherwise", "look_back", "at_once", "rate")


@pytest.fixture
def shop() -> dict[str, Any]:
    """Placed leads to Paid or PaymentFailed, Paid to nothing that is recorded; a letter follows both."""

    class Placed(Signal, type="shop.order.placed", starts="order"):
        """Somebody wants it."""

    class Paid(Signal, type="shop.order.paid", ends="succeeded"):
        """It is paid."""

        order: str = ""

    class PaymentFailed(FailureSignal, type="shop.payment.failed", ends="failed"):
        """It could not be paid."""

    class Cleaned(Signal, type="shop.floor.cleaned", starts="cleaning"):
        """The floor is clean."""

    @action(service="bank", fails_with=PaymentFailed)
    def pay(event: Placed) -> Paid | None:
        """Pay for it."""

    @action()
    def count(event: Placed) -> None:
        """Count it."""

    @action(service="post")
    def tell(event: Paid | PaymentFailed) -> None:
        """Tell them."""

    on(Placed, do=pay)
    on(settled(Placed, within=60), do=count)
    follow(Paid | PaymentFailed, do=tell, when={"order": ["7"]})
    return locals()


def test_the_map_shows_limits_lines_and_waits(shop: dict[str, Any]) -> None:
    tell, paid = shop["tell"], shop["Paid"]
    on(paid, do=tell, name="limited", at_once=2, rate=0.5)
    on(paid, do=tell, name="lined up", key="order")
    on(paid, do=tell, name="stopped", key="order", on_dead="stop")
    wait = awaited(paid, until=paid, by="order", within=60, otherwise=shop["Cleaned"])
    on(wait, do=tell, name="waits", look_back=0)
    described = {each["name"]: each for each in graph.describe()["listeners"]}
    said = {
        name: {part: described[name][part] for part in NOT_SAID if described[name][part] is not None}
        for name in ("limited", "lined up", "stopped", "waits")
    }
    assert said == {
        "limited": {"at_once": 2, "rate": 0.5},
        "lined up": {"key": "order", "on_dead": "skip"},
        "stopped": {"key": "order", "on_dead": "stop"},
        "waits": {"by": "order", "patience": 60, "otherwise": "shop.floor.cleaned", "look_back": 0},
    }
    assert described["waits"]["until"] == ["shop.order.paid"]


def test_the_map_names_events_listeners_and_actions(shop: dict[str, Any]) -> None:
    described = graph.describe()
    assert [each["type"] for each in described["events"]] == [
        "shop.floor.cleaned",
        "shop.order.paid",
        "shop.order.placed",
        "shop.payment.failed",
    ]
    assert described["events"][2] == {
        "type": "shop.order.placed",
        "about": "Somebody wants it.",
        "starts": "order",
        "ends": None,
        "here": True,
    }
    assert described["listeners"][2] == {
        "name": "test_graph:test_graph.tell",
        "on": ["shop.order.paid", "shop.payment.failed"],
        "when": {"order": ["7"]},
        "do": "test_graph.tell",
        "follows": True,
        "settled_within": None,
        "until": [],
        "here": True,
        **dict.fromkeys(NOT_SAID),
    }
    assert described["listeners"][1]["settled_within"] == 60
    assert described["actions"][1] == {
        "name": "test_graph.pay",
        "about": "Pay for it.",
        "service": "bank",
        "records": ["shop.order.paid", "shop.payment.failed"],
        "here": True,
    }


def test_the_picture_tells_waiting_following_and_failing_apart(shop: dict[str, Any]) -> None:
    picture = graph.mermaid()
    assert picture.startswith("flowchart TD\n")
    placed, paid, failed = "shop_order_placed", "shop_order_paid", "shop_payment_failed"
    assert (
        f'{placed}["shop.order.placed"] -->|"test_graph.pay"| {paid}["shop.order.paid"]'
        f' & {failed}["shop.payment.failed"]'
    ) in picture
    assert f'{placed} ==> test_graph_count(["test_graph.count"])' in picture
    assert f'{paid} & {failed} -.-> test_graph_tell(["test_graph.tell"])' in picture
    assert f"class {failed} failed" in picture


def test_the_picture_of_one_kind_of_flow_leaves_the_rest_out(shop: dict[str, Any]) -> None:
    on(shop["Cleaned"], do=shop["count"], name="sweep the floor")
    assert "shop_floor_cleaned" in graph.mermaid()
    assert "shop_floor_cleaned" not in graph.mermaid("order")
    assert graph.mermaid("order").count("-->") == 1


def test_what_only_other_processes_declare_is_on_the_map_and_marked(shop: dict[str, Any]) -> None:
    hears = Listener("x:wrap", ("shop.order.paid", "shop.gift.chosen"), "x.wrap", outer=True)
    otherwise = replace(LISTENERS.all()[0], follower=True)
    wrap = {"name": "x.wrap", "about": "Wrap it.", "service": "belt", "records": ["shop.gift.wrapped"]}
    theirs = Elsewhere((hears, otherwise), (wrap,))
    described = graph.describe(theirs)
    foreign = {part: [each for each in described[part] if not each["here"]] for part in described}
    assert [each["type"] for each in foreign["events"]] == ["shop.gift.chosen", "shop.gift.wrapped"]
    assert [each["name"] for each in foreign["listeners"]] == ["x:wrap", otherwise.name]
    assert foreign["actions"] == [{**wrap, "here": False}]
    for picture in (graph.mermaid(None, theirs), graph.mermaid("order", theirs)):
        assert '-->|"x.wrap (elsewhere)"| shop_gift_wrapped["shop.gift.wrapped"]' in picture
        assert '-.->|"test_graph.pay (elsewhere)"|' in picture
    assert "elsewhere" not in graph.mermaid("cleaning", theirs)


def test_a_sound_map_has_no_mistakes(shop: dict[str, Any]) -> None:
    assert graph.lint() == []


def test_an_action_that_nobody_names_is_told(shop: dict[str, Any]) -> None:
    paid = shop["Paid"]

    @action()
    def forgotten(event: paid) -> None:
        """Nobody calls it."""

    assert graph.lint() == ["the action test_graph.forgotten answers nothing: no listener names it"]


def test_an_action_that_gets_what_it_does_not_take_is_told(shop: dict[str, Any]) -> None:
    on(shop["Cleaned"], do=shop["pay"], name="wrong")
    assert graph.lint() == [
        "the listener wrong hands shop.floor.cleaned to test_graph.pay, which does not take it"
    ]


def test_a_failure_that_nobody_hears_and_that_ends_nothing_is_told(shop: dict[str, Any]) -> None:
    class PackingFailed(FailureSignal, type="shop.packing.failed"):
        """It could not be packed."""

    paid = shop["Paid"]

    @action(service="belt", fails_with=PackingFailed)
    def pack(event: paid) -> None:
        """Pack it."""

    on(shop["Paid"], do=pack)
    assert graph.lint() == ["shop.packing.failed is recorded, is no end, and nothing hears it"]
    follow(PackingFailed, do=shop["tell"], name="hear it")
    assert not [line for line in graph.lint() if "nothing hears it" in line]
