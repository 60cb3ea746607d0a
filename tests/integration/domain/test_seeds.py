"""The deploy flow through chaos: messages lost and repeated, crashes and overlaps; it ends the same."""

import pytest
from sqlalchemy import Engine, select

from app.commands.rollback import roll_back
from app.commands.sites import create_site
from app.engine import reading
from app.engine.rebuild import rebuild, verify
from app.engine.tables import flows, reactions
from app.models.deploys import deploys
from tests.fixtures.databases import empty
from tests.integration.domain.running import SITE_A, Platform

OTHER = {"index.html": b"other"}
SEEDS = 2


def reset(platform: Platform, engine: Engine) -> None:
    empty(engine)
    platform.simulation.restart()
    platform.storage.blobs.clear()
    platform.ask(create_site, "hello")


@pytest.mark.parametrize("block", range(2))
def test_two_deploys_and_a_rollback_end_the_same_in_any_order(
    platform: Platform, engine: Engine, block: int
) -> None:
    for seed in range(block * SEEDS, (block + 1) * SEEDS):
        reset(platform, engine)
        first = platform.start(SITE_A)
        platform.drain(seed)
        second, third = platform.start(OTHER), platform.start({"index.html": b"third"})
        platform.drain(seed + 1)
        assert platform.site().live_deploy_id == third, seed
        platform.ask(roll_back, "hello", first)
        platform.drain(seed + 2)
        assert platform.site().live_deploy_id == first, seed
        assert platform.get(second).status in ("archived", "superseded"), seed
        check(platform, seed)


def check(platform: Platform, seed: int) -> None:
    with reading() as db:
        ended = {tuple(row) for row in db.execute(select(flows.c.state, flows.c.open))}
        left = set(db.execute(select(reactions.c.state)).scalars())
        rows = db.execute(select(deploys.c.flow, deploys.c.status, deploys.c.deadline_at)).all()
        stories = [platform.types(flow) for flow in db.execute(select(flows.c.id)).scalars()]
    assert ended == {("succeeded", 0)}, seed
    assert left == {"done"}, seed
    assert not [row for row in rows if row.deadline_at], seed
    assert sum(row.status == "live" for row in rows) == 1, seed
    for story in stories:  # nothing twice but the meters
        assert not [kind for kind in set(story) - {"usage.measured"} if story.count(kind) > 1], (seed, story)
        assert story.count("usage.measured") in (0, 2, 3, 6), (seed, story)
    assert not verify(), seed
    before = platform.site(), rows
    rebuild()
    assert platform.site() == before[0], seed
