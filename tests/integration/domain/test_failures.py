"""What goes wrong in a deploy: its typed failure, what stays live, and that nothing is left hanging."""

from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any

import pytest

from app.commands.integrity import report_integrity_failure
from app.engine import Failure, reading, recording
from app.engine.actions import ACTIONS
from app.engine.rebuild import verify
from app.engine.sweep import sweep
from app.engine.tables import flows, reactions, scopes
from app.errors import PermanentError, RetryableError
from app.models import integrity
from app.models.deploys import Deploy
from app.services import notify
from app.services.spool import open_spool
from app.services.storage.memory import MemoryStorage
from app.signals.storage import IntegrityFailed
from tests.integration.domain.running import SITE_A, Platform, zip_of
from tests.integration.domain.test_intents import work_on

OTHER = {"index.html": b"other"}


def assert_failed(platform: Platform, deploy: Deploy, *, code: str, stage: str) -> None:
    assert (deploy.status, deploy.stage) == ("failed", stage)
    failure = Failure.model_validate(deploy.failure)
    assert (failure.code, failure.stage) == (code, stage)
    assert failure.message
    assert platform.flow(deploy.flow) == ("deploy", "failed", 0)
    assert platform.types(deploy.flow).count("site.deploy.failed") == 1
    assert deploy.deadline_at is None
    assert not verify()


