"""Redis is disposable: flushed or killed in mid-run it costs seconds; while it is away deploys are accepted
without waiting for it.
"""

import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from statistics import median

import pytest

from app.engine.queue import BREAK_SECONDS
from tests.faults.chaos import counting
from tests.faults.chaos.load import Load, Wish
from tests.faults.chaos.processes import Platform
from tests.faults.chaos.report import COUNTED
from tests.faults.chaos.run import a_folder, look_past_the_proxy
from tests.fixtures.databases import forget_settings, wait_for

LEASE = 10.0  # as people have it who set nothing
UNDISTURBED = 60.0  # seconds for some deploys in peace, on a machine that does much else
LONGEST_WAIT = 1.0  # seconds that a request may wait for the broker


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def running(request: pytest.FixtureRequest) -> Iterator[Platform]:
    """The whole platform behind its proxies, with the times that it has by default."""
    with (
        pytest.MonkeyPatch.context() as environment,
        a_folder() as folder,
        Platform(folder, request.param, lease=LEASE, sweep=1, keep=False) as platform,
    ):
        for name in ("ANTIPHON_HOME", "DATABASE_URL"):
            environment.setenv(name, os.environ.get(name, ""))  # to be put back
        look_past_the_proxy(platform)
        yield platform
        forget_settings()


class People:
    """Some who deploy to sites of their own."""

    def __init__(self, platform: Platform, sites: int) -> None:
        self.wishes: list[Wish] = []
        self.load = Load(platform.url, platform.token, [], lambda: True)
        self.slugs = [f"site-{number}" for number in range(sites)]
        for slug in self.slugs:
            self.load.make_site(slug)

    def ask(self, count: int, *, at_once: int) -> list[float]:
        """Ask for so many deploys; the seconds that each answer took."""
        begin = len(self.wishes)
        new = [
            Wish(f"wish-{number}", self.slugs[number % len(self.slugs)], f"word-{number}")
            for number in range(begin, begin + count)
        ]
        self.wishes += new
        with ThreadPoolExecutor(at_once) as pool:
            return list(pool.map(self._ask, new))

    def _ask(self, wish: Wish) -> float:
        began = time.monotonic()
        self.load.ask(wish)
        took = time.monotonic() - began
        assert (wish.status, wish.tries) == (202, 1), wish
        return took


@pytest.fixture(scope="module")
def people(running: Platform) -> Iterator[People]:
    some = People(running, sites=6)
    yield some
    some.load.close()


def comes_to_rest(platform: Platform, people: People, *, within: float) -> None:
    """Everything ends within so many seconds, and nothing was lost or done twice."""
    wait_for(lambda: not counting.open_things(), seconds=within, what="all flows to end")
    figures = counting.count_database(people.wishes) | counting.count_outside(platform.receiver.calls())
    figures |= counting.count_served(platform.gateway_port, people.wishes)
    assert {name: figures[name] for name in COUNTED} == dict.fromkeys(COUNTED, 0)


@pytest.mark.timeout(240)
def test_a_redis_that_is_flushed_and_killed_in_mid_run_costs_less_than_two_leases(
    running: Platform, people: People
) -> None:
    began = time.monotonic()
    for _ in range(2):
        people.ask(15, at_once=5)
    comes_to_rest(running, people, within=UNDISTURBED)
    usual = time.monotonic() - began  # which depends on what else this machine does

    people.ask(15, at_once=5)
    assert counting.open_things(), "nothing was under way any more"
    with running.redis() as client:
        client.flushall()
    flushed = time.monotonic()
    people.ask(15, at_once=5)
    assert counting.open_things(), "nothing was under way any more"
    assert running.kill(running.processes["redis"].pid)
    comes_to_rest(running, people, within=2 * LEASE + usual - (time.monotonic() - flushed))
    assert len(running.processes["redis"].deaths) == 1


@pytest.mark.timeout(240)
@pytest.mark.parametrize("trouble", ["refuse", "silence"])
def test_without_redis_deploys_are_accepted_at_once_and_run_when_it_is_back(
    running: Platform, people: People, trouble: str
) -> None:
    began = time.monotonic()
    usual = median(people.ask(8, at_once=1))
    usual_at_once = median(people.ask(8, at_once=4))
    comes_to_rest(running, people, within=UNDISTURBED)
    all_of_them = time.monotonic() - began
    getattr(running.redis_proxy, trouble)()
    for _ in range(2):  # on a connection that was there, then on a new one
        at_once, alone = people.ask(4, at_once=4), people.ask(4, at_once=1)
        assert max(alone) - usual < LONGEST_WAIT, (usual, alone)
        assert max(at_once) - usual_at_once < LONGEST_WAIT, (usual_at_once, at_once)
        tries_again = time.monotonic() + BREAK_SECONDS
        wait_for(lambda at=tries_again: time.monotonic() > at, what="the web process to try Redis again")
    running.redis_proxy.forward()
    comes_to_rest(running, people, within=2 * LEASE + all_of_them)
