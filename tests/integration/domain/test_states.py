"""The states of a deploy: each fact in each state, also the impossible ones, and the same after a rebuild."""

from datetime import timedelta

import pytest
from sqlalchemy import Engine

from app.engine.rebuild import rebuild, verify
from app.models.progress import PATIENCE, REMINDER
from app.signals.sites import SiteDeleted
from tests.integration.domain.stories import (
    DIFF,
    FACTS,
    HOST,
    PATHS,
    SITE,
    bring,
    dead_letter,
    make_site,
    tell,
    the_deploy,
    the_site,
)

UNPUBLISHED = ["requested", "building", "packaging", "uploading", "ready"]
STATES = [*PATHS, "archived"]
#: What moves a deploy from where to where. Nothing else moves it.
MOVES = {
    ("requested", "source_fetched"): "building",
    ("building", "build_skipped"): "packaging",
    ("packaging", "artifact_ready"): "uploading",
    ("packaging", "skipped"): "skipped",
    ("uploading", "uploaded"): "ready",
    ("ready", "published"): "published",
    ("published", "completed"): "live",
    ("published", "rolled_back"): "published",
    ("live", "rolled_back"): "published",
    ("archived", "rolled_back"): "published",
} | {(state, end): end for state in UNPUBLISHED for end in ("failed", "superseded", "cancelled")}


@pytest.mark.parametrize("fact", [fact for fact in FACTS if fact != "requested"])
def test_a_fact_moves_a_deploy_only_where_it_is_possible(engine: Engine, fact: str) -> None:
    make_site()
    for number, state in enumerate(STATES):
        before = bring(number * 2 + 1, state)
        assert before.status == state
        tell(FACTS[fact](before.number), flow=before.last_flow)
        after = the_deploy(before.number)
        assert after.status == MOVES.get((state, fact), state), f"{fact} in state {state}"
        if after.status == state and (state, fact) not in MOVES:
            assert (after.last_event, after.entered_at) == (before.last_event, before.entered_at)
    assert not verify()


def test_a_new_deploy_holds_what_was_asked_for(engine: Engine) -> None:
    make_site()
    deploy = bring(1, "requested")
    assert (deploy.site_id, deploy.site, deploy.number, deploy.stream) == ("s1", "hello", 1, "/sites/s1")
    assert deploy.trigger == {"kind": "api", "ref": None}
    assert deploy.source["key"] == "key-1"
    assert deploy.warnings == [{"code": "w", "message": "W.", "hint": ""}]
    assert (deploy.message, deploy.commit, deploy.ref) == ("First", None, None)
    assert deploy.flow == deploy.last_flow == "flow-1"
    assert the_site().intent == 1


def test_the_artifact_gives_a_deploy_its_name_and_size(engine: Engine) -> None:
    make_site()
    deploy = bring(1, "uploading")
    assert (deploy.cid, deploy.files, deploy.bytes, deploy.diff) == ("cid1", 2, 30, DIFF.model_dump())


def test_only_a_deploy_that_is_somewhere_on_its_way_has_a_deadline(engine: Engine) -> None:
    make_site()
    for number, state in enumerate(STATES):
        deploy = bring(number * 2 + 1, state)
        expected = deploy.entered_at + PATIENCE[state] if state in PATIENCE else None
        assert deploy.deadline_at == expected, state


@pytest.mark.parametrize("state", [*UNPUBLISHED, "published"])
def test_a_stall_moves_nothing_and_is_told_again_when_nobody_answers(engine: Engine, state: str) -> None:
    make_site()
    before = bring(1, state)
    tell(FACTS["stalled"](1))
    after = the_deploy(1)
    assert after.status == state
    assert after.deadline_at is not None
    assert timedelta() < after.deadline_at - before.entered_at < REMINDER + timedelta(minutes=1)


def test_a_failed_deploy_says_why_and_how_far_it_came(engine: Engine) -> None:
    make_site()
    deploy = bring(1, "failed")
    assert deploy.failure is not None
    assert (deploy.failure["code"], deploy.stage) == ("backend_full", "upload")
    assert deploy.completed_at is not None
    assert (the_site().live_cid, the_site().published_intent) == (None, 0)


