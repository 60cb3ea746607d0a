"""One story: a site of 6,000 files is deployed over HTTP while its workers are killed, and comes back byte
for byte.
"""

import base64
import hashlib
import io
import json
import os
import random
import signal
import zipfile
from collections import Counter
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.databases import wait_for
from tests.fixtures.starts import ROOT

STORY = [
    ("site.deploy.requested", None),
    ("site.deploy.source_fetched", "site.deploy.requested"),
    ("site.deploy.build_skipped", "site.deploy.source_fetched"),
    ("site.deploy.artifact_ready", "site.deploy.build_skipped"),
    ("storage.upload.completed", "site.deploy.artifact_ready"),
    ("site.deploy.uploaded", "storage.upload.completed"),
    ("site.deploy.published", "site.deploy.uploaded"),
    ("domain.target.updated", "site.deploy.published"),
    ("domain.sync.completed", "site.deploy.published"),
    *[("usage.measured", "storage.upload.completed")] * 2,
    ("usage.measured", "site.deploy.published"),
    *[("usage.measured", "domain.sync.completed")] * 2,
    ("usage.measured", "notification.sent"),
    ("site.deploy.completed", "site.deploy.published"),
    ("notification.sent", "site.deploy.completed"),
]
ACTIONS = {
    "sites.fetch_source", "builds.build_site", "sites.package_artifact", "storage.upload_artifact",
    "sites.accept_upload", "sites.publish_deploy", "domains.sync_records", "sites.complete_deploy",
    "usage.measure_upload", "usage.measure_publication", "usage.measure_deploy", "usage.measure_message",
    "notifications.tell", "storage.request_pin", "housekeeping.clear_spool",
}  # fmt: skip


def large_site(count: int) -> dict[str, bytes]:
    rng = random.Random(6000)
    site = {
        f"part-{number // 60:03d}/page-{number:04d}.html": f"<p>{number}</p>".encode()
        + rng.randbytes(number % 700)
        for number in range(count - 1)
    }
    return {"index.html": b"<h1>large</h1>", **site}


