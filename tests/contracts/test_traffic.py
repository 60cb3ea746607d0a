"""The gateway's access files: lines are whole or told as damaged, and a file ends with its writer."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from app.services.traffic.folder import FolderTraffic
from app.services.traffic.lines import parse, spell
from app.services.traffic.port import Answered, Part

SITE = "019b76da-a800-7000-8000-000000000023"
ONE, TWO = Answered(1767225600123, SITE, 200, 15), Answered(1767225600124, "", 404, 0)


@pytest.fixture
def traffic(tmp_path: Path) -> FolderTraffic:
    return FolderTraffic(tmp_path / "traffic")


def only(traffic: FolderTraffic, start: int = 0) -> Part:
    [file] = traffic.files()
    part = traffic.read(file, start)
    assert part is not None
    return part


def append(tmp_path: Path, data: bytes) -> None:
    [file] = (tmp_path / "traffic").glob("*.log")
    with file.open("ab") as writing:
        writing.write(data)


def test_a_line_says_when_whose_what_and_how_much() -> None:
    assert spell(ONE) == f"1767225600123 {SITE} 200 15 ".encode() + spell(ONE)[-9:]
    assert [parse(spell(each).rstrip()) for each in (ONE, TWO)] == [ONE, TWO]


@pytest.mark.parametrize("at", range(0, len(spell(ONE)) - 1, 7))
def test_a_line_that_is_cut_changed_or_mixed_with_another_says_nothing(at: int) -> None:
    line = spell(ONE).rstrip()
    assert parse(line[:at]) is None
    assert parse(line[:at] + b"7" + line[at:]) is None
    assert parse(line[: at + 1] + spell(TWO).rstrip()) is None


def test_what_is_noted_is_read_once_and_in_order(traffic: FolderTraffic) -> None:
    traffic.note(ONE)
    first = only(traffic)
    assert (first.start, first.end, first.answered) == (0, len(spell(ONE)), [ONE])
    traffic.note(TWO)
    second = only(traffic, first.end)
    assert (second.answered, second.damaged, second.finished) == ([TWO], 0, False)
    assert only(traffic, second.end) == Part(second.end, second.end, [], 0, False)


def test_a_half_written_line_waits_for_its_rest_until_nobody_can_write_it(
    traffic: FolderTraffic, tmp_path: Path
) -> None:
    traffic.note(ONE)
    append(tmp_path, spell(TWO)[:20])
    part = only(traffic)
    assert (part.answered, part.damaged, part.end) == ([ONE], 0, len(spell(ONE)))
    traffic.close()
    rest = only(traffic, part.end)
    assert (rest.answered, rest.damaged, rest.end, rest.finished) == ([], 1, part.end + 20, True)


def test_a_damaged_line_is_counted_and_harms_no_other(traffic: FolderTraffic, tmp_path: Path) -> None:
    traffic.note(ONE)
    append(tmp_path, b"\x00\xff rubbish\n" + spell(ONE)[:9] + spell(TWO) + spell(TWO))
    part = only(traffic)
    assert (part.answered, part.damaged) == ([ONE, TWO], 2)


def test_rubbish_without_an_end_is_passed_over(tmp_path: Path) -> None:
    traffic = FolderTraffic(tmp_path / "traffic", part_bytes=100)
    traffic.note(ONE)
    append(tmp_path, b"x" * 200 + b"\n" + spell(TWO))
    at, found, damaged = 0, [], 0
    while (part := only(traffic, at)).end > at:
        at, found, damaged = part.end, found + part.answered, damaged + part.damaged
    assert (found, damaged) == ([ONE, TWO], 2)
    assert at == sum(len(spell(each)) for each in (ONE, TWO)) + 201


def test_a_full_file_is_followed_by_another(tmp_path: Path) -> None:
    traffic = FolderTraffic(tmp_path / "traffic", most_bytes=3 * len(spell(ONE)))
    for _ in range(7):
        traffic.note(ONE)
    parts = [traffic.read(file, 0) for file in traffic.files()]
    assert [(len(part.answered), part.finished) for part in parts if part] == [
        (3, True),
        (3, True),
        (1, False),
    ]


def test_a_file_whose_writer_was_killed_is_finished(tmp_path: Path) -> None:
    code = (
        "import os, sys, signal\n"
        "from pathlib import Path\n"
        "from app.services.traffic.folder import FolderTraffic\n"
        "from app.services.traffic.port import Answered\n"
        "traffic = FolderTraffic(Path(sys.argv[1]))\n"
        "for size in range(100):\n"
        "    traffic.note(Answered(1, '', 200, size))\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "traffic")], check=False, cwd=os.getcwd())
    part = only(FolderTraffic(tmp_path / "traffic"))
    assert [each.size for each in part.answered] == list(range(100))
    assert (part.damaged, part.finished) == (0, True)


def test_each_process_has_a_file_of_its_own(traffic: FolderTraffic, monkeypatch: pytest.MonkeyPatch) -> None:
    traffic.note(ONE)
    monkeypatch.setattr(os, "getpid", lambda: -1)
    traffic.note(TWO)
    assert len(traffic.files()) == 2


def test_a_file_that_was_taken_away_is_replaced_and_missed_by_nobody(
    traffic: FolderTraffic, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert traffic.files() == []
    traffic.note(ONE)
    [file] = traffic.files()
    traffic.remove(file)
    traffic.remove(file)
    assert traffic.read(file, 0) is None
    monkeypatch.setattr("app.services.traffic.folder.LOOK_AGAIN", 0)
    traffic._look_at = 0
    traffic.note(TWO)
    assert only(traffic).answered == [TWO]


def test_a_disk_that_fails_stops_no_answer(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    traffic = FolderTraffic(tmp_path / "file")
    for _ in range(3):
        traffic.note(ONE)
    assert traffic.files() == []


def test_a_write_that_the_disk_cut_short_damages_one_line(
    traffic: FolderTraffic, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = os.write
    with monkeypatch.context() as full:
        full.setattr(os, "write", lambda handle, data: write(handle, data[:10]))
        traffic.note(ONE)
    traffic.note(TWO)
    parts = [traffic.read(file, 0) for file in traffic.files()]
    assert [(part.answered, part.damaged) for part in parts if part] == [([], 1), ([TWO], 0)]