def test_publishing_moves_the_pointer_and_archives_what_was_live(engine: Engine) -> None:
    make_site()
    bring(1, "live")
    bring(2, "published")
    assert (the_deploy(1).status, the_deploy(2).status) == ("archived", "published")
    assert (the_site().live_deploy_id, the_site().live_cid, the_site().published_intent) == ("d2", "cid2", 2)


def test_an_impossible_publication_does_not_move_the_pointer(engine: Engine) -> None:
    make_site()
    bring(1, "live")
    bring(2, "failed")
    tell(FACTS["published"](2))
    assert (the_site().live_deploy_id, the_deploy(1).status, the_deploy(2).status) == ("d1", "live", "failed")


def test_a_skipped_deploy_fulfils_its_wish_without_moving_the_pointer(engine: Engine) -> None:
    make_site()
    bring(1, "live")
    skipped = bring(2, "skipped")
    assert (skipped.cid, skipped.files, skipped.completed_at is not None) == ("cid2", 2, True)
    assert (the_site().live_deploy_id, the_site().published_intent) == ("d1", 2)


def test_a_rollback_publishes_the_old_one_again_and_its_targets_start_afresh(engine: Engine) -> None:
    make_site()
    first_time = bring(1, "live").published_at
    bring(2, "live")
    tell(FACTS["rollback_requested"](1), FACTS["rolled_back"](1), flow="flow-back")
    back = the_deploy(1)
    assert (back.status, back.targets, back.completed_at, back.partial) == ("published", [], None, False)
    assert (back.flow, back.last_flow, back.published_at) == ("flow-1", "flow-back", first_time)
    assert the_deploy(2).status == "archived"
    assert (the_site().live_deploy_id, the_site().intent, the_site().published_intent) == ("d1", 51, 51)


def test_a_deploy_replaced_before_it_was_complete_keeps_its_result_and_stays_archived(engine: Engine) -> None:
    make_site()
    bring(1, "published")
    bring(2, "published")
    tell(FACTS["completed"](1), flow="flow-1")
    deploy = the_deploy(1)
    assert (deploy.status, deploy.completed_at is not None) == ("archived", True)
    assert deploy.targets == [HOST.model_dump()]


def test_an_action_given_up_after_the_publication_is_a_missing_target(engine: Engine) -> None:
    make_site()
    bring(1, "published")
    tell(dead_letter(1), dead_letter(1, follower=True, action="notifications.tell"), flow="flow-1")
    assert [(target["id"], target["status"]) for target in the_deploy(1).targets] == [
        ("domains.sync_records", "failed")
    ]


def test_an_action_given_up_before_the_publication_is_no_target(engine: Engine) -> None:
    make_site()
    bring(1, "uploading")
    tell(dead_letter(1), flow="flow-1")
    assert the_deploy(1).targets == []


def test_durations_are_those_of_the_stages_passed(engine: Engine) -> None:
    make_site()
    deploy = bring(1, "live")
    assert set(deploy.durations) == {"fetch", "build", "package", "upload", "publish", "complete"}
    assert all(isinstance(took, int) and took >= 0 for took in deploy.durations.values())


def test_what_a_deleted_site_served_is_archived(engine: Engine) -> None:
    make_site()
    bring(1, "live")
    tell(SiteDeleted(**SITE))
    site = the_site()
    assert (site.deleted, site.live_deploy_id, site.live_cid) == (True, None, None)
    assert the_deploy(1).status == "archived"


def test_facts_about_a_deploy_nobody_asked_for_change_nothing(engine: Engine) -> None:
    make_site()
    tell(*(fact(7) for name, fact in FACTS.items() if name != "requested"))
    assert (the_site().live_deploy_id, the_site().published_intent) == (None, 0)
    assert not verify()


def test_a_rebuild_gives_the_same_tables(engine: Engine) -> None:
    make_site()
    for number, state in enumerate(STATES):
        bring(number * 2 + 1, state)
    before = [the_deploy(number * 2 + 1) for number in range(len(STATES))], the_site()
    rebuild()
    assert ([the_deploy(number * 2 + 1) for number in range(len(STATES))], the_site()) == before
    assert not verify()
