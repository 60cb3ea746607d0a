"""`flask events verify` as people type it, beside real workers that go on recording."""

import os
import subprocess
import threading
from collections.abc import Iterator

import pytest
from sqlalchemy import func, select, update

from app.engine import reading
from app.engine.database import writing
from app.engine.tables import events, flows
from app.models.sites import sites
from tests.faults.asking import ask, make_site
from tests.fixtures.databases import wait_for
from tests.fixtures.processes import BIN, ROOT, Platform


@pytest.fixture
def busy(platform: Platform) -> Iterator[None]:
    """A site is deployed over and over again while the test goes on, three times at once at most."""
    make_site("busy")
    over = threading.Event()

    def deploy() -> None:
        number = 0
        while not over.wait(0.4):
            if under_way() < 3:
                ask("busy", f"word {number}")
                number += 1

    asking = threading.Thread(target=deploy)
    asking.start()
    wait_for(lambda: recorded_by_workers() > 20, what=f"the workers to begin\n{platform.logs()}")
    yield
    over.set()
    asking.join()


def under_way() -> int:
    with reading() as db:
        query = select(func.count()).select_from(flows).where(flows.c.state == "running")
        return int(db.execute(query).scalar_one())


def recorded_by_workers() -> int:
    with reading() as db:
        query = select(func.count()).select_from(events).where(events.c.actor.startswith("action:"))
        return int(db.execute(query).scalar_one())


def verify() -> subprocess.CompletedProcess[str]:
    command = [BIN / "flask", "--app", "wsgi", "events", "verify"]
    return subprocess.run(command, cwd=ROOT, env=os.environ, capture_output=True, text=True, timeout=60)


@pytest.mark.timeout(300)
def test_the_command_finds_no_difference_while_others_record(busy: None) -> None:
    for _ in range(2):
        before = recorded_by_workers()
        answer = verify()
        assert answer.returncode == 0, answer.stderr
        assert answer.stdout == "The tables are what the log leads to.\n"
        assert recorded_by_workers() > before
    with writing() as db:
        db.execute(update(sites).where(sites.c.slug == "busy").values(name="nobody said so"))
    answer = verify()
    assert answer.returncode == 1
    assert "nobody said so" in answer.stderr
    assert "[tables_differ]" in answer.stderr
