"""Cancelling deploys: wherever they are, nothing is published any more, and nobody else is hindered."""

from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from sqlalchemy import Engine, delete, select, update

from app.commands.cancel import cancel_deploy, cancel_flow
from app.commands.rollback import roll_back
from app.commands.sites import delete_site
from app.engine import reading
from app.engine.actions import ACTIONS
from app.engine.cancelling import GRACE
from app.engine.database import writing
from app.engine.rebuild import rebuild, verify
from app.engine.sweep import sweep
from app.engine.tables import flows, reactions
from app.errors import Conflict, NotFound, PlatformError
from app.models.deploys import Deploy, deploys
from app.services.spool import open_spool
from app.services.storage.memory import MemoryStorage
from tests.fixtures.schedules import seeds
from tests.integration.domain.running import SITE_A, Platform
from tests.integration.domain.test_intents import OTHER, work_on
from tests.integration.domain.test_seeds import reset

REQUESTED, CANCELLED = "site.deploy.cancel_requested", "site.deploy.cancelled"
FLOW_REQUESTED, FLOW_CANCELLED = "platform.flow.cancel_requested", "platform.flow.cancelled"
STAGES = {"requested": "fetch", "building": "build", "packaging": "package", "uploading": "upload"}
STAGES["ready"] = "publish"
SEEDS = seeds(range(8))


def cancel(platform: Platform, deploy_id: str) -> Deploy:
    return platform.ask(cancel_deploy, deploy_id)


def during(monkeypatch: pytest.MonkeyPatch, what: Callable[[], Any]) -> None:
    """Do something when the first block arrives at storage."""
    good = MemoryStorage.put

    def put(storage: MemoryStorage, blocks: Any) -> None:
        monkeypatch.setattr(MemoryStorage, "put", good)
        what()
        good(storage, blocks)

    monkeypatch.setattr(MemoryStorage, "put", put)


@pytest.mark.parametrize("state", STAGES)
def test_a_deploy_with_nothing_at_work_is_cancelled_at_once(platform: Platform, state: str) -> None:
    live = platform.deploy()
    started = platform.start(OTHER)
    before = work_on(platform, started, until=state)
    assert before.status == state
    answer = cancel(platform, started)
    assert (answer.status, answer.stage, answer.deadline_at) == ("cancelled", STAGES[state], None)
    told = platform.story(before.flow)[-4:]
    assert [event.type for event in told] == [REQUESTED, FLOW_REQUESTED, FLOW_CANCELLED, CANCELLED]
    assert told[0].cause == before.last_event
    said = {"by": "token:t1", "stage": STAGES[state]}
    assert told[0].data.items() >= said.items()
    also = {"reason": "asked", "at_stage": STAGES[state], "forced": False}
    assert told[3].data.items() >= (said | also).items()
    assert platform.flow(before.flow) == ("deploy", "cancelled", 0)
    platform.drain()
    assert platform.site().live_deploy_id == live.id
    with pytest.raises(PlatformError, match="not in the spool"):
        open_spool().path(before.source["key"])
    assert not verify()