@pytest.fixture
def replace(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Let an action do something else."""

    def set_body(name: str, body: Callable[[Any], Any]) -> None:
        monkeypatch.setattr(ACTIONS[name], "body", body)

    return set_body


def test_an_archive_that_is_gone_fails_the_deploy_and_the_live_one_stays(platform: Platform) -> None:
    live = platform.deploy()
    started = platform.start(OTHER)
    open_spool().remove(platform.get(started).source["key"])
    platform.drain()
    failed = platform.get(started)
    assert_failed(platform, failed, code="source_not_found", stage="fetch")
    assert (platform.site().live_deploy_id, platform.get(live.id).status) == (live.id, "live")
    told = platform.newest(failed.flow, "notification.sent")
    assert told.data["title"] == "hello #2 failed at fetch"
    assert "hello #1 stays live." in told.data["text"]
    assert "Upload it again." in told.data["text"]


def test_an_archive_that_is_not_what_was_sent_fails_the_deploy(platform: Platform) -> None:
    started = platform.start()
    open_spool().path(platform.get(started).source["key"]).write_bytes(zip_of(OTHER))
    platform.drain()
    assert_failed(platform, platform.get(started), code="blob_hash_mismatch", stage="fetch")
    told = platform.newest(platform.get(started).flow, "notification.sent")
    assert "Nothing is live yet." in told.data["text"]


def test_an_archive_that_breaks_after_it_was_fetched_fails_in_packaging(platform: Platform) -> None:
    started = platform.start()
    work_on(platform, started, until="building")
    path = open_spool().path(platform.get(started).source["key"])
    path.write_bytes(path.read_bytes()[:-30])
    platform.drain()
    assert_failed(platform, platform.get(started), code="archive_truncated", stage="package")


def test_an_archive_that_changes_after_it_was_named_fails_in_the_upload(platform: Platform) -> None:
    live = platform.deploy()
    started = platform.start(OTHER)
    work_on(platform, started, until="uploading")
    open_spool().path(platform.get(started).source["key"]).write_bytes(zip_of({"index.html": b"forged"}))
    platform.drain()
    failed = platform.get(started)
    assert_failed(platform, failed, code="blob_hash_mismatch", stage="upload")
    assert platform.types(failed.flow)[4:6] == ["storage.upload.failed", "site.deploy.failed"]
    assert platform.site().live_deploy_id == live.id


def test_a_storage_that_is_down_is_asked_again_until_it_is_back(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries = []

    def down_twice(storage: MemoryStorage, digests: Iterable[str]) -> set[str]:
        tries.append(1)
        if len(tries) <= 2:
            raise RetryableError("backend_unavailable", "The storage does not answer.")
        return {digest for digest in digests if digest not in storage.blobs}

    monkeypatch.setattr(MemoryStorage, "missing", down_twice)
    assert platform.deploy().status == "live"
    assert len(tries) == 3
    assert not [
        kind
        for kind in platform.types(platform.get(platform.site().live_deploy_id or "").flow)
        if "fail" in kind
    ]


@pytest.mark.parametrize(
    ("error", "code", "attempts"),
    [
        (
            RetryableError("backend_unavailable", "The storage does not answer.", "Start it."),
            "backend_unavailable",
            8,
        ),
        (RetryableError("backend_full", "The disk is full.", "Make room."), "backend_full", 8),
        (PermanentError("backend_refused", "The storage refused.", "Ask it why."), "backend_refused", 1),
    ],
)
def test_a_storage_that_stays_down_fails_the_deploy(
    platform: Platform,
    monkeypatch: pytest.MonkeyPatch,
    error: PermanentError | RetryableError,
    code: str,
    attempts: int,
) -> None:
    def refuse(_storage: MemoryStorage, _blocks: object) -> None:
        raise error

    live = platform.deploy()
    monkeypatch.setattr(MemoryStorage, "put", refuse)
    failed = platform.deploy(OTHER)
    assert_failed(platform, failed, code=code, stage="upload")
    upload = next(event for event in platform.story(failed.flow) if event.type == "storage.upload.failed")
    assert upload.data["failure"]["attempt"] == attempts
    assert platform.site().live_deploy_id == live.id


def test_an_upload_that_fails_after_its_deploy_was_superseded_says_nothing(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    older, newer = platform.start(), platform.start(OTHER)
    work_on(platform, older, until="uploading")
    put, overtaken = MemoryStorage.put, []

    def overtake(storage: MemoryStorage, blocks: Any) -> None:
        if not overtaken:
            overtaken.append(True)
            work_on(platform, newer, until="published")
            raise PermanentError("backend_refused", "The storage refused.")
        put(storage, blocks)

    monkeypatch.setattr(MemoryStorage, "put", overtake)
    platform.drain()
    assert platform.get(older).status == "superseded"
    assert platform.flow(platform.get(older).flow) == ("deploy", "succeeded", 0)
    assert not [kind for kind in platform.types(platform.get(older).flow) if kind.endswith(".failed")]


def test_a_bug_in_a_step_fails_the_deploy_once_it_was_given_up(
    platform: Platform, replace: Callable[..., None]
) -> None:
    def bug(_event: object) -> None:
        raise ZeroDivisionError("bug")

    replace("sites.accept_upload", bug)
    failed = platform.deploy()
    assert_failed(platform, failed, code="internal", stage="upload")
    assert "platform.reaction.dead_lettered" in platform.types(failed.flow)


def test_a_bug_after_the_publication_leaves_a_live_deploy_with_a_missing_target(
    platform: Platform, replace: Callable[..., None]
) -> None:
    def bug(_event: object) -> None:
        raise ZeroDivisionError("bug")

    replace("domains.sync_records", bug)
    deploy = platform.deploy()
    assert (deploy.status, deploy.partial, deploy.failure) == ("live", True, None)
    assert [(target["kind"], target["id"], target["status"]) for target in deploy.targets] == [
        ("action", "domains.sync_records", "failed"),
        ("host", "hello.localhost", "pending"),
    ]
    assert platform.flow(deploy.flow) == ("deploy", "succeeded", 0)
    told = platform.newest(deploy.flow, "notification.sent")
    assert told.data["title"] == "hello #1 is live, with targets missing"
    assert "hello.localhost (not reached yet)" in told.data["text"]
    assert not verify()


def test_a_sync_that_fails_leaves_the_host_failed_and_the_next_deploy_heals_it(
    platform: Platform, replace: Callable[..., None]
) -> None:
    tries, sync = [], ACTIONS["domains.sync_records"].body

    def refuse_once(event: Any) -> Any:
        tries.append(event)
        if len(tries) == 1:
            raise PermanentError("update_refused", "The server refused.", "Check its key.")
        return sync(event)

    replace("domains.sync_records", refuse_once)
    deploy = platform.deploy()
    assert (deploy.status, deploy.partial) == ("live", True)
    assert [(x["id"], x["status"], x["failure"]["code"]) for x in deploy.targets] == [
        ("hello.localhost", "failed", "update_refused")
    ]
    assert "domain.sync.failed" in platform.types(deploy.flow)
    assert platform.types(deploy.flow).count("usage.measured") == 6
    healed = platform.deploy(OTHER)
    assert (healed.partial, healed.targets[0]["status"]) == (False, "updated")
    assert not verify()


def test_a_bug_in_the_summing_up_completes_the_deploy_as_partial(
    platform: Platform, replace: Callable[..., None]
) -> None:
    def bug(_event: object) -> None:
        raise ZeroDivisionError("bug")

    replace("sites.complete_deploy", bug)
    deploy = platform.deploy()
    assert (deploy.status, deploy.partial) == ("live", True)
    assert platform.flow(deploy.flow) == ("deploy", "succeeded", 0)


@pytest.mark.parametrize("state", ["requested", "building", "packaging", "uploading", "ready"])
def test_a_deploy_that_hangs_fails_when_its_time_is_over(platform: Platform, state: str) -> None:
    started = platform.start()
    work_on(platform, started, until=state)
    platform.simulation.messages.clear()
    forget_reactions(platform)
    platform.drain()
    failed = platform.get(started)
    stage = {"requested": "fetch", "building": "build", "packaging": "package", "uploading": "upload"}
    assert_failed(platform, failed, code="stage_timeout", stage=stage.get(state, "publish"))
    stalled = next(event for event in platform.story(failed.flow) if event.type == "site.deploy.stalled")
    assert stalled.cause in {event.id for event in platform.story(failed.flow)}
    assert f"has been {state} for" in stalled.data["failure"]["message"]


def test_a_published_deploy_that_hangs_is_live_and_partial_never_failed(platform: Platform) -> None:
    started = platform.start()
    work_on(platform, started, until="published")
    platform.simulation.messages.clear()
    forget_reactions(platform)
    platform.drain()
    deploy = platform.get(started)
    assert (deploy.status, deploy.partial, deploy.failure) == ("live", True, None)
    assert "site.deploy.failed" not in platform.types(deploy.flow)


def forget_reactions(platform: Platform) -> None:
    """As if the engine had lost them, which it does not: only the deadline is left."""
    with recording() as work:
        work.db.execute(reactions.delete().where(reactions.c.wake_at.is_not(None)))
        work.db.execute(scopes.delete())
        work.db.execute(flows.update().values(open=0))
    platform.simulation.wait(timedelta(seconds=1))


def test_a_stall_that_is_over_before_it_is_answered_harms_nothing(platform: Platform) -> None:
    started = platform.start()
    work_on(platform, started, until="building")
    waiting, platform.simulation.messages[:] = platform.simulation.messages[:], []
    platform.simulation.wait(timedelta(minutes=21))
    sweep()
    stalled = [message for message in platform.simulation.messages if message.action == "sites.fail_deploy"]
    assert len(stalled) == 1
    platform.simulation.messages[:] = waiting
    work_on(platform, started, until="published")
    platform.drain()
    assert platform.get(started).status == "live"


def test_a_notification_that_cannot_be_sent_harms_nothing(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermanentError("recipient_unknown", "Nobody is there.", "Set NOTIFY_TO.")

    monkeypatch.setattr(notify.LogChannel, "send", refuse)
    deploy = platform.deploy()
    assert (deploy.status, deploy.partial) == ("live", False)
    assert platform.flow(deploy.flow) == ("deploy", "succeeded", 0)
    failed = platform.story(deploy.flow)[-1]
    assert (failed.type, failed.data["failure"]["code"]) == ("notification.failed", "recipient_unknown")
    completed = next(event for event in platform.story(deploy.flow) if event.type == "site.deploy.completed")
    assert failed.data["cause_event_id"] == completed.id
    assert not verify()


def test_deploying_again_heals_a_block_that_storage_has_lost(platform: Platform) -> None:
    live = platform.deploy()
    (lost,) = (digest for digest, block in platform.storage.blobs.items() if block == SITE_A["index.html"])
    del platform.storage.blobs[lost]
    problem = IntegrityFailed(
        digest=lost,
        cid="bafk",
        site="hello",
        failure=Failure(code="blob_missing", stage="read", message="Gone."),
    )
    assert platform.ask(report_integrity_failure, problem)
    again = platform.deploy()
    assert (again.status, again.cid, platform.get(live.id).status) == ("live", live.cid, "archived")
    assert platform.storage.blobs[lost] == SITE_A["index.html"]
    assert "storage.integrity.restored" in platform.types(again.flow)
    with reading() as db:
        assert not integrity.all_broken(db)
    assert platform.deploy().status == "skipped"
    assert not verify()


def test_a_damaged_folder_of_the_live_site_does_not_stop_the_next_deploy(platform: Platform) -> None:
    live = platform.deploy()
    platform.storage.blobs.clear()
    deploy = platform.deploy(OTHER)
    assert (deploy.status, deploy.diff, deploy.cid != live.cid) == ("live", None, True)
