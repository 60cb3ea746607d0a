"""The meters against an independent count: a real gateway over sockets, and visitors who count for themselves
what they get.
"""

import http.client
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from app.engine.rebuild import rebuild, verify
from app.services.traffic import open_traffic
from tasks.traffic import count_traffic
from tests.fixtures.api import Api, started
from tests.fixtures.databases import wait_for
from tests.fixtures.simulation import Simulation
from tests.unit.content.forge import zip_of

ROOT = Path(__file__).parents[3]
GUNICORN = (str(Path(sys.executable).with_name("gunicorn")), "-c", "config/gateway.py", "gateway:app")
MIB = 1 << 20
LARGE = bytes(32 * MIB)
SITE = {
    "index.html": b"<h1>hello</h1>\n",
    "assets/app.js": b"console.log(1)\n" * 500,
    "docs/a.txt": b"a" * 1000,
    "docs/b.txt": b"b" * 10,
    "empty.txt": b"",
    "404.html": b"<h1>not here</h1>",
    "large.bin": LARGE,
}
Wish = tuple[str, str, dict[str, str]]
ROUND: list[Wish] = [
    ("GET", "/", {}),
    ("GET", "/assets/app.js", {"Accept-Encoding": "gzip, br"}),
    ("GET", "/assets/app.js", {"Range": "bytes=10-99"}),
    ("GET", "/assets/app.js", {"Range": "bytes=-5"}),
    ("GET", "/assets/app.js", {"Range": "bytes=1-2,5-9"}),
    ("GET", "/assets/app.js", {"Range": "bytes=99999999-"}),
    ("GET", "/assets/app.js", {"If-None-Match": "*"}),
    ("HEAD", "/assets/app.js", {}),
    ("HEAD", "/large.bin", {}),
    ("HEAD", "/nothing", {}),
    ("GET", "/large.bin", {"Range": f"bytes={MIB - 5}-{3 * MIB}"}),
    ("GET", "/docs", {}),
    ("GET", "/docs/", {}),
    ("GET", "/empty.txt", {}),
    ("GET", "/nothing/here.html", {}),
]
STATUSES = [200, 200, 206, 206, 200, 416, 304, 200, 200, 404, 206, 301, 200, 200, 404]

pytestmark = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)  # it is the gateway that is shown


@dataclass
class Gateway:
    """One gateway process, and what its visitors have got from it: of which site, how many bytes."""

    port: int
    process: subprocess.Popen[bytes]
    seen: list[tuple[str, int]] = field(default_factory=list)

    def counted(self, *sites: str) -> dict[str, int]:
        sizes = [size for site, size in self.seen if site in sites]
        return {"bandwidth": sum(sizes), "requests": len(sizes)}

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)

    def answers(self) -> bool:
        connection = self.connect()
        try:
            connection.request("GET", "/healthz")
            return connection.getresponse().status == 200
        except OSError:
            assert self.process.poll() is None, "the gateway has died"
            return False
        finally:
            connection.close()

    def visit(self, connection: http.client.HTTPConnection, what: Wish, host: str, site: str = "") -> int:
        """Ask, read all of the answer, and count the bytes of its body, for the site that it should be."""
        method, path, headers = what
        connection.request(method, path, headers={"Host": f"{host}:{self.port}", **headers})
        with connection.getresponse() as answer:
            self.seen.append((site, len(answer.read())))
            return answer.status

    def hang_up(self, path: str, after: int) -> int:
        """Ask, read so many bytes at least, and be gone; returns how many that were, without the head."""
        with socket.socket() as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 * 1024)
            connection.settimeout(20)
            connection.connect(("127.0.0.1", self.port))
            connection.sendall(f"GET {path} HTTP/1.1\r\nHost: hello.localhost\r\n\r\n".encode())
            got = b""
            while len(got) < after:
                got += connection.recv(65536)
            return len(got) - got.index(b"\r\n\r\n") - 4


@pytest.fixture
def api(engine: Engine, configure: Callable[..., None], simulation: Simulation) -> Api:
    """Site hello is live, its content in a folder that another process reads too."""
    api = started(configure, STORAGE_BACKEND="folder", PYTHONPATH=str(ROOT))
    api.post("/v1/sites", {"slug": "hello"})
    api.deploy(archive=zip_of(SITE.items()))
    simulation.drain()
    return api


@pytest.fixture
def gateway(api: Api, configure: Callable[..., None]) -> Iterator[Gateway]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    configure(GATEWAY_PORT=str(port), GATEWAY_URL="http://localhost:8080")
    command = subprocess.Popen(
        GUNICORN, cwd=ROOT, env=os.environ, stderr=subprocess.DEVNULL, start_new_session=True
    )
    running = Gateway(port, command)
    try:
        wait_for(running.answers, what="the gateway")
        yield running
    finally:
        os.killpg(command.pid, signal.SIGKILL)
        command.wait(20)


def measured(api: Api, **query: Any) -> dict[str, int]:
    count_traffic()
    found = api.get("/v1/usage", query_string={"from": "2000-01-01", "to": "2100-01-01", **query}).json
    totals = {each["meter"]: each["total"] for each in found["meters"]}
    return {name: totals[name] for name in ("bandwidth", "requests")}


def test_the_meters_say_what_the_visitors_have_counted_also_after_a_kill(api: Api, gateway: Gateway) -> None:
    cid = api.get("/v1/sites/hello").json["live_cid"]
    others = [
        ("localhost", f"/ipfs/{cid}/assets/app.js"),
        ("localhost", "/ipfs/no-cid"),
        ("nobody.localhost", "/"),
    ]

    def visit_all(_number: int) -> list[int]:
        with closing(gateway.connect()) as connection:  # all of it over one connection
            return [gateway.visit(connection, what, "hello.localhost", "hello") for what in ROUND]

    with ThreadPoolExecutor(4) as visitors:
        assert list(visitors.map(visit_all, range(4))) == [STATUSES] * 4
    for method, host, path in [*(("GET", *each) for each in others), ("POST", "hello.localhost", "/")]:
        with closing(gateway.connect()) as connection:
            gateway.visit(connection, (method, path, {}), host)
    everything = gateway.counted("hello", "")
    wait_for(lambda: measured(api)["requests"] == everything["requests"], what="the last line")
    os.killpg(gateway.process.pid, signal.SIGKILL)
    gateway.process.wait(20)
    for check in (lambda: None, rebuild):
        check()
        assert measured(api) == everything
        assert measured(api, site="hello") == gateway.counted("hello")
    assert open_traffic().files() == []
    assert verify() == []


def test_of_a_visitor_who_hangs_up_no_more_is_counted_than_left_the_gateway(
    api: Api, gateway: Gateway
) -> None:
    got = gateway.hang_up("/large.bin", 4 * MIB)
    wait_for(lambda: measured(api)["requests"] == 1, what="the line")
    counted = measured(api)["bandwidth"]
    assert got - MIB <= counted <= got + 16 * MIB < len(LARGE)  # blocks of 1 MiB, and what the kernel holds


def test_a_gateway_that_cannot_write_serves_all_the_same(api: Api, gateway: Gateway) -> None:
    traffic = Path("var/traffic").resolve()
    traffic.parent.mkdir(exist_ok=True)
    if traffic.exists():
        traffic.rename(traffic.with_name("before"))
    traffic.touch()
    with closing(gateway.connect()) as connection:
        assert gateway.visit(connection, ("GET", "/", {}), "hello.localhost") == 200
