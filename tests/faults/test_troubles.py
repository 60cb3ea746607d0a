"""The harness' troubles are real: each fault does what its name says. And neither a fault that cannot be done
nor a platform that stands still keeps the report from coming.
"""

import random
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.exc import OperationalError

from tests.faults.chaos import counting, troubles
from tests.faults.chaos.load import Load, Wish
from tests.faults.chaos.processes import Kept, Platform
from tests.faults.chaos.proxy import Proxy
from tests.faults.chaos.report import Report
from tests.faults.chaos.run import Wanted, _fight
from tests.faults.chaos.troubles import Troubles
from tests.faults.chaos.watching import Watch
from tests.fixtures.databases import Cluster, wait_for

PING, PONG = b"PING\r\n", b"+PONG\r\n"
#: A process with two children, as the workers are.
FAMILY = "sh -c 'sleep 600 & sleep 600 & wait'"


class Field:
    """A Redis behind both proxies and a family of processes: what there is to be harmed."""

    def __init__(self, folder: Path, ends: ExitStack) -> None:
        self.platform = platform = Platform(folder / "field", "sqlite", lease=0.2, sweep=1, keep=False)
        ends.callback(platform.receiver.close)
        ends.callback(platform.redis_proxy.close)
        platform._start_redis(ends)
        platform.postgres_proxy = Proxy(platform.redis_port)
        ends.callback(platform.postgres_proxy.close)
        self.family = Kept("outer", FAMILY, folder, platform.environment)
        ends.callback(self.family.end)
        platform.processes |= {"outer": self.family, "worker": self.family}
        wait_for(lambda: len(self.family.children()) == 2, what="the family")
        self.watch = Watch()
        ends.callback(self.watch.stop)
        self.troubles = Troubles(platform, self.watch, [], random.Random(1))

    @contextmanager
    def struck(self, kind: str) -> Iterator[None]:
        """While a fault lasts; afterwards everything is whole again."""
        self.troubles.strike(kind)
        yield
        self.troubles.finish()
        [fault] = self.watch.faults
        assert (fault.kind, self.troubles.failed) == (kind, [])
        assert fault.over_at

    def connect(self, target: str) -> socket.socket:
        proxy = self.platform.redis_proxy if target == "redis" else self.platform.postgres_proxy
        return socket.create_connection(("127.0.0.1", proxy.port), timeout=0.2)


@pytest.fixture
def field(tmp_path: Path, sqlite_database: Engine, monkeypatch: pytest.MonkeyPatch) -> Iterator[Field]:
    """What lasts, lasts until it is finished."""
    monkeypatch.setattr(troubles, "LASTS", (600.0, 600.0))
    monkeypatch.setattr(troubles, "LASTS_LONG", 0.0)
    with ExitStack() as ends:
        yield Field(tmp_path, ends)


def ping(client: socket.socket) -> bytes | None:
    """What Redis answers; b"" when the connection is broken, None when nothing comes."""
    try:
        client.sendall(PING)
        return client.recv(100)
    except ConnectionError:
        return b""
    except TimeoutError:
        return None


targets = pytest.mark.parametrize("target", ["redis", "postgres"])


@targets
def test_a_cut_breaks_the_connections_of_its_target(field: Field, target: str) -> None:
    other = {"redis": "postgres", "postgres": "redis"}[target]
    with field.connect(target) as client, field.connect(other) as untouched:
        assert (ping(client), ping(untouched)) == (PONG, PONG)
        with field.struck(f"cut {target}"):
            wait_for(lambda: ping(client) == b"", what="the cut")
        assert ping(untouched) == PONG
    with field.connect(target) as client:
        assert ping(client) == PONG


@targets
def test_a_refusal_lasts_until_its_end(field: Field, target: str) -> None:
    def is_refused() -> bool:
        try:
            field.connect(target).close()
        except ConnectionRefusedError:
            return True
        return False

    with field.struck(f"refuse {target}"):
        wait_for(is_refused, what="the refusal")
    assert not is_refused()


@targets
def test_a_silence_lasts_until_its_end(field: Field, target: str) -> None:
    with field.struck(f"silence {target}"), field.connect(target) as client:
        wait_for(lambda: ping(client) is None, what="silence")
    with field.connect(target) as client:
        assert ping(client) == PONG


@targets
def test_slowness_lasts_until_its_end(field: Field, target: str) -> None:
    def fastest() -> float:
        def once() -> float:
            began = time.monotonic()
            assert ping(client) == PONG
            return time.monotonic() - began

        return min(once() for _ in range(5))

    with field.connect(target) as client:
        with field.struck(f"slow {target}"):
            wait_for(lambda: fastest() >= 2 * 0.01, what="slowness")
        assert fastest() < 2 * 0.01


def test_a_flush_leaves_redis_empty(field: Field) -> None:
    with field.platform.redis() as client:
        client.set("key", "value")
        with field.struck("flush redis"):
            assert client.dbsize() == 0


