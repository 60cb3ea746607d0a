"""Two hosts share one database and one Redis; one is cut off in the middle of its work and comes back."""

import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from sqlalchemy import create_engine

from app.engine import log, metadata
from app.engine.rebuild import verify
from app.engine.tables import events, flows, reactions, scopes
from tests.faults.hosts import POSTGRES, REDIS, Centre, Hosts
from tests.faults.hosts import hosts as hosts
from tests.fixtures.databases import wait_for
from tests.fixtures.processes import BIN, ROOT, Watched
from tests.integration.engine.looking import order, rows_of

CELERY = (str(BIN / "celery"), "-A", "tests.integration.engine.toy_worker")
WORKER = ("--without-gossip", "--without-mingle", "-l", "INFO")
#: Seconds: a body takes longer than its lease, and what was lost on the way is sent again after five, ten ...
LEASE, BODY, PATIENCE, MOST_ORDERS = 2, 6, 40, 100


@pytest.fixture
def centre(hosts: Hosts) -> Iterator[Centre]:
    folder = Path(tempfile.mkdtemp(prefix="antiphon-two-"))  # short: it holds a socket
    cluster = Centre(folder, hosts.centre)
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()


@pytest.fixture
def outer(
    hosts: Hosts, centre: Centre, configure: Callable[..., None], toys: ModuleType, tmp_path: Path
) -> dict[str, Watched]:
    """The toys' workers and beat on both hosts; the outer worker of each."""
    engine = create_engine(centre.create("shared"))
    metadata.create_all(engine)
    engine.dispose()
    shared = {"LEASE_SECONDS": str(LEASE), "SWEEP_SECONDS": "0.3", "TOYS": str(tmp_path)}
    socket = hosts.begin_redis()
    configure(DATABASE_URL=centre.url("shared"), REDIS_URL=f"redis+socket://{socket}", **shared)
    workers: dict[tuple[str, str], Watched] = {}
    for host in hosts.names:
        where = {
            "DATABASE_URL": f"postgresql+psycopg://postgres@{hosts.address(host)}:{POSTGRES}/shared",
            "REDIS_URL": f"redis://{hosts.address(host)}:{REDIS}/0",
            "PYTHONPATH": str(ROOT),
        }
        for queue in ("inner", "outer"):
            options = ("worker", "-Q", queue, "-n", f"{queue}@{host}", "-c", "2", *WORKER)
            workers[queue, host] = hosts.begin(host, f"{queue}-{host}", *CELERY, *options, **where)
        beat = ("beat", "-S", "app.engine.workers.SweepScheduler")
        hosts.begin(host, f"beat-{host}", *CELERY, *beat, **where)
    wait_for(lambda: all(each.says("ready.") for each in workers.values()), seconds=60, what="the workers")
    return {host: workers["outer", host] for host in hosts.names}


def sending(parcel: str) -> Any:
    """The reaction that sends a parcel, once there is one."""
    return next(iter(rows_of(reactions, action="toys.send", label=f"parcel {parcel}")), None)


def host_of(parcel: str) -> str | None:
    """Where a parcel is, or was, sent."""
    row = sending(parcel)
    return row and row.worker and row.worker.partition(":")[0]


def is_sent(parcel: str) -> bool:
    row = sending(parcel)
    return row is not None and row.state == "done"


def order_until(toys: ModuleType, name: str, host: str) -> str:
    """Order parcels one after the other until one is taken up on this host, which may have to find its way
    to the broker first; that one.
    """
    for number in range(MOST_ORDERS):
        parcel = f"{name} {number}"
        order(toys, parcel)
        wait_for(lambda parcel=parcel: host_of(parcel), seconds=PATIENCE, what=f"{parcel} to be taken up")
        if host_of(parcel) == host:
            return parcel
    raise AssertionError(f"host {host} takes nothing up")


@pytest.mark.timeout(240)
def test_a_host_that_is_cut_off_loses_its_work_to_the_other_and_comes_back(
    hosts: Hosts, outer: dict[str, Watched], toys: ModuleType, tmp_path: Path
) -> None:
    seconds = tmp_path / "send.seconds"
    order_until(toys, "before, a", "a")
    order_until(toys, "before, b", "b")
    seconds.write_text(str(BODY))
    parcel = order_until(toys, "cut", "a")
    claimed = sending(parcel)
    seconds.write_text("0")

    hosts.cut_off("a")
    meanwhile = [f"meanwhile {number}" for number in range(3)]
    for each in meanwhile:
        order(toys, each)
    wait_for(lambda: is_sent(parcel), seconds=PATIENCE, what="the other host to take the work over")
    taken = sending(parcel)
    assert (claimed.worker[0], taken.worker[0]) == ("a", "b")
    assert taken.attempt == claimed.attempt + 1
    assert (taken.started_at - claimed.started_at).total_seconds() >= LEASE
    wait_for(lambda: all(map(is_sent, meanwhile)), seconds=PATIENCE, what="what came during the cut")
    assert {host_of(each) for each in meanwhile} == {"b"}

    hosts.join_again("a")
    wait_for(lambda: outer["a"].says(": 'lost'"), seconds=PATIENCE, what="the late commit to fail")
    seconds.write_text("0.2")  # slow enough for the other host to have its hands full
    order_until(toys, "after", "a")
    wait_for(lambda: not any(row.open for row in rows_of(flows)), seconds=PATIENCE, what="all flows to end")
    check_world(tmp_path)


def check_world(folder: Path) -> None:
    """Every parcel went its way once; outside, a repeat bore the key of the first call."""
    wait_for(lambda: not any(row.wake_at for row in rows_of(reactions)), what="the followers")
    log.catch_up()
    ordered = len(rows_of(flows))
    kinds = Counter(row.type for row in rows_of(events))
    assert {kinds[f"toy.parcel.{name}"] for name in ("ordered", "packed", "sent", "insured")} == {ordered}
    assert kinds["toy.parcel.arrived"] == ordered
    assert {row.state for row in rows_of(reactions)} == {"done"}
    assert {(row.state, row.open) for row in rows_of(flows)} == {("succeeded", 0)}
    assert {row.open for row in rows_of(scopes)} == {0}
    keys = [line.split()[1] for line in (folder / "effects").read_text().splitlines() if "send" in line]
    assert set(keys) == {row.id for row in rows_of(reactions, action="toys.send")}
    assert verify() == []
