"""One story: a person types `make run` for the first time, looks around, ends it, and types it again."""

import base64
import json
import os
import re
import signal
import stat
import time
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MAKE_RUN = ("make", "run")
UP = "Antiphon is up"
SECOND_START_SECONDS = 5  # on a machine that does nothing else


def get(port: str, path: str, **headers: str) -> tuple[HTTPResponse, bytes]:
    connection = HTTPConnection("127.0.0.1", int(port), timeout=10)
    connection.request("GET", path, headers={name.replace("_", "-"): text for name, text in headers.items()})
    response = connection.getresponse()
    body = response.read()
    connection.close()
    return response, body


def status(port: str, path: str, **headers: str) -> int:
    return get(port, path, **headers)[0].status


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


def page_of_the_banner(started, port: str) -> str:
    """The path of the sign-in link that the banner shows."""
    found = re.search(rf"http://127\.0\.0\.1:{port}(\S+)", started.wait_for("Sites, flows"))
    assert found, started.text
    return found[1]


@pytest.mark.timeout(400)
def test_a_person_types_make_run_and_has_a_live_site(start, home):
    first = start(ROOT, MAKE_RUN)
    first.wait_for("Logs ", 180)
    ports = {name: first.settings[name] for name in ("PORT", "GATEWAY_PORT", "FLOWER_PORT")}
    the_example_was_deployed_before_the_banner(first)
    the_example_is_served_byte_for_byte(ports["GATEWAY_PORT"])
    token = the_token_is_for_its_owner_alone(home)
    the_api_tells_the_flow(ports["PORT"], token)
    the_link_signs_in_once(ports["PORT"], page_of_the_banner(first, ports["PORT"]))
    flower_asks_for_the_token(ports["FLOWER_PORT"], token)
    it_ends_within_fifteen_seconds(first, home)
    a_second_start_is_quick_and_finds_the_site_live(start, ports)


def the_example_was_deployed_before_the_banner(started) -> None:
    before, _, after = started.text.partition(UP)
    assert "live" in before.lower(), started.text
    assert UP not in after, "one banner"


def the_example_is_served_byte_for_byte(port: str) -> None:
    for path, file in {"/": "index.html", "/about/": "about/index.html", "/mark.svg": "mark.svg"}.items():
        response, body = get(port, path, Host=f"hello.localhost:{port}")
        assert response.status == 200
        assert body == (ROOT / "examples" / "site" / file).read_bytes()
    response, body = get(port, "/no-such-page", Host=f"hello.localhost:{port}")
    assert response.status == 404
    assert body == (ROOT / "examples" / "site" / "404.html").read_bytes()


def the_token_is_for_its_owner_alone(home: Path) -> str:
    file = home / "admin-token"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    return file.read_text().strip()


def the_api_tells_the_flow(port: str, token: str) -> None:
    assert status(port, "/docs") == 200
    assert status(port, "/readyz") == 200
    assert status(port, "/v1/sites/hello") == 401
    response, body = get(port, "/v1/sites/hello", Authorization=f"Bearer {token}")
    assert response.status == 200
    assert json.loads(body)["live_cid"]
    _, body = get(port, "/v1/events?type=site.deploy.*&limit=200", Authorization=f"Bearer {token}")
    types = [event["type"] for event in json.loads(body)["items"]]
    assert types[0] == "site.deploy.requested"
    assert "site.deploy.published" in types


def the_link_signs_in_once(port: str, path: str) -> None:
    response, _ = get(port, path)
    cookie = response.getheader("Set-Cookie") or ""
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert status(port, "/", Cookie=cookie.partition(";")[0]) == 200
    again, _ = get(port, path)
    assert not again.getheader("Set-Cookie"), "the link works once"


def flower_asks_for_the_token(port: str, token: str) -> None:
    assert status(port, "/api/workers") == 401
    basic = base64.b64encode(f"admin:{token}".encode()).decode()
    assert status(port, "/", Authorization=f"Basic {basic}") == 200


def it_ends_within_fifteen_seconds(started, home: Path) -> None:
    began = time.monotonic()
    started.signal(signal.SIGTERM)  # make passes it on; a terminal's Ctrl-C reaches both by itself
    started.wait(15)
    assert time.monotonic() - began < 15
    assert "Stopped." in started.lines
    assert not processes_of(home)


def processes_of(home: Path) -> list[str]:
    """The commands of all processes that were started for this home."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if f"ANTIPHON_HOME={home}".encode() in (entry / "environ").read_bytes().split(b"\0"):
                found.append((entry / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        except OSError:
            continue
    return found


def a_second_start_is_quick_and_finds_the_site_live(start, ports: dict[str, str]) -> None:
    began = time.monotonic()
    second = start(ROOT, MAKE_RUN, **ports)
    second.wait_for(UP)
    took = time.monotonic() - began
    assert status(ports["GATEWAY_PORT"], "/", Host=f"hello.localhost:{ports['GATEWAY_PORT']}") == 200
    others = os.getloadavg()[0] / (os.cpu_count() or 1)  # tests side by side share the machine
    assert took < SECOND_START_SECONDS * (1 + others)
    assert "Installing" not in second.text
    assert "site.deploy" not in second.text, "the example is deployed once"
