"""The how-to's code, word for word: in a copy of the project its three files make a new flow, and nothing
else changes.
"""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "howto" / "add-a-flow.md"
BLOCK = re.compile(r"^`([\w/]+\.py)`\n\n```python\n(.*?)^```", re.MULTILINE | re.DOTALL)

#: Runs in the copy: one deploy on the simulated platform against a real CDN on a loopback port.
TRIAL = """
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from app.engine import graph, log, reading
from app.engine.discovery import discover
from app.models import deploys
from tests.faults.asking import ask, make_site

discover("app.models", "tasks", "workflows")


class Cdn(HTTPServer):
    answer, asked = 204, 0


class Purge(BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.server.asked += 1
        self.send_response(self.server.answer)
        self.end_headers()

    def log_message(self, *said):
        pass


@pytest.fixture
def cdn(monkeypatch):
    server = Cdn(("127.0.0.1", 0), Purge)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    monkeypatch.setenv("CDN_PURGE_URL", f"http://127.0.0.1:{server.server_port}/purge")
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def deployed(drain):
    make_site("hello")
    made = ask("hello", "word")
    drain()
    with reading() as db:
        deploy = deploys.require(db, made)
        return deploy, [event.type for event in log.read_flow(db, deploy.flow)]


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_the_deploy_waits_for_the_cdn(cdn, engine, drain):
    deploy, types = deployed(drain)
    assert (cdn.asked, deploy.status, deploy.partial) == (1, "live", False)
    assert types.index("cdn.purge.completed") < types.index("site.deploy.completed")
    assert "cdn.purge_cache" in graph.mermaid("deploy")
    assert "cdn.purge_cache" in graph.mermaid("rollback")
    assert graph.lint() == []


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_a_cdn_that_refuses_makes_the_deploy_partial(cdn, engine, drain):
    cdn.answer = 503
    deploy, types = deployed(drain)
    assert (cdn.asked, deploy.status, deploy.partial) == (3, "live", True)
    missed = next(target for target in deploy.targets if target["status"] == "failed")
    assert (missed["id"], missed["failure"]["code"]) == ("cdn.purge.failed", "cdn_unavailable")
    assert "503" in missed["failure"]["message"]
"""


def files_of_the_page() -> dict[str, str]:
    return dict(BLOCK.findall(PAGE.read_text()))


def test_the_new_flow_takes_at_most_25_lines_in_files_that_did_not_exist() -> None:
    files = files_of_the_page()
    assert set(files) == {"app/signals/cdn.py", "tasks/cdn.py", "workflows/cdn_purge.py"}
    assert not any((ROOT / name).exists() for name in files)
    lines = [line for text in files.values() for line in text.splitlines() if line.strip()]
    assert len(lines) <= 25


@pytest.mark.timeout(180)
def test_the_pages_code_works_as_it_stands(tmp_path: Path) -> None:
    for folder in ("app", "config", "tasks", "workflows", "tests"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for name, text in files_of_the_page().items():
        (tmp_path / name).write_text(text)
    trial = tmp_path / "tests" / "integration" / "test_cdn.py"
    trial.write_text(TRIAL)
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "no:xdist", str(trial)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
