"""The same things asked for by several people at the same moment: real threads, real transactions."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Engine

from app.commands.deploys import start_deploy
from app.commands.integrity import report_integrity_failure
from app.commands.sites import create_site, delete_site
from app.engine import Failure, log, reading, recording
from app.engine.actions import ACTIONS
from app.engine.rebuild import verify
from app.engine.running import run
from app.errors import PlatformError
from app.models import deploys, sites
from app.signals.deploys import Trigger
from app.signals.storage import IntegrityFailed
from tests.integration.domain.running import Platform
from tests.integration.domain.stories import SOURCE
from tests.integration.domain.test_intents import work_on

AT_ONCE = 6


def at_once(*works: Callable[[], Any]) -> list[Any]:
    """What each of these returned or raised, started at the same moment."""
    results: list[Any] = [None] * len(works)
    start = threading.Barrier(len(works))

    def work(place: int) -> None:
        start.wait(20)
        try:
            results[place] = works[place]()
        except PlatformError as error:
            results[place] = error.code

    threads = [threading.Thread(target=work, args=(place,)) for place in range(len(works))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return results


def asking(command: Callable[..., Any], *args: Any) -> Callable[[], Any]:
    def ask() -> Any:
        with recording() as work:
            return command(work, *args)

    return ask


def test_one_of_many_gets_the_slug(engine: Engine) -> None:
    results = at_once(*[asking(create_site, "hello")] * AT_ONCE)
    assert results.count("slug_taken") == AT_ONCE - 1
    with reading() as db:
        assert len(sites.page(db, 10)) == 1
    assert not verify()


def test_every_deploy_draws_a_number_of_its_own(engine: Engine) -> None:
    asking(create_site, "hello")()
    results = at_once(*[asking(start_deploy, "hello", SOURCE, Trigger(kind="api"))] * AT_ONCE)
    assert sorted(deploy.number for deploy in results) == list(range(1, AT_ONCE + 1))
    with reading() as db:
        listed = deploys.page(db, results[0].site_id, 2, after=4)
    assert [deploy.number for deploy in listed] == [3, 2]
    assert not verify()


def test_a_site_is_deleted_once_and_its_slug_goes_to_one(engine: Engine) -> None:
    asking(create_site, "hello")()
    results = at_once(*[asking(delete_site, "hello")] * 3, *[asking(create_site, "hello")] * 3)
    with reading() as db:
        assert len(sites.page(db, 10)) <= 1
    created = [result for result in results[3:] if result != "slug_taken"]
    assert results[:3].count(None) <= len(created) + 1
    assert not verify()


def test_a_lost_block_is_told_once_by_all_its_readers(engine: Engine) -> None:
    failure = Failure(code="blob_missing", stage="read", message="Gone.")
    problem = IntegrityFailed(digest="ab" * 32, cid="bafk", failure=failure)
    results = at_once(*[asking(report_integrity_failure, problem)] * AT_ONCE)
    assert sorted(results) == [False] * (AT_ONCE - 1) + [True]


@pytest.mark.parametrize("tries", range(2))
def test_two_publications_at_once_leave_the_newer_one_live(platform: Platform, tries: int) -> None:
    platform.deploy()
    older, newer = platform.start({"index.html": b"older"}), platform.start({"index.html": b"newer"})
    for started in (older, newer):
        work_on(platform, started, until="ready")
    messages = [m for m in platform.simulation.messages if m.action == "sites.publish_deploy"]
    assert len(messages) == 2
    platform.simulation.messages[:] = [m for m in platform.simulation.messages if m not in messages]
    order = messages if tries else messages[::-1]
    at_once(*[lambda message=message: run(ACTIONS[message.action], message.reaction) for message in order])
    assert platform.site().live_deploy_id == newer
    assert platform.get(older).status in ("archived", "superseded")
    platform.drain()
    assert platform.get(newer).status == "live"
    log.catch_up()
    with reading() as db:
        told = [event.sequence for event in log.read(db, stream=platform.site().stream)]
    assert told == list(range(1, len(told) + 1))
    assert not verify()
