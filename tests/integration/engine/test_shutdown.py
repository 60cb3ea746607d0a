"""The end of real workers: what they have at work goes on elsewhere at once, without a sweep and whatever
they are told meanwhile.
"""

from collections.abc import Callable
from signal import SIGINT, SIGQUIT, SIGTERM, Signals
from types import ModuleType

import pytest

from app.engine.tables import reactions
from config.celery import SOFT_SHUTDOWN_SECONDS
from tests.fixtures.databases import wait_for
from tests.fixtures.processes import Watched
from tests.fixtures.toy_processes import ToyProcesses, seconds_until, tell
from tests.integration.engine.looking import flow_row, order, reaction_of, rows_of, types_of

#: What other work on this machine may add; the lease is longer than all of it together.
SLACK = 3.0
#: For what is between signals and processes alone; what they say to databases is the same elsewhere.
ON_SQLITE = pytest.mark.parametrize("toy_processes", ["sqlite"], indirect=True)


def gone(worker: Watched) -> Callable[[], bool]:
    return lambda: worker.process.poll() is not None


def test_a_worker_that_ends_hands_its_work_to_another_at_once(
    toy_processes: ToyProcesses, toys: ModuleType
) -> None:
    toy_processes.takes("send", 30)
    toy_processes.worker("inner", "inner")
    first = toy_processes.worker("first")
    flows = [order(toys, parcel) for parcel in "abc"]
    wait_for(lambda: len(toy_processes.begun()) == 2, what="both slots to be at work")
    toy_processes.worker("second", slots=1)
    wait_for(lambda: len(toy_processes.begun()) == 3, what="the third parcel")
    assert {one.attempt for one in toy_processes.begun()} == {1}
    first_two = {one.key for one in toy_processes.begun()[:2]}
    toy_processes.takes("send", 0)
    spare = toy_processes.worker("spare")
    tell(first, SIGTERM)
    took = seconds_until(
        lambda: len(toy_processes.begun()) == 5, at_most=SOFT_SHUTDOWN_SECONDS + SLACK, what="another worker"
    )
    assert took > SOFT_SHUTDOWN_SECONDS - 1, "bodies have their time to end"
    wait_for(gone(first), seconds=SLACK, what="the worker to be gone")
    wait_for(lambda: [flow_row(flow).state for flow in flows].count("succeeded") == 2, what="two to end")
    assert spare.says("received")
    assert sorted(toy_processes.effects()) == sorted(first_two)
    for row in rows_of(reactions, action="toys.send"):
        if row.id in first_two:
            assert (row.state, row.attempt, row.fence) == ("done", 1, 3)


def test_a_decision_in_the_middle_is_made_by_another_worker(
    toy_processes: ToyProcesses, toys: ModuleType
) -> None:
    toy_processes.takes("pack", 30)
    first = toy_processes.worker("first", "inner")
    toy_processes.worker("outer")
    flow = order(toys)
    wait_for(lambda: toy_processes.begun("pack"), what="the body")
    toy_processes.takes("pack", 0)
    toy_processes.worker("spare", "inner")
    tell(first, SIGTERM)
    at_most = SOFT_SHUTDOWN_SECONDS + SLACK
    wait_for(lambda: flow_row(flow).state == "succeeded", seconds=at_most + SLACK, what="the flow to end")
    assert types_of(flow).count("toy.parcel.packed") == 1
    wait_for(gone(first), seconds=at_most, what="the worker to be gone")


@pytest.mark.parametrize(
    ("toy_processes", "last"), [("postgres", SIGTERM), ("sqlite", SIGQUIT)], indirect=["toy_processes"]
)
def test_whoever_hurries_a_worker_on_loses_nothing(
    toy_processes: ToyProcesses, toys: ModuleType, last: Signals
) -> None:
    toy_processes.takes("send", 30)
    toy_processes.worker("inner", "inner")
    first = toy_processes.worker("first")
    flow = order(toys)
    wait_for(toy_processes.begun, what="the body")
    toy_processes.takes("send", 0)
    toy_processes.worker("spare")
    toy_processes.beat()  # a message that Redis gave to the dying worker at the last moment is sent again
    tell(first, SIGTERM)
    wait_for(lambda: first.says("Soft Shutdown"), what="the first signal to arrive")
    tell(first, SIGTERM)
    at_once = SOFT_SHUTDOWN_SECONDS / 2
    wait_for(lambda: reaction_of("toys.send").fence > 1, seconds=at_once, what="the hand-back")
    tell(first, last)
    wait_for(gone(first), what="the worker to be gone")
    wait_for(lambda: flow_row(flow).state == "succeeded", what="the flow to end")
    assert (reaction_of("toys.send").attempt, len(toy_processes.effects())) == (1, 1)


@ON_SQLITE
def test_a_worker_that_is_interrupted_once_lets_its_work_end(
    toy_processes: ToyProcesses, toys: ModuleType
) -> None:
    toy_processes.takes("send", 2)
    toy_processes.worker("inner", "inner")
    first = toy_processes.worker("first")
    order(toys)
    wait_for(toy_processes.begun, what="the body")
    tell(first, SIGINT)
    wait_for(gone(first), seconds=2 + 2 * SLACK, what="the worker to be gone")
    row = reaction_of("toys.send")
    assert (row.state, row.attempt, row.fence) == ("done", 1, 1)
    assert len(toy_processes.begun()) == 1