def test_the_world_outside_refuses_until_it_is_done(field: Field) -> None:
    def status() -> int:
        told, key = b'{"event": "e", "deploy": "d"}', {"Idempotency-Key": "k"}
        asked = Request(field.platform.receiver.url, told, key)  # noqa: S310 - our own receiver
        try:
            with urlopen(asked, timeout=5) as answer:  # noqa: S310 - our own receiver
                return int(answer.status)
        except HTTPError as error:
            error.close()
            return error.code

    with field.struck("outside refuses"):
        wait_for(lambda: status() == 503, what="the refusal")
    assert status() == 204
    assert {call.key for call in field.platform.receiver.calls()} == {"k"}


def test_a_postgresql_that_is_restarted_breaks_its_connections(field: Field, postgres: Cluster) -> None:
    field.platform.cluster = postgres
    began, engine = text("SELECT pg_postmaster_start_time()"), create_engine(postgres.url())
    with engine.connect() as db:
        before = db.execute(began).scalar_one()
        with field.struck("restart postgres"), pytest.raises(OperationalError):
            db.execute(began)
        db.invalidate()
    with engine.connect() as db:
        assert db.execute(began).scalar_one() > before
    engine.dispose()


def state_of(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def test_a_paused_process_stands_still_for_longer_than_its_lease(
    field: Field, monkeypatch: pytest.MonkeyPatch
) -> None:
    with subprocess.Popen(["sleep", "600"]) as victim:
        monkeypatch.setattr(field.troubles, "_at_work", lambda: victim.pid)
        field.troubles.strike("pause past lease")
        wait_for(lambda: state_of(victim.pid) == "T", what="the pause")
        began = time.monotonic()
        wait_for(lambda: state_of(victim.pid) != "T", what="its end")
        assert time.monotonic() - began > 1.5 * field.platform.lease
        victim.kill()
    assert [fault.kind for fault in field.watch.faults] == ["pause past lease"]


def test_a_child_a_main_process_or_all_of_them_are_killed(field: Field) -> None:
    main, children = field.family.pid, field.family.children()
    field.troubles.strike("outer child")
    wait_for(lambda: len(field.family.children()) == 1, what="the child's death")
    assert field.family.pid == main
    field.troubles.strike("outer whole")
    wait_for(lambda: field.family.pid != main and len(field.family.children()) == 2, what="another family")
    assert not any(Path(f"/proc/{pid}").exists() and state_of(pid) != "Z" for pid in children)
    field.troubles.strike("outer main")
    wait_for(lambda: len(field.family.deaths) == 2, what="the main process' death")
    assert [fault.kind for fault in field.watch.faults] == ["outer child", "outer whole", "outer main"]
    assert field.watch.kills == 3


@pytest.mark.parametrize(
    ("somebody_comes", "kind"), [(True, "at claim.after_commit"), (False, "outer child")]
)
def test_a_kill_at_a_fault_point_is_one_even_if_nobody_comes_by(
    field: Field, somebody_comes: bool, kind: str
) -> None:
    armed = field.platform.faults / "claim.after_commit"
    field.troubles.rng.choice = lambda several: several[-1]
    field.troubles.strike("at claim.after_commit")
    wait_for(armed.exists, what="the trap")
    if somebody_comes:
        armed.unlink()
    field.troubles.finish()
    assert not armed.exists()
    assert [(fault.kind, fault.kill) for fault in field.watch.faults] == [(kind, True)]


def test_kills_that_have_to_wait_for_their_turn_all_come(field: Field) -> None:
    for _ in range(3):
        field.troubles.strike("at claim.after_commit")
    field.troubles.finish()
    assert field.watch.kills == 3


def test_a_run_that_stands_still_is_given_up_and_a_fault_that_cannot_be_done_is_told(field: Field) -> None:
    field.troubles.planned = ["flush redis"]
    assert not field.troubles.run(lambda: 0.0, patience=0.1)
    assert field.watch.faults == []
    field.troubles.planned = ["restart postgres", "flush redis"]  # of which there is none
    assert field.troubles.run(lambda: 1.0, patience=0.1)
    assert len(field.troubles.failed) == 1
    assert field.watch.faults[-1].kind == "flush redis"


def test_the_watch_goes_on_after_any_error(sqlite_database: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[int] = []

    def look() -> None:
        looks.append(1)
        raise ValueError("a bug")

    monkeypatch.setattr(Watch, "_look", lambda _: look())
    watch = Watch()
    wait_for(lambda: len(looks) > 1, what="another look")
    watch.stop()


def test_a_platform_that_never_answers_has_its_report_all_the_same(
    field: Field, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Wanted, "rest", 0.2)
    monkeypatch.setattr(counting, "count_served", lambda *_: {}["a bug"])
    (field.platform.home / "admin-token").write_text("token")
    report, said = Report("sqlite", seed=1, flows=3, lease=1, wanted_kills=1), list[str]()
    _fight(field.platform, Wanted("sqlite", 1, 3, 1), report, random.Random(1), said.append)
    missed = report.missed()
    assert "wishes not accepted: 3" in missed
    assert "sites serving something else: None" in missed
    assert "kills: 0 of 1" in missed
    assert len(said) == 2


def test_a_wish_that_nobody_answers_is_left() -> None:
    load = Load("http://127.0.0.1:1", "token", [Wish("key", "slug", "word")], lambda: True)
    assert not load.make_site("slug", patience=0.1)
    load.start(1)
    load.close()
    assert not load.done
