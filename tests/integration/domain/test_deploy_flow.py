"""The deploy flow through the real engine: what is recorded, why, and what it leaves behind."""

from app.content.archive import entries
from app.content.importer import import_tree
from app.engine import reading
from app.engine.rebuild import verify
from app.models import domains, usage
from app.services.spool import open_spool
from tests.integration.domain.running import SITE_A, Platform, zip_of

CID_A = "bafybeigmoamqjt7twezzhwnwsrnjo2daymysdy4m7msl7ig74czoh6wamm"
STORY = [
    "site.deploy.requested",
    "site.deploy.source_fetched",
    "site.deploy.build_skipped",
    "site.deploy.artifact_ready",
    "storage.upload.completed",
    "site.deploy.uploaded",
    "site.deploy.published",
    "domain.target.updated",
    "domain.sync.completed",
    "site.deploy.completed",
    "notification.sent",
    *["usage.measured"] * 6,
]


def test_a_new_site_gets_its_host_name(platform: Platform) -> None:
    with reading() as db:
        (host,) = domains.of_site(db, platform.site().id)
    assert (host.hostname, host.mode, host.deploy_id) == ("hello.localhost", "default", None)


def test_an_uploaded_archive_goes_live(platform: Platform) -> None:
    deploy = platform.deploy()
    assert (deploy.status, deploy.partial, deploy.cid, deploy.files, deploy.bytes) == (
        "live",
        False,
        CID_A,
        2,
        30,
    )
    assert platform.site().live_cid == CID_A
    assert platform.site().live_deploy_id == deploy.id
    assert deploy.targets == [{"kind": "host", "id": "hello.localhost", "status": "updated", "failure": None}]
    assert deploy.diff == {"added": 2, "changed": 0, "removed": 0, "unchanged": 0}
    assert deploy.deadline_at is None
    assert not verify()


def test_the_flow_records_the_events_of_the_design_each_with_its_cause(platform: Platform) -> None:
    story = platform.story(platform.deploy().flow)
    assert sorted(event.type for event in story) == sorted(STORY)
    main = [event for event in story if event.type.startswith(("site.", "storage."))]
    assert [event.type for event in main] == [
        kind for kind in STORY if kind.startswith(("site.", "storage."))
    ]
    by_id = {event.id: event for event in story}
    causes = {event.data.get("meter", event.type): by_id[event.cause].type for event in story if event.cause}
    assert story[0].cause is None
    assert causes == {
        "site.deploy.source_fetched": "site.deploy.requested",
        "site.deploy.build_skipped": "site.deploy.source_fetched",
        "site.deploy.artifact_ready": "site.deploy.build_skipped",
        "storage.upload.completed": "site.deploy.artifact_ready",
        "site.deploy.uploaded": "storage.upload.completed",
        "site.deploy.published": "site.deploy.uploaded",
        "domain.target.updated": "site.deploy.published",
        "domain.sync.completed": "site.deploy.published",
        "storage_bytes": "storage.upload.completed",
        "storage_bytes_deduplicated": "storage.upload.completed",
        "deploys": "site.deploy.published",
        "published_bytes": "domain.sync.completed",
        "published_files": "domain.sync.completed",
        "notifications": "notification.sent",
        "site.deploy.completed": "site.deploy.published",
        "notification.sent": "site.deploy.completed",
    }
    assert {event.data["site"] for event in story} == {"hello"}
    assert {event.stream for event in story} == {platform.site().stream}
    assert {event.label for event in story} == {"hello #1"}
    assert {event.type for event in story if event.follower} == {"usage.measured", "notification.sent"}


def test_storage_has_exactly_the_blocks_of_the_content(platform: Platform) -> None:
    deploy = platform.deploy()
    done = next(event for event in platform.story(deploy.flow) if event.type == "storage.upload.completed")
    assert (done.data["blocks"], done.data["new_blocks"]) == (4, 4)
    assert set(platform.storage.blobs.values()) >= set(SITE_A.values())
    assert sum(map(len, platform.storage.blobs.values())) == done.data["new_bytes"]


