"""Host names of a site: who leads where, also when things happen in an unusual order."""

from app.commands.sites import create_site, delete_site
from app.engine import reading
from app.engine.rebuild import verify
from app.models import domains
from app.models.domains import Domain
from tests.integration.domain.running import Platform
from tests.integration.domain.test_intents import work_on

OTHER = {"index.html": b"other"}


def hosts(platform: Platform) -> list[Domain]:
    with reading() as db:
        return domains.of_site(db, platform.site().id)


def test_a_host_name_added_after_the_first_publication_leads_there_at_once(platform: Platform) -> None:
    platform.ask(delete_site, "hello")
    platform.drain()
    platform.ask(create_site, "hello")
    (setup,) = platform.simulation.messages
    first = platform.start()
    platform.simulation.messages.remove(setup)
    work_on(platform, first, until="live")
    assert (platform.get(first).status, platform.get(first).targets, hosts(platform)) == ("live", [], [])
    platform.drain()
    (host,) = hosts(platform)
    assert (host.hostname, host.deploy_id) == ("hello.localhost", first)
    assert platform.types(setup.flow) == [
        "site.created", "domain.added", "domain.target.updated", "domain.sync.completed",
    ]  # fmt: skip
    assert platform.types(platform.get(first).flow).count("usage.measured") == 6
    assert not verify()


def test_a_host_name_added_while_nothing_is_live_leads_nowhere(platform: Platform) -> None:
    assert [(host.deploy_id, host.cid) for host in hosts(platform)] == [(None, None)]


def test_the_sync_of_a_deploy_that_was_replaced_changes_nothing(platform: Platform) -> None:
    older = platform.start()
    work_on(platform, older, until="published")
    newer = platform.start(OTHER)
    work_on(platform, newer, until="live")
    platform.drain()
    assert hosts(platform)[0].deploy_id == newer
    synced = [event for event in platform.story(platform.get(older).flow) if event.type.startswith("domain.")]
    assert [(event.type, event.data["updated"], event.data["unchanged"]) for event in synced] == [
        ("domain.sync.completed", [], ["hello.localhost"])
    ]


def test_the_host_name_of_a_deleted_site_is_free_for_the_next(platform: Platform) -> None:
    first = platform.deploy()
    platform.ask(delete_site, "hello")
    platform.ask(create_site, "hello")
    platform.drain()
    assert [(host.hostname, host.deploy_id) for host in hosts(platform)] == [("hello.localhost", None)]
    second = platform.deploy()
    assert (second.status, second.number, second.cid) == ("live", 1, first.cid)
    assert not verify()


def test_a_site_deleted_before_it_got_its_host_name_gets_none(platform: Platform) -> None:
    platform.ask(create_site, "short-lived")
    setup = platform.simulation.messages[0].flow
    platform.ask(delete_site, "short-lived")
    platform.drain()
    assert platform.types(setup) == ["site.created"]
    assert not verify()
