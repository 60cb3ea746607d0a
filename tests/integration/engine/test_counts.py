"""Flows of any shape, through chaos: whatever is joined, followed or grafted into another flow, the counts
are right after every single step, and what waits goes on exactly when all of its branches have ended.
"""

from collections import Counter
from collections.abc import Callable
from functools import partial
from types import ModuleType

import pytest
from sqlalchemy import Engine

from app.engine import recording
from app.engine.tables import events, flows, reactions, scopes
from tests.fixtures.databases import empty
from tests.fixtures.simulation import Simulation
from tests.integration.engine.looking import rows_of

OPEN = ("waiting", "ready", "running")
SEEDS = 5


def check_counts() -> None:
    """Every count is what it would be if somebody counted the rows now."""
    awaited = [row for row in rows_of(reactions) if row.state in OPEN and not row.follower]
    all_scopes = rows_of(scopes)
    in_flows = Counter(row.flow for row in awaited)
    in_scopes = Counter(row.scope for row in awaited)
    in_scopes.update(row.parent for row in all_scopes if row.open)
    for flow in rows_of(flows):
        assert flow.open == in_flows[flow.id], flow
        assert (flow.state == "running") == bool(flow.open), flow
        assert (flow.ended_at is None) == bool(flow.open), flow
    for scope in all_scopes:
        assert scope.open == in_scopes[scope.id], scope
        assert bool(scope.waiting) == bool(scope.open), scope
        assert (scope.deadline_at is None) == (not scope.open), scope


def begin(world: ModuleType, root: dict) -> None:
    with recording("token:me") as work:
        work.record(world.signal_of(root, "main"))


def check_ending(plan: object) -> None:
    grown = [row for row in rows_of(events) if row.type.endswith(".grown") and row.label != "elsewhere"]
    assert Counter(row.label for row in grown) == Counter(plan.kinds.keys())
    at = {row.label: row.serial for row in grown}
    closed = [row for row in rows_of(events) if row.type == "tree.join.closed"]
    assert Counter(row.label for row in closed) == Counter(plan.waited_for.keys())
    for row in closed:
        late = [name for name in plan.waited_for[row.label] if at[name] > row.serial]
        assert not late, f"{row.label} closed before {late}"
    followed = {row.label for row in grown if row.follower}
    assert not followed & {name for names in plan.waited_for.values() for name in names}


@pytest.mark.parametrize("calm", [True, False], ids=["calm", "chaos"])
def test_the_counts_are_right_after_every_step_and_joins_wait_for_exactly_their_own(
    trees: ModuleType,
    simulation: Simulation,
    engine: Engine,
    monkeypatch: pytest.MonkeyPatch,
    calm: bool,
) -> None:
    monkeypatch.setattr(simulation, "step", partial(check_after, simulation.step))
    for seed in range(SEEDS):
        empty(engine)
        simulation.restart()
        with recording() as work:
            other = work.record(trees.Branch(tree="other", name="elsewhere"))
        trees.elsewhere[:] = [(other.flow, other.id)]
        plan = trees.Plan(seed)
        try:
            simulation.drain(None if calm else seed, arrivals=[partial(begin, trees, plan.root)])
            check_ending(plan)
        except AssertionError as error:
            raise AssertionError(f"seed {seed}") from error
        assert {(row.state, row.open) for row in rows_of(flows)} == {("succeeded", 0)}


def check_after(step: Callable[[], bool]) -> bool:
    went_on = step()
    check_counts()
    return went_on
