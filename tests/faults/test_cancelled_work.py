"""Cancels of what real workers have at work: heard in time, or forced, and the slot goes to somebody else."""

from collections.abc import Callable
from types import ModuleType

import pytest
from sqlalchemy import update

from app.engine import now, recording
from app.engine.cancelling import request_cancel
from app.engine.database import writing
from app.engine.tables import flows
from tests.fixtures.databases import wait_for
from tests.fixtures.toy_processes import ToyProcesses, seconds_until
from tests.integration.engine.looking import flow_row, order, reaction_of, rows_of, story, types_of

LEASE = 3.0
#: What other work on this machine may add.
SLACK = 5.0
CANCELLED = "platform.flow.cancelled"


@pytest.fixture
def busy(toy_processes: ToyProcesses, toys: ModuleType, configure: Callable[..., None]) -> ToyProcesses:
    """Workers with one slot for what is outside, and the sweep."""
    configure(LEASE_SECONDS=str(LEASE), SWEEP_SECONDS="0.3")
    toy_processes.worker("inner", "inner")
    toy_processes.worker("outer", slots=1)
    toy_processes.beat()
    return toy_processes


def begin(busy: ToyProcesses, toys: ModuleType) -> str:
    flow = order(toys)
    wait_for(busy.begun, what="the body")
    with recording("token:me") as work:
        assert request_cancel(work, flow)
    assert flow_row(flow).state == "running"
    return flow


def check_the_slot_is_free(busy: ToyProcesses, toys: ModuleType) -> None:
    busy.takes("send", 0)
    other = order(toys, "b")
    wait_for(lambda: flow_row(other).state == "succeeded", what="another flow to use the slot")


@pytest.mark.parametrize("toy_processes", ["postgres"], indirect=True)
def test_a_body_with_check_points_ends_with_the_next_beat(busy: ToyProcesses, toys: ModuleType) -> None:
    busy.takes("send", 60, checks=True)
    flow = begin(busy, toys)
    took = seconds_until(
        lambda: flow_row(flow).state == "cancelled",
        at_most=LEASE + SLACK,
        what="the cancel to be acknowledged",
    )
    assert took < LEASE / 3 + SLACK
    assert not story(flow)[-1].data["forced"]
    assert not busy.effects()
    check_the_slot_is_free(busy, toys)


@pytest.mark.parametrize("toy_processes", ["sqlite"], indirect=True)
def test_a_body_without_any_is_forced_and_its_slot_is_used_again(
    busy: ToyProcesses, toys: ModuleType
) -> None:
    busy.takes("send", 60)
    flow = begin(busy, toys)
    with writing() as db:  # as if the grace time were over
        db.execute(update(flows).where(flows.c.id == flow).values(cancel_at=now()))
    wait_for(lambda: flow_row(flow).state == "cancelled", what="the cancel to be forced")
    assert (types_of(flow)[-1], story(flow)[-1].data["forced"]) == (CANCELLED, True)
    assert reaction_of("toys.send").state == "cancelled"
    check_the_slot_is_free(busy, toys)  # long before the body would have ended
    assert len(busy.begun()) == 2
    assert len(busy.effects()) == 1
    assert flow_row(flow).state == "cancelled"
    assert [row.state for row in rows_of(flows)].count("cancelled") == 1
