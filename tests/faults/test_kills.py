"""Real workers, a real broker, a real kill: at every fault point in turn, on both databases, a deploy
survives.
"""

import subprocess
import sys
from collections import Counter

import pytest
from sqlalchemy import select, update

from app.engine import faults, log, now, reading, recording
from app.engine.database import get_engine, writing
from app.engine.discovery import discover
from app.engine.past import Wish
from app.engine.rebuild import verify
from app.engine.replays import page, start, states
from app.engine.tables import flows, reactions
from app.models import deploys
from tests.faults.asking import ask, make_site
from tests.fixtures.databases import wait_for
from tests.fixtures.processes import ROOT, Platform

discover("app.models", "tasks", "workflows")

STORY = {
    "site.deploy.requested", "site.deploy.source_fetched", "site.deploy.build_skipped",
    "site.deploy.artifact_ready", "storage.upload.completed", "site.deploy.uploaded",
    "site.deploy.published", "domain.target.updated", "domain.sync.completed", "site.deploy.completed",
    "usage.measured", "notification.sent",
}  # fmt: skip


def ask_in_a_process(slug: str, word: str) -> None:
    """The deploy's request, by a process that may die of it."""
    subprocess.run([sys.executable, "-m", "tests.faults.asking", slug, word], cwd=ROOT, check=False)


def deploy_of(slug: str) -> deploys.Deploy | None:
    with reading() as db:
        row = db.execute(select(deploys.deploys).where(deploys.deploys.c.site == slug)).first()
    return row and deploys.Deploy(*row)


def strike(platform: Platform, point: str) -> str:
    """Arm a fault, ask for a deploy that meets it, and wait for the kill; the site's slug."""
    slug = point.replace(".", "-").replace("_", "-")
    make_site(slug)
    platform.arm(point)
    if point == "sweep.before_expire":
        platform.arm("claim.after_commit")  # a lease that nobody keeps
    elif point == "sweep.before_deadline":
        platform.arm("command.after_commit")  # a request that nobody hands over for the next seconds
    if point.startswith("command.") or point == "sweep.before_deadline":
        ask_in_a_process(slug, "killed")
        if deploy_of(slug) is None:  # it died before the commit: the person asks again
            ask(slug, "again")
    else:
        ask(slug, "gone" if point.startswith("failure.") else "word")
    if point.startswith("replay."):
        replay_the_past()
    if point == "sweep.before_deadline":
        let_time_pass(slug)
    wait_for(platform.has_struck, what=f"{point} to strike\n{platform.logs()}")
    return slug


def let_time_pass(slug: str) -> None:
    """As if the deploy had been in its state for too long."""
    with writing() as db:
        db.execute(update(deploys.deploys).where(deploys.deploys.c.site == slug).values(deadline_at=now()))


def replay_the_past() -> None:
    """Give everything that has been published so far to Usage again."""
    log.catch_up()
    with recording() as work:
        start(work, Wish("metering:usage.measure_deploy", again=True))


def replayed() -> bool:
    """Whether each replay has made one reaction for each of its events, and all of them have ended."""
    with reading() as db:
        ended = page(db, 10)
        return [(each.state, each.made, states(db, each)) for each in ended] == [
            ("done", each.matched, {"done": each.matched}) for each in ended
        ]


def settled(slug: str) -> bool:
    with reading() as db:
        rows = db.execute(select(flows.c.open).where(flows.c.label.startswith(slug))).scalars().all()
        open_rows = select(reactions.c.id).where(
            reactions.c.label.startswith(slug), reactions.c.wake_at.is_not(None)
        )
        return bool(rows) and not any(rows) and db.execute(open_rows).first() is None


@pytest.mark.timeout(400)
def test_a_deploy_survives_a_kill_at_every_fault_point(platform: Platform) -> None:
    born_sealed = get_engine().dialect.name == "sqlite"
    points = [point for point in faults.POINTS if not (born_sealed and point == "sweep.after_seal")]
    slugs = [strike(platform, point) for point in points]
    for slug in slugs:
        wait_for(lambda slug=slug: settled(slug), seconds=60, what=f"{slug} to settle\n{platform.logs()}")
    for slug in slugs:
        check_story(slug, failed=slug.startswith("failure") or slug == "sweep-before-deadline")
    wait_for(replayed, seconds=60, what="the replays to be done")
    assert verify() == []


def check_story(slug: str, *, failed: bool) -> None:
    deploy = deploy_of(slug)
    assert deploy is not None
    with reading() as db:
        story = log.read_flow(db, deploy.flow)
    types = Counter(event.type for event in story)
    if failed:
        assert deploy.status == "failed"
        assert types["site.deploy.failed"] == 1
        return
    assert deploy.status == "live", (slug, deploy.status, deploy.failure)
    assert (
        set(types) | {"domain.target.updated"} == STORY
    )  # which a host name that came late has in its own flow
    assert {type_ for type_, count in types.items() if count > 1} <= {"usage.measured"}
    assert [event.sequence for event in story] == sorted({event.sequence for event in story})
