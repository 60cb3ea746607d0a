"""The deploy flow through chaos: whatever is reordered, repeated, lost or killed, each seed ends the same
way.

`ANTIPHON_SEEDS=from:to` chooses other seeds than the suite's; a failure names its seed, which does the
same again.
"""

from collections import Counter
from functools import partial

import pytest
from sqlalchemy import Engine, select

from app.commands.rollback import roll_back
from app.engine import log, reading, recording
from app.engine.discovery import discover
from app.engine.rebuild import rebuild, verify
from app.engine.tables import events, flows, reactions, scopes
from app.errors import Conflict
from app.models.deploys import deploys
from app.models.sites import sites
from app.services.storage.memory import shared_memory
from tests.faults.asking import ask, make_site
from tests.fixtures.databases import empty
from tests.fixtures.schedules import Plan, explore, seeds
from tests.fixtures.simulation import KINDS, Simulation

SEEDS = seeds(range(12))
BLOCKS = 4

discover("app.models", "tasks", "workflows")


def try_roll_back(slug: str) -> None:
    try:
        with recording("token:test") as work:
            roll_back(work, slug)
    except Conflict:  # nothing was published yet that one could go back to
        pass


def one_run(simulation: Simulation, seed: int, plan: Plan | None = None) -> None:
    """Requests for two sites, chosen and ordered by the seed, through its chaos or through that of a plan."""
    simulation.restart()
    shared_memory.cache_clear()
    requests = [partial(ask, "hello", "one"), partial(ask, "hello", "two"), partial(ask, "other", "one")]
    if seed % 2:
        requests.append(partial(ask, "hello", "one"))
    if seed % 3 == 0:
        requests.append(partial(try_roll_back, "hello"))
    simulation.rng.seed(seed)
    simulation.rng.shuffle(requests)
    everything = [partial(make_site, "hello"), partial(make_site, "other"), *requests]
    simulation.drain(seed if plan is None else None, plan=plan, arrivals=everything)


def check_run() -> None:
    log.catch_up()
    with reading() as db:
        assert {tuple(row) for row in db.execute(select(flows.c.state, flows.c.open))} == {("succeeded", 0)}
        assert set(db.execute(select(reactions.c.state)).scalars()) == {"done"}
        assert {tuple(row) for row in db.execute(select(scopes.c.open, scopes.c.deadline_at))} <= {(0, None)}
        check_sites(db)
        stories = [log.read_flow(db, flow) for flow in db.execute(select(flows.c.id)).scalars()]
        measured = list(db.execute(select(events.c.data).where(events.c.type == "usage.measured")).scalars())
    keys = [data["idempotency_key"] for data in measured]
    assert len(keys) == len(set(keys))
    for story in stories:
        ids = {event.id for event in story}
        assert story[0].cause is None
        assert all(event.cause in ids for event in story[1:])
        once = Counter((event.type, event.subject) for event in story if event.type.startswith("site.deploy"))
        assert set(once.values()) <= {1}, once
    assert verify() == []


def check_sites(db: object) -> None:
    """The newest wish of each site is what it serves, and every deploy has ended."""
    for site in db.execute(select(sites)):
        of_site = db.execute(select(deploys).where(deploys.c.site_id == site.id)).all()
        assert {row.status for row in of_site} <= {"live", "archived", "skipped", "superseded"}
        assert [row.id for row in of_site if row.status == "live"] == [site.live_deploy_id]
        assert site.published_intent == site.intent
        newest = max(of_site, key=lambda row: row.number)
        if newest.number == site.intent:  # else the newest wish was a rollback
            assert site.live_cid == newest.cid


@pytest.mark.timeout(900)
@pytest.mark.parametrize("block", range(BLOCKS))
def test_any_seed_ends_with_the_newest_wish_live_and_nothing_twice(
    simulation: Simulation, engine: Engine, block: int
) -> None:
    crashes = 0
    for seed in SEEDS[block::BLOCKS]:
        empty(engine)
        with simulation.telling():
            one_run(simulation, seed)
            check_run()
        crashes += simulation.crashes
    assert rebuild() > 0 or not SEEDS[block::BLOCKS]
    assert verify() == []
    assert crashes >= len(SEEDS[block::BLOCKS])


@pytest.mark.timeout(900)
@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_no_plan_of_troubles_makes_it_end_otherwise(simulation: Simulation, engine: Engine) -> None:
    def run(plan: Plan) -> None:
        empty(engine)
        with simulation.telling():
            one_run(simulation, len(plan), plan)
            check_run()

    explore(run, KINDS, places=40, examples=8)