def test_a_second_deploy_sends_only_what_is_new_and_archives_the_first(platform: Platform) -> None:
    first = platform.deploy()
    second = platform.deploy(SITE_A | {"new.html": b"new"})
    done = next(event for event in platform.story(second.flow) if event.type == "storage.upload.completed")
    assert (done.data["blocks"], done.data["new_blocks"]) == (5, 2)
    assert second.diff == {"added": 1, "changed": 0, "removed": 0, "unchanged": 2}
    published = next(event for event in platform.story(second.flow) if event.type == "site.deploy.published")
    assert (published.data["previous_deploy_id"], published.data["previous_cid"]) == (first.id, CID_A)
    assert published.data["urls"] == ["http://hello.localhost:8080/"]
    assert (platform.get(first.id).status, second.status) == ("archived", "live")


def test_unchanged_content_is_skipped(platform: Platform) -> None:
    first = platform.deploy()
    again = platform.deploy(dict(reversed(SITE_A.items())))
    assert (again.status, again.cid) == ("skipped", CID_A)
    assert platform.types(again.flow)[-1] == "site.deploy.skipped"
    skipped = platform.story(again.flow)[-1]
    assert (skipped.data["reason"], skipped.data["matched_deploy_id"]) == ("no_change", first.id)
    assert (platform.site().live_deploy_id, platform.site().published_intent) == (first.id, 2)


def test_a_site_without_an_index_page_goes_live_with_a_warning(platform: Platform) -> None:
    deploy = platform.deploy({"about.html": b"about"})
    assert deploy.status == "live"
    assert [warning["code"] for warning in deploy.warnings] == ["index_missing"]


def test_usage_counts_each_fact_once_and_names_its_event(platform: Platform) -> None:
    deploy = platform.deploy()
    stored = sum(map(len, platform.storage.blobs.values()))
    with reading() as db:
        rows = db.execute(usage.usage.select().order_by(usage.usage.c.meter)).all()
    assert [(row.meter, row.quantity, row.unit) for row in rows] == [
        ("deploys", 1, "deploy"),
        ("notifications", 1, "message"),
        ("published_bytes", 30, "byte"),
        ("published_files", 2, "file"),
        ("storage_bytes", 30, "byte"),
        ("storage_bytes_deduplicated", stored, "byte"),
    ]
    story = {event.id: event for event in platform.story(deploy.flow)}
    assert all(story[row.id].cause == row.cause_event_id for row in rows)
    assert {(row.site, row.deploy_id) for row in rows} == {("hello", deploy.id)}


def test_the_notification_says_what_happened_and_what_next(platform: Platform) -> None:
    deploy = platform.deploy()
    sent = platform.newest(deploy.flow, "notification.sent")
    assert (sent.data["channel"], sent.data["recipient"]) == ("log", "operator@localhost")
    assert sent.data["title"] == "hello #1 is live"
    assert "http://hello.localhost:8080/" in sent.data["text"]
    assert "2 files" in sent.data["text"]


def test_the_archive_is_cleared_away_once_the_deploy_is_over(platform: Platform) -> None:
    started = platform.start()
    key = platform.get(started).source["key"]
    assert open_spool().path(key).exists()
    platform.drain()
    assert not any(path.name == key for path in open_spool()._folder.iterdir())  # type: ignore[attr-defined]


def test_durations_add_up(platform: Platform) -> None:
    deploy = platform.deploy()
    done = next(event for event in platform.story(deploy.flow) if event.type == "site.deploy.completed")
    total = done.data["durations"].pop("total")
    assert set(done.data["durations"]) == {"fetch", "build", "package", "upload", "publish", "complete"}
    assert total == sum(done.data["durations"].values())


def test_a_large_archive_is_sent_in_batches_and_keeps_its_name(platform: Platform) -> None:
    many = {f"p/{number}.html": f"page {number}".encode() for number in range(1200)} | {
        "big.bin": b"x" * (9 << 20)
    }
    started = platform.start(many)
    path = open_spool().path(platform.get(started).source["key"])
    expected = import_tree(entries(path)).root
    platform.drain()
    assert platform.get(started).cid == str(expected)
    assert len(zip_of(many)) == platform.get(started).source["size"]