def zipped(site: dict[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in site.items():
            archive.writestr(name, content)
    return packed.getvalue()


def folder_cid(site: dict[str, bytes]) -> str:
    """The CID of a folder of small files, straight from the specifications: raw leaves, dag-pb, one level
    of folders.
    """
    folders: dict[str, dict[str, bytes]] = {"": {}}
    for path, content in site.items():
        folder, _, name = path.rpartition("/")
        folders.setdefault(folder, {})[name] = content
    root = {name: (cid(0x55, content), len(content)) for name, content in folders.pop("").items()}
    for folder, files in folders.items():
        links = {name: (cid(0x55, content), len(content)) for name, content in files.items()}
        block = directory(links)
        root[folder] = (cid(0x70, block), len(block) + sum(size for _, size in links.values()))
    text = base64.b32encode(cid(0x70, directory(root))).decode().lower().rstrip("=")
    return f"b{text}"


def cid(codec: int, block: bytes) -> bytes:
    return bytes([1, codec, 0x12, 0x20]) + hashlib.sha256(block).digest()


def directory(links: dict[str, tuple[bytes, int]]) -> bytes:
    block = b""
    for name, (target, size) in sorted(links.items(), key=lambda link: link[0].encode()):
        link = field(1, target) + field(2, name.encode()) + b"\x18" + varint(size)
        block += field(2, link)
    return block + field(1, b"\x08\x01")


def field(number: int, value: bytes) -> bytes:
    return bytes([number << 3 | 2]) + varint(len(value)) + value


def varint(value: int) -> bytes:
    encoded = b""
    while value > 127:
        encoded += bytes([value & 127 | 128])
        value >>= 7
    return encoded + bytes([value])


class Person:
    """Somebody with the admin token and an HTTP client."""

    def __init__(self, started: Any, home: Path) -> None:
        self.ports = {name: int(started.settings[name]) for name in ("PORT", "GATEWAY_PORT", "FLOWER_PORT")}
        self.token = (home / "admin-token").read_text().strip()

    def ask(
        self, method: str, path: str, body: bytes | None = None, content_type: str = "application/json"
    ) -> Any:
        connection = HTTPConnection("127.0.0.1", self.ports["PORT"], timeout=60)
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": content_type}
        connection.request(method, path, body, headers)
        answer = json.loads(connection.getresponse().read())
        connection.close()
        return answer

    def upload(self, slug: str, archive: bytes) -> Any:
        edge = "an-edge-that-no-zip-holds"
        head = f'--{edge}\r\nContent-Disposition: form-data; name="archive"; filename="s.zip"\r\n\r\n'
        body = head.encode() + archive + f"\r\n--{edge}--\r\n".encode()
        return self.ask("POST", f"/v1/sites/{slug}/deploys", body, f"multipart/form-data; boundary={edge}")

    def in_flower(self, flow: str) -> list[dict[str, Any]]:
        connection = HTTPConnection("127.0.0.1", self.ports["FLOWER_PORT"], timeout=30)
        login = base64.b64encode(f"admin:{self.token}".encode()).decode()
        connection.request("GET", "/api/tasks?limit=200", headers={"Authorization": f"Basic {login}"})
        tasks = json.loads(connection.getresponse().read())
        connection.close()
        return [task for task in tasks.values() if task["root_id"] == flow]


def kill_workers() -> int:
    """Kill -9 every Celery process of the home that this test runs on; how many there were."""
    killed = 0
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_bytes().split(b"\0")
            environment = (process / "environ").read_bytes()
        except OSError:
            continue
        mine = f"ANTIPHON_HOME={os.environ['TEST_HOME']}".encode() in environment.split(b"\0")
        if mine and b"worker" in command and any(word.endswith(b"celery") for word in command):
            os.kill(int(process.name), signal.SIGKILL)
            killed += 1
    return killed


@pytest.mark.timeout(400)
def test_a_site_of_six_thousand_files_survives_its_workers_and_is_served_byte_for_byte(
    start: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEST_HOME", str(tmp_path / "home"))
    site = large_site(6000)
    started = start(ROOT)
    started.wait_for("Logs ", 180)
    person = Person(started, tmp_path / "home")
    person.ask("POST", "/v1/sites", json.dumps({"slug": "large"}).encode())
    asked = person.upload("large", zipped(site))
    wait_for(lambda: status(person, asked) in ("packaging", "uploading"), what="the deploy to be under way")
    assert kill_workers() >= 2
    wait_for(lambda: status(person, asked) == "live", seconds=120, what="the deploy to be live")
    deploy = person.ask("GET", f"/v1/deploys/{asked['id']}")
    assert (deploy["files"], deploy["cid"]) == (6000, folder_cid(site))
    wait_for(lambda: len(told(person, deploy)) == len(STORY), what="the followers to end")
    assert Counter(told(person, deploy)) == Counter(STORY)
    assert served(person, site) == 6000
    second = person.upload("large", zipped({**site, "index.html": b"<h1>changed</h1>"}))
    wait_for(lambda: status(person, second) == "live", seconds=60, what="the second deploy to be live")
    assert person.ask("GET", f"/v1/deploys/{asked['id']}")["status"] == "archived"
    followed_in_flower(person, second["flow"])


def status(person: Person, deploy: dict[str, Any]) -> str:
    return str(person.ask("GET", f"/v1/deploys/{deploy['id']}")["status"])


def told(person: Person, deploy: dict[str, Any]) -> list[tuple[str, str | None]]:
    events = person.ask("GET", f"/v1/events?flow={deploy['flow']}")["items"]
    types = {event["id"]: event["type"] for event in events}
    return [(event["type"], types.get(event.get("causationid", ""))) for event in events]


def served(person: Person, site: dict[str, bytes]) -> int:
    connection = HTTPConnection("127.0.0.1", person.ports["GATEWAY_PORT"], timeout=30)
    same = 0
    for path, content in site.items():
        connection.request("GET", f"/{path}", headers={"Host": "large.localhost"})
        same += connection.getresponse().read() == content
    connection.close()
    return same


def followed_in_flower(person: Person, flow: str) -> None:
    """Every action of the flow is there by its own name, with readable arguments, and leads back to its
    cause.
    """
    names = {
        task["name"]: task
        for task in wait_for(lambda: all_in_flower(person, flow), what="Flower to know all")
    }
    assert set(names) == ACTIONS
    assert names["sites.publish_deploy"]["args"] == "large #2"
    assert names["sites.publish_deploy"]["parent_id"] == names["sites.accept_upload"]["uuid"]


def all_in_flower(person: Person, flow: str) -> list[dict[str, Any]] | None:
    tasks = person.in_flower(flow)
    return tasks if len({task["name"] for task in tasks}) == len(ACTIONS) else None
