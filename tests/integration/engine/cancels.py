"""What the tests about cancelled flows ask and check."""

from typing import Any

from sqlalchemy import select

from app.engine import reading, recording
from app.engine.cancelling import request_cancel
from app.engine.listeners import LISTENERS
from app.engine.tables import events, reactions, scopes
from tests.integration.engine.looking import rows_of

ASKED, CANCELLED, MISSED = (
    f"platform.flow.{word}" for word in ("cancel_requested", "cancelled", "cancel_missed")
)


def cancel(flow: str, *told: Any) -> bool:
    with recording("token:me") as work:
        return request_cancel(work, flow, *told)


def states(flow: str) -> dict[str, str]:
    """Each action that a flow's reactions ask for, with the state of the last of them."""
    return {row.action.rpartition(".")[2]: row.state for row in rows_of(reactions, flow=flow)}


def check_coverage() -> None:
    """Every event has a reaction of every listener that it matches, or somebody waits for it to settle."""
    with reading() as db:
        made = {tuple(row) for row in db.execute(select(reactions.c.event, reactions.c.listener))}
        waiting = {(row.id, name) for row in db.execute(select(scopes)) for name in row.waiting}
        all_events = db.execute(select(events.c.id, events.c.type, events.c.data)).all()
    expected = {(row.id, each.name) for row in all_events for each in LISTENERS.matching(row.type, row.data)}
    assert made | waiting == expected
