"""Reactions before they are rows: what a new one looks like, which of them are sent, and when the sweep looks
at one that nobody took up.
"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.engine.listeners import Listener
from app.engine.reactions import HANDOFF_MESSAGES, insert_many, message_of, row_for, skip
from tests.unit.engine.events import event

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LISTENER = Listener("shop:pay", ("shop.order.placed",), "shop.pay", outer=True)


class Inserted:
    """A connection that only remembers what it was to insert."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []

    def execute(self, _statement: object, rows: list[dict[str, Any]]) -> None:
        self.rows += rows


def row(listener: Listener = LISTENER, **of_event: Any) -> dict[str, Any]:
    return row_for(listener, event(**of_event), scope="scope", parent="parent")


def test_a_new_reaction_is_ready_uncounted_and_looked_at_again_after_five_seconds() -> None:
    db = Inserted()
    insert_many(db, [new := row()], NOW)
    assert (new["state"], new["attempt"], new["fence"], new["sends"]) == ("ready", 0, 0, 0)
    assert new["wake_at"] - NOW == timedelta(seconds=5)
    assert (new["event"], new["listener"], new["generation"]) == ("event-1", "shop:pay", 0)
    assert (new["stream"], new["flow"], new["scope"], new["parent"]) == (
        "/orders/1",
        "event-1",
        "scope",
        "parent",
    )


@pytest.mark.parametrize(
    ("follows", "of_follower", "follower"),
    [(False, False, False), (True, False, True), (False, True, True), (True, True, True)],
)
def test_what_a_follower_leads_to_follows_as_well(follows: bool, of_follower: bool, follower: bool) -> None:
    assert row(replace(LISTENER, follower=follows), follower=of_follower)["follower"] is follower


def test_a_message_says_what_people_look_for_and_carries_the_id() -> None:
    new = row()
    message = message_of(new)
    assert (message.reaction, message.action, message.outer) == (new["id"], "shop.pay", True)
    assert (message.flow, message.parent, message.label) == ("event-1", "parent", "order 1")


def test_a_reaction_that_would_go_round_is_written_down_and_not_sent() -> None:
    cut = row()
    skip(cut, "it has answered 8 times")
    db = Inserted()
    assert insert_many(db, [cut], NOW) == []
    [written] = db.rows
    assert (written["state"], written["outcome"], written["wake_at"]) == ("skipped", "loop", None)
    assert written["failure"] == {"code": "loop", "message": "it has answered 8 times"}
    assert written["ended_at"] == NOW


def test_what_a_commit_cannot_hand_over_is_due_for_the_sweep_at_once() -> None:
    db = Inserted()
    messages = insert_many(db, [row() for _ in range(HANDOFF_MESSAGES + 3)], NOW)
    assert len(messages) == len(db.rows) == HANDOFF_MESSAGES + 3
    due = [written["wake_at"] - NOW for written in db.rows]
    assert due == [timedelta(seconds=5)] * HANDOFF_MESSAGES + [timedelta(0)] * 3


def test_nothing_is_inserted_for_nothing() -> None:
    db = Inserted()
    assert insert_many(db, [], NOW) == []
    assert db.rows == []
