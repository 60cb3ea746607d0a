"""The gateway behind a real server and real sockets: what a test client tidies up or cannot show."""

import http.client
import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import quote

import pytest

from app.content.cid import RAW, Cid
from app.services.storage.folder import FolderStorage
from tests.integration.gateway_site import SITE, World

LARGE = SITE["large.bin"]
APP = """
import json, os
from pathlib import Path
from app.gateway.wsgi import Live, create_gateway
from app.services.storage.folder import FolderStorage
home = Path(os.environ["GATEWAY_TEST_HOME"])
live = json.loads((home / "live.json").read_text())
def find(slug): return Live(slug, live[slug]) if slug in live else None
app = create_gateway(FolderStorage(home / "blobs"), find, lambda report: None)
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("gateway")
    world = World(FolderStorage(home / "blobs"))
    world.deploy("hello", SITE)
    (home / "live.json").write_text(json.dumps(world.live))
    (home / "served.py").write_text(APP)
    return home


@pytest.fixture(scope="module")
def port(home: Path) -> Iterator[int]:
    """A gunicorn of eight threads on a free port."""
    root = str(Path(__file__).parents[2])
    environment = os.environ | {"GATEWAY_TEST_HOME": str(home), "PYTHONPATH": f"{home}:{root}"}
    command = [
        sys.executable,
        "-m",
        "gunicorn",
        "-b",
        "127.0.0.1:0",
        "--threads",
        "8",
        "--no-control-socket",
        "served:app",
    ]
    with subprocess.Popen(
        command, cwd=home, env=environment, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
    ) as server:
        assert server.stderr
        for line in server.stderr:
            if listening := re.search(r"Listening at: http://127\.0\.0\.1:(\d+)", line):
                break
        try:
            assert listening
            with (home / "log").open("w") as log, ThreadPoolExecutor(1) as reader:
                reader.submit(lambda: log.writelines(server.stderr or ()))
                yield int(listening[1])
                server.terminate()
        finally:
            server.kill()


def fetch(port: int, path: str, host: str = "hello.localhost", **headers: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request("GET", path, headers={"Host": f"{host}:{port}", **headers})
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def test_a_whole_site_comes_back_over_one_host_name(port: int) -> None:
    for name, content in SITE.items():
        assert fetch(port, f"/{quote(name)}") == (200, content)
    assert fetch(port, "/") == (200, SITE["index.html"])
    assert fetch(port, "/healthz", f"127.0.0.1:{port}")[0] == 200


def test_many_browsers_load_a_large_file_at_once(port: int) -> None:
    with ThreadPoolExecutor(16) as browsers:
        answers = list(browsers.map(lambda _: fetch(port, "/large.bin"), range(32)))
    assert answers == [(200, LARGE)] * 32


def test_the_parts_of_a_file_make_the_whole(port: int) -> None:
    step = 700_001
    parts = [
        fetch(port, "/large.bin", Range=f"bytes={at}-{at + step - 1}") for at in range(0, len(LARGE), step)
    ]
    assert {status for status, _ in parts} == {206}
    assert b"".join(part for _, part in parts) == LARGE


@pytest.mark.parametrize(
    "path",
    [
        "/../../../etc/passwd",
        "//etc/passwd",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/docs/..%2f..%2findex.html",
        "/\\..\\x",
    ],
)
def test_paths_sent_as_they_are_never_leave_the_site(port: int, path: str) -> None:
    status, body = fetch(port, path)
    assert status == 404
    assert body in (SITE["404.html"], SITE["docs/404.html"])


def test_a_browser_that_hangs_up_in_the_middle_harms_nobody(port: int) -> None:
    for _ in range(12):
        with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
            connection.sendall(b"GET /large.bin HTTP/1.1\r\nHost: hello.localhost\r\n\r\n")
            assert connection.recv(1000).startswith(b"HTTP/1.1 200")
    assert fetch(port, "/large.bin") == (200, LARGE)


def test_damage_met_in_the_middle_is_seen_by_the_browser(port: int, home: Path) -> None:
    digest = Cid.of(LARGE[2 << 20 : 3 << 20], RAW).key
    blob = home / "blobs" / digest[:2] / digest
    good = blob.read_bytes()
    blob.write_bytes(b"!" + good[1:])
    try:
        with pytest.raises(http.client.IncompleteRead) as caught:
            fetch(port, "/large.bin")
        assert caught.value.partial == LARGE[: 2 << 20]
        status, body = fetch(port, "/large.bin")  # by now it counts as missing
        assert (status, json.loads(body)["code"]) == (500, "blob_missing")
    finally:
        FolderStorage(home / "blobs").put([(digest, good)])
    assert fetch(port, "/large.bin") == (200, LARGE)
