"""How the timeline of a flow tells what its reactions wait for."""

from typing import Any

import pytest
from click import unstyle

from app.cli.flows import _answer

ANSWER = {
    "action": "shop.pay",
    "state": "waiting",
    "attempt": 0,
    "failure": None,
    "key": None,
    "due_at": None,
}
LATER = "2026-01-01T00:00:00Z"


@pytest.mark.parametrize(
    ("reaction", "said"),
    [
        ({"state": "done", "waits_for": None, "key": "a"}, "shop.pay done"),
        ({"waits_for": "key", "key": "c\x1b1"}, "shop.pay waiting (for its turn among those of c\ufffd1)"),
        (
            {"waits_for": "event", "key": "7", "due_at": LATER},
            "shop.pay waiting (for another event of 7, until 2",
        ),
        ({"waits_for": "delay", "due_at": LATER}, "shop.pay waiting (for its time, until 2"),
        ({"waits_for": "slot"}, "shop.pay waiting (for a slot)"),
        ({"waits_for": "retry", "attempt": 2}, "shop.pay waiting (for a retry), attempt 2"),
    ],
)
def test_a_waiting_reaction_says_what_it_waits_for(reaction: dict[str, Any], said: str) -> None:
    assert unstyle(_answer(ANSWER | reaction)).startswith(said)
