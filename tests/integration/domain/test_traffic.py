"""Traffic: what the gateway writes down is counted once, whatever is killed, damaged or lost meanwhile."""

import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import select

from app.engine import faults, log, reading
from app.engine.rebuild import rebuild, verify
from app.engine.tables import events
from app.models import traffic as files
from app.models import usage
from app.models.usage import DayTotal, Span
from app.services.traffic import open_traffic
from app.services.traffic.folder import FolderTraffic
from app.services.traffic.lines import spell
from app.services.traffic.port import Answered
from tasks import traffic as counting
from tasks.traffic import count_traffic
from tests.integration.domain.running import Platform

ROOT = Path(__file__).parents[3]
NOON = int(datetime(2026, 1, 1, 12, tzinfo=UTC).timestamp() * 1000)
DAY = 24 * 3600 * 1000
METERS = ("bandwidth", "requests")
COUNT = """
import sys
from app.engine import faults
from app.engine.discovery import discover
discover("app.models", "tasks")
faults.install_from_environment()
from tasks.traffic import count_traffic
count_traffic()
"""


class Death(BaseException):
    """The process died here."""


@pytest.fixture
def journal(platform: Platform) -> FolderTraffic:
    """Where the gateway writes; site `hello` is there."""
    return open_traffic()


def serve(journal: FolderTraffic, site: str, *sizes: int, at: int = NOON) -> None:
    for size in sizes:
        journal.note(Answered(at, site, 200, size))


def totals(site: str | None = None) -> dict[str, int]:
    """What the meters say."""
    with reading() as db:
        found = usage.by_day(db, Span(site, "2000-01-01", "2100-01-01"), METERS)
    sums = dict.fromkeys(METERS, 0)
    for each in found:
        sums[each.meter] += each.total
    return sums


def append(data: bytes) -> None:
    [file] = Path("var/traffic").glob("*.log")
    with file.open("ab") as writing:
        writing.write(data)


def test_what_was_served_is_counted_by_site_and_day(platform: Platform, journal: FolderTraffic) -> None:
    site = platform.site().id
    serve(journal, site, 100, 20)
    serve(journal, site, 7, at=NOON + DAY)
    serve(journal, "", 1000)
    count_traffic()
    with reading() as db:
        found = usage.by_day(db, Span(site, "2026-01-01", "2026-01-31"), METERS)
    assert found == [
        DayTotal("bandwidth", "2026-01-01", 120, 1),
        DayTotal("bandwidth", "2026-01-02", 7, 1),
        DayTotal("requests", "2026-01-01", 2, 1),
        DayTotal("requests", "2026-01-02", 1, 1),
    ]
    assert totals() == {"bandwidth": 1127, "requests": 4}
    assert verify() == []


def test_every_number_names_the_event_the_file_and_the_bytes_that_it_was_read_from(
    platform: Platform, journal: FolderTraffic
) -> None:
    site, read = platform.site().id, 0
    for size in (10, 20):
        serve(journal, site, size)
        count_traffic()
    [file] = journal.files()
    with reading() as db:
        found = usage.page(db, Span(site, "2026-01-01", "2026-01-01"), "bandwidth", 10)[::-1]
        causes = [log.require_event(db, each.cause_event_id) for each in found]
        stories = {each.flow for each in causes}
    for each, cause in zip(found, causes, strict=True):
        line = spell(Answered(NOON, site, 200, each.quantity))
        assert (each.file, each.start, each.end) == (file, read, read := read + len(line))
        assert (cause.type, cause.data["start"], cause.data["end"]) == (
            "usage.traffic.read",
            each.start,
            each.end,
        )
        assert (each.site, each.day) == ("hello", "2026-01-01")
    assert len(stories) == 1  # one flow for each file, not for each count
    assert {event.cause for event in causes} == {None, causes[0].id}


@pytest.mark.parametrize("point", ["command.before_commit", "command.after_commit"])
def test_a_count_that_dies_counts_nothing_twice_and_loses_nothing(
    platform: Platform, journal: FolderTraffic, point: str
) -> None:
    serve(journal, platform.site().id, 5, 6)

    def die(name: str) -> None:
        if name == point:
            raise Death

    with faults.on_fault(die), pytest.raises(Death):
        count_traffic()
    serve(journal, platform.site().id, 7)
    for _ in range(3):
        count_traffic()
    assert totals() == {"bandwidth": 18, "requests": 3}
    assert verify() == []


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
@pytest.mark.parametrize("point", ["command.before_commit", "command.after_commit"])
def test_a_process_that_is_killed_while_it_counts_harms_nothing(
    platform: Platform, journal: FolderTraffic, tmp_path: Path, point: str
) -> None:
    serve(journal, platform.site().id, *range(50))
    (tmp_path / "faults").mkdir()
    faults.arm(tmp_path / "faults", point)
    environment = os.environ | {"ANTIPHON_FAULTS": str(tmp_path / "faults"), "PYTHONPATH": str(ROOT)}
    killed = subprocess.run([sys.executable, "-c", COUNT], env=environment, check=False)
    assert killed.returncode == -9
    count_traffic()
    assert totals() == {"bandwidth": sum(range(50)), "requests": 50}


