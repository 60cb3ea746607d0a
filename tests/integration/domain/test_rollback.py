"""Going back to an earlier deploy."""

import pytest

from app.commands.rollback import roll_back
from app.commands.sites import create_site, delete_site
from app.engine import reading
from app.engine.rebuild import verify
from app.models import domains
from tests.integration.domain.running import SITE_A, Platform
from tests.integration.domain.test_intents import work_on

OTHER = {"index.html": b"other"}
THIRD = {"index.html": b"third"}


def flow_of(platform: Platform, deploy_id: str) -> str:
    return platform.get(deploy_id).last_flow


def test_a_rollback_serves_the_deploy_before_again(platform: Platform) -> None:
    first, second = platform.deploy(), platform.deploy(OTHER)
    platform.ask(roll_back, "hello", reason="broken menu")
    platform.drain()
    back = platform.get(first.id)
    assert (back.status, platform.get(second.id).status) == ("live", "archived")
    assert (platform.site().live_deploy_id, platform.site().live_cid) == (first.id, first.cid)
    with reading() as db:
        (host,) = domains.of_site(db, back.site_id)
    assert (host.deploy_id, host.cid) == (first.id, first.cid)
    assert back.flow == first.flow != back.last_flow
    assert platform.flow(back.last_flow) == ("rollback", "succeeded", 0)
    assert not verify()


def test_its_flow_is_the_publications_without_the_work(platform: Platform) -> None:
    first, second = platform.deploy(), platform.deploy(OTHER)
    platform.ask(roll_back, "hello", reason="broken menu")
    platform.drain()
    story = platform.story(flow_of(platform, first.id))
    assert sorted(event.type for event in story) == sorted(
        [
            "site.deploy.rollback_requested",
            "site.deploy.rolled_back",
            "domain.target.updated",
            "domain.sync.completed",
            "site.deploy.completed",
            "notification.sent",
            *["usage.measured"] * 3,
        ]
    )
    moved = story[1].data
    assert (moved["from_deploy_id"], moved["to_deploy_id"], moved["to_cid"]) == (
        second.id,
        first.id,
        first.cid,
    )
    assert (moved["intent"], moved["reason"], story[1].label) == (3, "broken menu", "hello #1")


def test_going_back_twice_goes_back_two_deploys(platform: Platform) -> None:
    first, _, _ = platform.deploy(), platform.deploy(OTHER), platform.deploy(THIRD)
    for _ in range(2):
        platform.ask(roll_back, "hello")
        platform.drain()
    assert platform.site().live_deploy_id == first.id


def test_two_impatient_rollbacks_mean_the_same(platform: Platform) -> None:
    _, second, _ = platform.deploy(), platform.deploy(OTHER), platform.deploy(THIRD)
    for _ in range(2):
        platform.ask(roll_back, "hello")
    platform.drain()
    assert platform.site().live_deploy_id == second.id
    assert platform.get(second.id).status == "live"
    assert not verify()


def test_any_published_deploy_can_be_named_also_a_newer_one(platform: Platform) -> None:
    first, _, third = platform.deploy(), platform.deploy(OTHER), platform.deploy(THIRD)
    platform.ask(roll_back, "hello", first.id)
    platform.drain()
    platform.ask(roll_back, "hello", third.id)
    platform.drain()
    assert platform.site().live_deploy_id == third.id
    assert platform.get(third.id).status == "live"


def test_a_deploy_asked_for_before_the_rollback_is_superseded_by_it(platform: Platform) -> None:
    first, _ = platform.deploy(), platform.deploy(OTHER)
    pending = platform.start(THIRD)
    work_on(platform, pending, until="uploading")
    platform.ask(roll_back, "hello")
    while platform.site().live_deploy_id != first.id:  # the rollback's messages only
        message = next(m for m in platform.simulation.messages if m.action == "sites.roll_back")
        platform.simulation.messages = [
            message,
            *(m for m in platform.simulation.messages if m is not message),
        ]
        platform.simulation.step()
    platform.drain()
    assert (platform.get(pending).status, platform.site().live_deploy_id) == ("superseded", first.id)


def test_a_deploy_asked_for_after_the_rollback_wins_even_if_it_is_published_first(platform: Platform) -> None:
    platform.deploy()
    second = platform.deploy(OTHER)
    platform.ask(roll_back, "hello")
    asked = platform.simulation.messages[-1].flow
    newer = platform.start(THIRD)
    work_on(platform, newer, until="published")
    platform.drain()
    assert platform.site().live_deploy_id == newer
    assert platform.types(asked) == ["site.deploy.rollback_requested", "site.deploy.rollback_superseded"]
    assert platform.story(asked)[-1].data["by_deploy_id"] == newer
    assert platform.flow(asked) == ("rollback", "succeeded", 0)
    assert platform.get(second.id).status == "archived"


def test_a_deploy_after_a_rollback_goes_live_as_ever(platform: Platform) -> None:
    first, second = platform.deploy(), platform.deploy(OTHER)
    platform.ask(roll_back, "hello")
    platform.drain()
    again = platform.deploy(OTHER)
    assert (again.status, again.cid, again.number) == ("live", second.cid, 4)
    assert platform.get(first.id).status == "archived"


def test_content_that_was_rolled_back_to_is_unchanged(platform: Platform) -> None:
    platform.deploy()
    platform.deploy(OTHER)
    platform.ask(roll_back, "hello")
    platform.drain()
    assert platform.deploy(SITE_A).status == "skipped"


def test_a_rollback_of_a_site_that_was_deleted_meanwhile_comes_to_nothing(platform: Platform) -> None:
    platform.deploy()
    platform.deploy(OTHER)
    platform.ask(roll_back, "hello")
    asked = platform.simulation.messages[-1].flow
    platform.ask(delete_site, "hello")
    platform.ask(create_site, "hello")
    platform.drain()
    assert platform.types(asked) == ["site.deploy.rollback_requested"]
    assert platform.site().live_deploy_id is None


@pytest.mark.parametrize("state", ["published", "live"])
def test_a_flow_that_lost_its_deploy_to_a_rollback_does_not_complete_it_again(
    platform: Platform, state: str
) -> None:
    first = platform.start()
    work_on(platform, first, until=state)
    second = platform.start(OTHER)
    work_on(platform, second, until="published")
    platform.ask(roll_back, "hello", first)
    platform.drain()
    assert platform.get(first).status == "live"
    own, back = platform.get(first).flow, platform.get(first).last_flow
    completed = [platform.types(flow).count("site.deploy.completed") for flow in (own, back)]
    assert completed[1] == 1
    assert platform.flow(own)[1:] == ("succeeded", 0)
