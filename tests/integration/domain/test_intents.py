"""Newer wins: whatever finishes first, the newest wish that can be fulfilled is what is served."""

import pytest

from app.commands.sites import delete_site
from app.engine.actions import ACTIONS
from app.engine.rebuild import verify
from app.engine.running import run
from app.models.deploys import Deploy
from app.services.spool import open_spool
from tests.integration.domain.running import SITE_A, Platform

OTHER = {"index.html": b"other"}


def work_on(platform: Platform, deploy_id: str, *, until: str) -> Deploy:
    """Deliver only this deploy's messages until it is in a state, or until nothing is left of them."""
    messages = platform.simulation.messages
    while (deploy := platform.get(deploy_id)).status != until:
        mine = next((message for message in messages if message.flow == deploy.flow), None)
        if mine is None:
            break
        messages.remove(mine)
        run(ACTIONS[mine.action], mine.reaction)
    return platform.get(deploy_id)


def test_of_two_deploys_at_once_the_newer_one_is_live_in_the_end(platform: Platform) -> None:
    older, newer = platform.start(), platform.start(OTHER)
    platform.drain()
    assert platform.site().live_deploy_id == newer
    assert (platform.get(older).status, platform.get(newer).status) == ("archived", "live")


def test_an_older_deploy_that_finishes_last_is_superseded(platform: Platform) -> None:
    older, newer = platform.start(), platform.start(OTHER)
    work_on(platform, newer, until="published")
    assert platform.get(older).status == "superseded"
    platform.drain()
    assert (platform.get(older).status, platform.get(newer).status) == ("superseded", "live")
    story = platform.story(platform.get(older).flow)
    assert [event.type for event in story] == ["site.deploy.requested", "site.deploy.superseded"]
    assert (story[1].cause, story[1].data["by_deploy_id"], story[1].data["at_stage"]) == (
        story[0].id,
        newer,
        "fetch",
    )
    assert platform.flow(platform.get(older).flow) == ("deploy", "succeeded", 0)
    assert not verify()


@pytest.mark.parametrize("state", ["building", "packaging", "uploading", "ready"])
def test_a_deploy_is_superseded_wherever_it_is_on_its_way(platform: Platform, state: str) -> None:
    older, newer = platform.start(), platform.start(OTHER)
    before = work_on(platform, older, until=state)
    assert before.status == state
    work_on(platform, newer, until="published")
    platform.drain()
    after = platform.get(older)
    assert (after.status, platform.site().live_deploy_id) == ("superseded", newer)
    superseded = platform.newest(after.flow, "site.deploy.superseded")
    assert superseded.cause == before.last_event


def test_nothing_is_superseded_before_the_newer_one_is_published(platform: Platform) -> None:
    older, newer = platform.start(), platform.start(OTHER)
    work_on(platform, newer, until="ready")
    assert platform.get(older).status == "requested"


def test_a_broken_newer_deploy_kills_nothing(platform: Platform) -> None:
    older, newer = platform.start(), platform.start(OTHER)
    open_spool().remove(platform.get(newer).source["key"])
    platform.drain()
    assert (platform.get(older).status, platform.get(newer).status) == ("live", "failed")


def test_a_skip_supersedes_what_is_older_as_a_publication_does(platform: Platform) -> None:
    live = platform.deploy()
    older, same = platform.start(OTHER), platform.start(SITE_A)
    work_on(platform, same, until="skipped")
    platform.drain()
    assert (platform.get(older).status, platform.get(same).status) == ("superseded", "skipped")
    assert platform.site().live_deploy_id == live.id
    assert platform.story(platform.get(older).flow)[-1].data["by_deploy_id"] == live.id


def test_what_was_unchanged_when_it_was_asked_for_is_published_if_that_is_no_longer_so(
    platform: Platform,
) -> None:
    platform.deploy()
    between, same = platform.start(OTHER), platform.start(SITE_A)
    work_on(platform, between, until="published")
    platform.drain()
    assert (platform.get(between).status, platform.get(same).status) == ("archived", "live")
    assert platform.site().live_deploy_id == same


def test_a_deploy_replaced_while_its_targets_were_reached_still_ends(platform: Platform) -> None:
    first = platform.start()
    work_on(platform, first, until="published")
    second = platform.start(OTHER)
    work_on(platform, second, until="published")
    platform.drain()
    replaced = platform.get(first)
    assert (replaced.status, replaced.partial, platform.get(second).status) == ("archived", False, "live")
    assert [(target["id"], target["status"]) for target in replaced.targets] == [
        ("hello.localhost", "replaced")
    ]
    assert platform.flow(replaced.flow) == ("deploy", "succeeded", 0)
    told = platform.newest(replaced.flow, "notification.sent")
    assert told.data["title"] == "hello #1 was live until a newer one replaced it"


def test_deleting_a_site_cancels_what_is_under_way(platform: Platform) -> None:
    live = platform.deploy()
    started = platform.start(OTHER)
    work_on(platform, started, until="uploading")
    platform.ask(delete_site, "hello")
    platform.drain()
    cancelled = platform.get(started)
    assert (cancelled.status, cancelled.stage) == ("cancelled", "upload")
    assert platform.flow(cancelled.flow) == ("deploy", "cancelled", 0)
    assert platform.get(live.id).status == "archived"
    assert not verify()