def test_two_that_count_at_once_count_once(
    platform: Platform, journal: FolderTraffic, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve(journal, platform.site().id, 5)
    recording = counting.recording

    def overtaken(actor: str) -> object:
        monkeypatch.setattr(counting, "recording", recording)
        count_traffic()  # between this one's look at the file and its lock
        return recording(actor)

    monkeypatch.setattr(counting, "recording", overtaken)
    count_traffic()
    assert totals() == {"bandwidth": 5, "requests": 1}


def test_damaged_and_half_written_lines_are_told_of_and_cost_only_themselves(
    platform: Platform, journal: FolderTraffic
) -> None:
    site = platform.site().id
    serve(journal, site, 1)
    append(b"rubbish\n" + spell(Answered(NOON, site, 200, 2))[:30])
    count_traffic()
    assert totals() == {"bandwidth": 1, "requests": 1}
    journal.close()  # its writer was killed in the middle of that line
    serve(journal, site, 4)
    count_traffic()
    assert totals() == {"bandwidth": 5, "requests": 2}
    with reading() as db:
        rows = db.execute(select(files.files)).all()
    assert sorted((row.requests, row.damaged) for row in rows) == [(1, 0), (1, 2)]


def test_a_file_that_is_over_and_counted_is_removed(platform: Platform, journal: FolderTraffic) -> None:
    serve(journal, platform.site().id, 1)
    count_traffic()
    journal.close()
    count_traffic()
    assert journal.files() == []
    serve(journal, platform.site().id, 2)
    count_traffic()
    assert totals() == {"bandwidth": 3, "requests": 2}


def test_a_file_that_is_gone_or_was_never_there_is_no_trouble(
    platform: Platform, journal: FolderTraffic, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not count_traffic()
    serve(journal, platform.site().id, 1)
    count_traffic()
    monkeypatch.setattr(FolderTraffic, "files", lambda _self: ["gone.log"])
    assert not count_traffic()
    assert totals() == {"bandwidth": 1, "requests": 1}


def test_much_at_once_is_counted_in_parts_and_makes_room_for_the_sweep(
    platform: Platform, journal: FolderTraffic, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve(journal, platform.site().id, *[3] * 200)
    small = FolderTraffic(Path("var/traffic"), part_bytes=4000)
    monkeypatch.setattr(counting, "open_traffic", lambda: small)
    monkeypatch.setattr(counting, "AT_MOST", 0.0)
    passes = 0
    while count_traffic():
        passes += 1
    assert passes > 2
    assert totals() == {"bandwidth": 600, "requests": 200}


def test_traffic_of_a_site_that_is_gone_stays_its_own(platform: Platform, journal: FolderTraffic) -> None:
    serve(journal, "no-such-site", 9)
    count_traffic()
    assert totals("") == {"bandwidth": 9, "requests": 1}


def test_the_totals_are_the_sums_of_the_events_also_after_a_rebuild(
    platform: Platform, journal: FolderTraffic
) -> None:
    platform.deploy()
    serve(journal, platform.site().id, 11, 12)
    serve(journal, "", 13, at=NOON - DAY)
    count_traffic()
    sums: dict[tuple[str, str, str], int] = {}
    with reading() as db:
        for row in db.execute(select(events.c.data, events.c.time).where(events.c.type == "usage.measured")):
            data = row.data
            place = (data["site_id"] or "", data["meter"], data["day"] or row.time.date().isoformat())
            sums[place] = sums.get(place, 0) + data["quantity"]

    def stored() -> dict[tuple[str, str, str], int]:
        with reading() as db:
            return {tuple(row[:3]): row.total for row in db.execute(select(usage.days))}

    before = stored()
    assert before == sums
    assert {meter for _, meter, _ in before} >= {*METERS, "deploys", "storage_bytes", "published_bytes"}
    rebuild()
    assert stored() == before
    assert verify() == []