def test_an_upload_at_work_ends_between_two_blocks(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tasks.storage.BATCH_BLOCKS", 1)
    started = platform.start()

    def meanwhile() -> None:
        assert cancel(platform, started).status == "uploading"
        platform.simulation.wait(timedelta(seconds=3))

    during(monkeypatch, meanwhile)
    platform.drain()
    deploy = platform.get(started)
    assert (deploy.status, deploy.stage) == ("cancelled", "upload")
    assert len(platform.storage.blobs) == 1
    assert not platform.story(deploy.flow)[-1].data["forced"]
    assert "storage.upload.completed" not in platform.types(deploy.flow)


def test_an_upload_that_hangs_is_left_behind_and_its_late_result_counts_for_nothing(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = platform.start()

    def hang() -> None:
        cancel(platform, started)
        platform.simulation.wait(GRACE)
        assert sweep().cancelled == 1
        assert platform.get(started).status == "cancelled"

    during(monkeypatch, hang)
    platform.drain()
    deploy = platform.get(started)
    ended = next(event for event in platform.story(deploy.flow) if event.type == CANCELLED)
    assert ended.data["forced"]
    assert "storage.upload.completed" not in platform.types(deploy.flow)
    assert platform.site().live_deploy_id is None
    assert platform.deploy().status == "live"  # the next one is not hindered
    assert not verify()


def test_an_upload_that_ends_within_the_grace_time_is_not_published(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = platform.start()
    during(monkeypatch, lambda: cancel(platform, started))
    platform.drain()
    deploy = platform.get(started)
    assert "storage.upload.completed" in platform.types(deploy.flow)
    assert (deploy.status, platform.site().live_deploy_id) == ("cancelled", None)
    assert platform.flow(deploy.flow) == ("deploy", "cancelled", 0)


def test_a_deploy_that_fails_before_anything_was_prevented_has_failed(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = platform.start()
    work_on(platform, started, until="requested")
    path = open_spool().path(platform.get(started).source["key"])
    good = type(open_spool()).path

    def gone(spool: Any, key: str) -> Any:
        monkeypatch.setattr(type(open_spool()), "path", good)
        cancel(platform, started)
        path.unlink()
        return good(spool, key)

    monkeypatch.setattr(type(open_spool()), "path", gone)
    platform.drain()
    deploy = platform.get(started)
    assert (deploy.status, platform.flow(deploy.flow)[1]) == ("failed", "failed")
    assert "platform.flow.cancel_missed" in platform.types(deploy.flow)


def test_asking_again_is_harmless_and_asking_too_late_is_refused(platform: Platform) -> None:
    live = platform.deploy()
    with pytest.raises(Conflict, match="it is live") as refused:
        cancel(platform, live.id)
    assert refused.value.code == "deploy_not_cancellable"
    with pytest.raises(NotFound):
        cancel(platform, "nobody")
    started = platform.start(OTHER)
    assert cancel(platform, started) == cancel(platform, started)
    assert platform.ask(cancel_flow, platform.get(started).flow).state == "cancelled"
    assert platform.types(platform.get(started).flow).count(REQUESTED) == 1
    with pytest.raises(Conflict, match="it succeeded") as refused:
        platform.ask(cancel_flow, live.flow)
    assert refused.value.code == "flow_ended"


def test_the_flow_of_a_deploy_is_cancelled_like_the_deploy(platform: Platform) -> None:
    started = platform.start()
    flow = work_on(platform, started, until="uploading").flow
    platform.ask(cancel_flow, flow)
    assert platform.types(flow)[-4:] == [REQUESTED, FLOW_REQUESTED, FLOW_CANCELLED, CANCELLED]
    assert platform.get(started).status == "cancelled"


def test_a_deploy_whose_flow_has_nothing_open_any_more_is_cancelled_too(platform: Platform) -> None:
    started = platform.start()
    flow = platform.get(started).flow
    with writing() as db:  # as nothing that we know of leaves it
        db.execute(delete(reactions).where(reactions.c.flow == flow))
        db.execute(update(flows).where(flows.c.id == flow).values(open=0, state="succeeded"))
    assert cancel(platform, started).status == "cancelled"
    assert platform.types(flow) == ["site.deploy.requested", REQUESTED, CANCELLED]
    assert platform.flow(flow) == ("deploy", "cancelled", 0)


def test_the_rest_of_a_published_deploy_can_be_cancelled_and_it_is_live_in_part(platform: Platform) -> None:
    started = platform.start()
    flow = work_on(platform, started, until="published").flow
    with pytest.raises(Conflict, match="it is published"):
        cancel(platform, started)
    platform.ask(cancel_flow, flow)
    deploy = platform.get(started)
    assert (deploy.status, deploy.partial, deploy.deadline_at) == ("live", True, None)
    found = {target["id"]: target["status"] for target in deploy.targets}
    assert found == {"domains.sync_records": "cancelled", "hello.localhost": "cancelled"}
    assert platform.types(flow)[-2:] == [FLOW_CANCELLED, "site.deploy.completed"]
    assert platform.flow(flow) == ("deploy", "succeeded", 0)
    assert platform.site().live_deploy_id == started
    platform.drain()
    assert not verify()


def test_what_was_reached_by_then_is_not_called_missing(platform: Platform) -> None:
    started = platform.start()
    flow = work_on(platform, started, until="published").flow
    while "domain.sync.completed" not in platform.types(flow):
        platform.simulation.deliver()
    platform.ask(cancel_flow, flow)
    deploy = platform.get(started)
    assert (deploy.status, deploy.partial) == ("live", False)
    assert [target["status"] for target in deploy.targets] == ["updated"]


def test_a_rollback_that_is_cancelled_first_leaves_the_site_as_it_was(platform: Platform) -> None:
    first, second = platform.deploy(), platform.deploy(OTHER)
    platform.ask(roll_back, "hello")
    with reading() as db:
        flow = db.execute(select(flows.c.id).where(flows.c.kind == "rollback")).scalar_one()
    platform.ask(cancel_flow, flow)
    platform.drain()
    assert platform.types(flow) == ["site.deploy.rollback_requested", FLOW_REQUESTED, FLOW_CANCELLED]
    assert (platform.flow(flow)[1], platform.site().live_deploy_id) == ("cancelled", second.id)
    assert platform.get(first.id).status == "archived"
    assert platform.deploy(SITE_A).status == "live"
    assert not verify()


def test_the_rest_of_a_rollback_can_be_cancelled_and_it_is_live_in_part(platform: Platform) -> None:
    first, _ = platform.deploy(), platform.deploy(OTHER)
    platform.ask(roll_back, "hello")
    platform.simulation.deliver()
    back = platform.get(first.id)
    assert back.status == "published"
    platform.ask(cancel_flow, back.last_flow)
    back = platform.get(first.id)
    assert (back.status, back.partial) == ("live", True)
    assert platform.site().live_deploy_id == first.id
    platform.drain()
    assert not verify()


@pytest.mark.parametrize("who", ["older", "newer"])
def test_of_two_deploys_the_one_that_is_not_cancelled_is_live(platform: Platform, who: str) -> None:
    started = {"older": platform.start(), "newer": platform.start(OTHER)}
    for each in started.values():
        work_on(platform, each, until="uploading")
    cancelled = started.pop(who)
    cancel(platform, cancelled)
    platform.drain()
    [other] = started.values()
    assert (platform.get(cancelled).status, platform.get(other).status) == ("cancelled", "live")
    assert platform.site().live_deploy_id == other
    assert platform.deploy({"index.html": b"third"}).status == "live"


def test_a_deploy_that_was_superseded_while_it_ended_stays_so(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    older, newer = platform.start(), platform.start(OTHER)
    work_on(platform, older, until="uploading")
    work_on(platform, newer, until="ready")

    def meanwhile() -> None:
        cancel(platform, older)
        work_on(platform, newer, until="published")

    during(monkeypatch, meanwhile)
    work_on(platform, older, until="nothing")
    platform.drain()
    assert (platform.get(older).status, platform.get(newer).status) == ("superseded", "live")
    assert platform.flow(platform.get(older).flow)[2] == 0
    assert not verify()


def test_deleting_a_site_ends_the_flows_of_what_is_under_way(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    resting, working = platform.start(), platform.start(OTHER)
    work_on(platform, working, until="uploading")
    during(monkeypatch, lambda: platform.ask(delete_site, "hello"))
    work_on(platform, working, until="nothing")
    assert platform.get(resting).status == "cancelled"
    platform.drain()
    for each in (resting, working):
        deploy = platform.get(each)
        ended = next(event for event in platform.story(deploy.flow) if event.type == CANCELLED)
        assert (deploy.status, ended.data["reason"], ended.data["by"]) == (
            "cancelled",
            "site_deleted",
            "token:t1",
        )
        assert platform.flow(deploy.flow) == ("deploy", "cancelled", 0)
    assert not verify()


@pytest.mark.parametrize("name", ["sites.fetch_source", "sites.package_artifact", "storage.upload_artifact"])
def test_every_long_action_has_check_points(
    platform: Platform, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    started = platform.start()
    body = ACTIONS[name].body

    def cancelled_first(event: Any) -> Any:
        cancel(platform, started)
        platform.simulation.wait(timedelta(seconds=3))
        return body(event)

    monkeypatch.setattr(ACTIONS[name], "body", cancelled_first)
    platform.drain()
    with reading() as db:
        row = db.execute(select(reactions).where(reactions.c.action == name)).one()
    assert (row.state, platform.get(started).status) == ("cancelled", "cancelled")


def cancel_something(platform: Platform, choice: int) -> None:
    """Whatever is there by then: a deploy, or a flow."""
    with reading() as db:
        known = list(db.execute(select(deploys.c.id).order_by(deploys.c.id)).scalars())
        going = list(db.execute(select(flows.c.id).order_by(flows.c.id)).scalars())
    things = [(cancel_deploy, each) for each in known] + [(cancel_flow, each) for each in going]
    with suppress(Conflict):  # it is over, or published
        platform.ask(*things[choice % len(things)])


def check_ends(platform: Platform) -> set[str]:
    with reading() as db:
        rows = db.execute(select(deploys)).all()
        assert {tuple(row) for row in db.execute(select(flows.c.open, flows.c.cancel_at))} == {(0, None)}
        assert set(db.execute(select(reactions.c.state)).scalars()) <= {"done", "cancelled"}
    for row in rows:
        assert row.status in ("live", "archived", "skipped", "superseded", "cancelled")
        assert row.deadline_at is None
        assert row.completed_at
        story = platform.types(row.flow)
        assert ("site.deploy.published" in story) == (row.published_at is not None)
        assert (CANCELLED in story) == (row.status == "cancelled")
        assert not (CANCELLED in story and "site.deploy.published" in story)
        assert story.count(CANCELLED) <= 1
    assert [row.id for row in rows if row.status == "live"] in ([platform.site().live_deploy_id], [])
    assert not verify()
    return {row.status for row in rows}


@pytest.mark.parametrize("block", range(2))
def test_a_cancel_at_any_moment_lets_every_deploy_end(platform: Platform, engine: Engine, block: int) -> None:
    ends: set[str] = set()
    for seed in SEEDS[block::2]:
        reset(platform, engine)
        requests: list[Any] = [partial(platform.start, SITE_A), partial(platform.start, OTHER)]
        requests += [partial(cancel_something, platform, seed + more) for more in (0, 1, 3)]
        requests += [partial(platform.start, {"index.html": b"third"})]
        with platform.simulation.telling():
            platform.drain(seed, arrivals=requests)
            ends |= check_ends(platform)
    assert ends >= {"live", "cancelled"}
    rebuild()
    assert not verify()
