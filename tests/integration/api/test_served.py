"""The API as gunicorn serves it with gevent: streams at once, uploads that break off or are large."""

import http.client
import io
import json
import os
import random
import signal
import socket
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from app.commands.sites import create_site
from app.commands.tokens import create_token
from app.engine import recording
from tests.fixtures.api import recorded, spooled
from tests.fixtures.databases import wait_for

ROOT = Path(__file__).parents[3]
GUNICORN = (str(Path(sys.executable).with_name("gunicorn")), "-c", "config/web.py", "wsgi:app")
STREAMS = 9
HEAD = b'--B\r\nContent-Disposition: form-data; name="archive"; filename="site.zip"\r\n\r\n'


@dataclass
class Server:
    """One web process, and the token that it is asked with."""

    port: int
    token: str
    process: subprocess.Popen[bytes]

    def connection(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)

    def get(self, path: str, **headers: str) -> http.client.HTTPResponse:
        connection = self.connection()
        headers |= {"Authorization": f"Bearer {self.token}", "Connection": "close"}
        connection.request("GET", path, headers=headers)
        return connection.getresponse()

    def json(self, path: str) -> Any:
        with self.get(path) as answer:
            return json.load(answer)

    def answers(self) -> bool:
        try:
            with self.get("/readyz") as answer:
                return answer.status == 200
        except OSError:
            assert self.process.poll() is None, "the server has died"
            return False

    def upload(self, body: Iterator[bytes] | bytes, length: int) -> tuple[int, Any]:
        connection = self.connection()
        headers = {"Content-Type": "multipart/form-data; boundary=B", "Content-Length": str(length)}
        headers |= {"Authorization": f"Bearer {self.token}", "Connection": "close"}
        connection.request("POST", "/v1/sites/hello/deploys", body, headers)
        with connection.getresponse() as answer:
            return answer.status, json.load(answer)

    def begin_upload(self, framing: str, sent: bytes) -> socket.socket:
        """A connection over which an upload has begun."""
        head = f"POST /v1/sites/hello/deploys HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {self.token}\r\n"
        head += f"Content-Type: multipart/form-data; boundary=B\r\n{framing}\r\n\r\n"
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=20)
        connection.sendall(head.encode() + sent)
        return connection

    def most_memory(self) -> int:
        """Bytes that the serving process has ever held at once."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        status = Path(f"/proc/{children[0]}/status").read_text()
        return int(status.partition("VmHWM:")[2].split()[0]) * 1024


@pytest.fixture
def server(engine: Engine, configure: Callable[..., None]) -> Iterator[Server]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    configure(PORT=str(port), PYTHONPATH=str(ROOT), STORAGE_BACKEND="folder")
    with recording("test") as work:
        create_site(work, "hello")
        _, secret = create_token(work, "test", ["admin"])
    process = subprocess.Popen(GUNICORN, cwd=ROOT, env=os.environ, stderr=subprocess.DEVNULL)
    running = Server(port, secret, process)
    try:
        wait_for(running.answers, what="the server")
        yield running
    finally:
        process.send_signal(signal.SIGINT)  # at once: nobody waits for open streams
        process.wait(20)


def test_nine_streams_at_once_hold_nobody_up_and_all_hear_what_happens(server: Server) -> None:
    streams = [server.get("/v1/events/stream", Accept="text/event-stream") for _ in range(STREAMS)]
    assert [stream.readline() for stream in streams] == [b"retry: 1000\n"] * STREAMS
    assert server.json("/v1/sites")["items"][0]["slug"] == "hello"
    with recording("test") as work:
        create_site(work, "news")
    last = []
    for stream in streams:
        assert stream.readline() == b"\n"
        last.append(stream.readline())
        assert stream.readline() == b"event: site.created\n"
        assert json.loads(stream.readline().removeprefix(b"data: "))["data"]["site"] == "news"
        stream.close()
    assert len(set(last)) == 1
    assert last[0].startswith(b"id: ")
    place = int(last[0].removeprefix(b"id: "))
    with server.get("/v1/events/stream", **{"Last-Event-ID": str(place - 1)}) as resumed:
        assert [resumed.readline() for _ in range(3)][2] == last[0]


ON_SQLITE = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)


@ON_SQLITE
def test_an_upload_that_breaks_off_is_recorded_and_leaves_nothing(server: Server, tmp_path: Path) -> None:
    sent = HEAD + b"PK\x03\x04" + bytes(200_000)
    whole = {
        "Content-Length: 1000000": sent,
        "Transfer-Encoding: chunked": b"%x\r\n" % (len(sent) + 10) + sent,
    }
    for done, (framing, begun) in enumerate(whole.items()):
        connection = server.begin_upload(framing, begun)
        wait_for(
            lambda: any(name.endswith(".part") for name in spooled(tmp_path)), what="the upload to begin"
        )
        assert server.json("/healthz") == {"status": "ok"}
        connection.close()
        wait_for(lambda done=done: len(recorded("storage.upload.failed")) > done, what="the failure")
    failures = [event.data["failure"]["code"] for event in recorded("storage.upload.failed")]
    assert failures == ["connection_reset", "connection_reset"]
    wait_for(lambda: spooled(tmp_path) == [], what="an empty spool")
    assert recorded("site.deploy.requested") == []


@ON_SQLITE
def test_a_sender_that_stops_half_way_is_told_so(server: Server) -> None:
    with server.begin_upload("Connection: close\r\nContent-Length: 1000", HEAD) as connection:
        connection.shutdown(socket.SHUT_WR)
        with connection.makefile("rb") as answer:
            text = answer.read().decode()
    assert text.startswith("HTTP/1.1 400 ")
    assert json.loads(text.partition("\r\n\r\n")[2])["code"] == "connection_reset"


@ON_SQLITE
def test_a_large_upload_takes_little_memory(server: Server, tmp_path: Path) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("index.html", "large")
        archive.writestr("noise.bin", random.Random(1).randbytes(64 << 20))
    body = HEAD + packed.getvalue() + b"\r\n--B--\r\n"
    first = HEAD + b"PK\r\n--B--\r\n"
    server.upload(first, len(first))  # what it loads for its first upload does not count
    before = server.most_memory()
    status, deploy = server.upload(body, len(body))
    assert (status, deploy["status"]) == (202, "requested")
    assert server.most_memory() - before < 16 << 20
    (requested,) = recorded("site.deploy.requested")
    assert (tmp_path / "var" / "spool" / requested.data["source"]["key"]).stat().st_size == len(
        packed.getvalue()
    )
