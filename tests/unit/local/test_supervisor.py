"""Keeping processes running and ending them in order; the processes here are ten-line shell scripts."""

import os
import select
import threading
import time

import pytest

from app.local.process import Process
from app.local.supervisor import Supervisor


class Said:
    """Collects lines and lets a test wait for one of them."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._new = threading.Condition()

    def __call__(self, *words: str) -> None:
        with self._new:
            self.lines.append(" ".join(words))
            self._new.notify_all()

    def wait_for(self, *wanted: str, times: int = 1) -> None:
        with self._new:
            for text in wanted:
                seen = lambda text=text: self.lines.count(text) >= times  # noqa: E731 - one line, one use
                assert self._new.wait_for(seen, timeout=10), f"{text!r} not in {self.lines}"


@pytest.fixture
def said():
    return Said()


class Clock:
    """Stands still until a test moves it."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def supervisor(tmp_path, said, request):
    clock = request.getfixturevalue("clock") if "clock" in request.fixturenames else time.monotonic
    made = Supervisor({"PATH": "/usr/bin:/bin"}, tmp_path, said, clock)
    yield made
    hurry = threading.Event()
    hurry.set()
    made.stop(hurry)


def process(tmp_path, said, name: str, script: str) -> Process:
    (tmp_path / f"{name}.sh").write_text(script)
    return Process(name, f"sh {name}.sh", tmp_path / "logs" / f"{name}.log", said)


ENDS_WHEN_ASKED = "trap 'echo bye; exit 0' TERM\necho up\nwhile :; do sleep 0.01; done\n"
STUBBORN = "trap '' TERM\necho up\nwhile :; do sleep 0.01; done\n"


def test_the_lines_of_a_process_are_shown_and_kept(tmp_path, said, supervisor):
    talker = process(tmp_path, said, "web", "read word\necho $word; echo err >&2\nexec sleep 60\n")
    supervisor.start(talker, stdin="hello\n")
    said.wait_for("web hello", "web err")
    assert (tmp_path / "logs" / "web.log").read_text() == "hello\nerr\n"


def test_a_long_log_is_put_aside_at_a_start(tmp_path, said, supervisor, monkeypatch):
    monkeypatch.setattr("app.local.process.LOG_BYTES", 10)
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "web.log").write_text("old lines\n" * 3)
    supervisor.start(process(tmp_path, said, "web", "echo new\nexec sleep 60\n"))
    said.wait_for("web new")
    assert (tmp_path / "logs" / "web.log").read_text() == "new\n"
    assert (tmp_path / "logs" / "web.1").read_text().startswith("old lines")


def test_a_process_that_dies_is_started_again_each_time_later(tmp_path, said, supervisor, clock):
    dying = process(tmp_path, said, "worker", "echo up\nexit 3\n")
    supervisor.start(dying)
    for death, pause in enumerate([0.5, 1, 2, 4], start=1):
        said.wait_for("worker up", times=death)
        assert dying.wait(10)
        supervisor.look_after()
        assert supervisor.deaths("worker") == death
        assert f"worker ended with 3 and starts again in {pause:g} s ({dying.log})." in said.lines
        clock.now += pause * 0.9
        supervisor.look_after()
        assert not dying.running, "not before its pause is over"
        clock.now += pause * 0.2
        supervisor.look_after()


def test_deaths_are_forgiven_after_a_minute_of_running(tmp_path, said, supervisor, clock):
    dying = process(tmp_path, said, "worker", "exit 3\n")
    supervisor.start(dying)
    assert dying.wait(10)
    clock.now += 61
    supervisor.look_after()
    assert supervisor.deaths("worker") == 1
    clock.now += 1
    supervisor.look_after()
    assert dying.wait(10)
    clock.now += 61
    supervisor.look_after()
    assert supervisor.deaths("worker") == 1


def test_what_a_dead_process_left_behind_is_gone_before_it_starts_again(tmp_path, said, supervisor):
    script = "(trap '' TERM; while :; do sleep 0.01; done) &\necho child $!\nexit 1\n"
    dying = process(tmp_path, said, "worker", script)
    supervisor.start(dying)
    assert dying.wait(10)
    supervisor.look_after()
    child = next(line.split()[-1] for line in said.lines if line.startswith("worker child"))
    assert ends(int(child))


def ends(pid: int) -> bool:
    """Whether a process that is no child of ours ends within ten seconds."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([handle], [], [], 10)[0])
    finally:
        os.close(handle)


def test_faces_end_before_workers_and_redis_ends_last(tmp_path, said, supervisor):
    names = ("redis", "worker", "outer", "flower", "beat", "gateway", "web")
    for name in names:
        supervisor.start(process(tmp_path, said, name, ENDS_WHEN_ASKED))
    said.wait_for(*(f"{name} up" for name in names))
    supervisor.stop(threading.Event())
    ends = [line.split()[0] for line in said.lines if line.endswith("bye")]
    assert set(ends[:4]) == {"web", "gateway", "beat", "flower"}
    assert set(ends[4:6]) == {"worker", "outer"}
    assert ends[6:] == ["redis"]


def test_a_process_that_will_not_end_is_killed_and_named(tmp_path, said, supervisor, monkeypatch):
    monkeypatch.setattr("app.local.supervisor.WORKERS_SECONDS", 0.2)
    stubborn = process(tmp_path, said, "worker", STUBBORN)
    supervisor.start(stubborn)
    said.wait_for("worker up")
    supervisor.stop(threading.Event())
    assert not stubborn.running
    assert "worker did not end in time and was killed." in said.lines


def test_in_a_hurry_nothing_is_waited_for(tmp_path, said, supervisor):
    stubborn = [process(tmp_path, said, name, STUBBORN) for name in ("web", "worker", "redis")]
    for one in stubborn:
        supervisor.start(one)
    said.wait_for("web up", "worker up", "redis up")
    hurry = threading.Event()
    hurry.set()
    supervisor.stop(hurry)
    assert not any(one.running for one in stubborn)


def test_a_command_that_does_not_exist_dies_like_any_other(tmp_path, said, supervisor):
    missing = Process("web", "no-such-program", tmp_path / "web.log", said)
    supervisor.start(missing)
    assert missing.wait(10)
    supervisor.look_after()
    assert missing.exit_code == 127
    assert any("no-such-program" in line for line in said.lines)


def test_release_runs_to_its_end_and_gives_its_exit_code(tmp_path, said, supervisor):
    release = process(tmp_path, said, "release", "echo migrated\nexit 4\n")
    assert supervisor.run_once(release, threading.Event()) == 4
    assert said.lines == ["release migrated"]


def test_release_is_ended_by_a_stop(tmp_path, said, supervisor):
    stop = threading.Event()
    stop.set()
    supervisor.run_once(process(tmp_path, said, "release", "exec sleep 60\n"), stop)
