"""`python -m app.local` with a small Procfile: real processes, real signals, a real Redis."""

import os
import signal
import socket
from pathlib import Path

import pytest

from config.settings import load_settings

SERVER = """
import http.server, os, sys

class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()

    def log_message(self, *words):
        pass

print("pid", os.getpid(), flush=True)
http.server.HTTPServer(("127.0.0.1", int(os.environ[sys.argv[1]])), Answer).serve_forever()
"""
PROCFILE = """
release: echo migrated $DATABASE_URL
web: python serve.py PORT
gateway: python serve.py GATEWAY_PORT
worker: sleep 600
flower: python serve.py FLOWER_PORT
"""
UP = "Antiphon is up"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "project"
    made.mkdir()
    (made / "Procfile").write_text(PROCFILE)
    (made / "serve.py").write_text(SERVER)
    return made


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


def written_pid(home: Path, name: str) -> int:
    return int((home / "logs" / f"{name}.log").read_text().split()[-1])


def listens(port: str) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", int(port))) == 0


def test_everything_answers_before_the_one_banner_and_is_gone_after_ctrl_c(start, folder, home):
    started = start(folder)
    started.wait_for(UP)
    ports = [started.settings[name] for name in ("PORT", "GATEWAY_PORT", "FLOWER_PORT")]
    assert all(listens(port) for port in ports)
    assert (home / "redis" / "redis.sock").is_socket()
    assert "migrated sqlite:///" in (home / "logs" / "release.log").read_text()
    started.signal(signal.SIGINT)
    assert started.wait(15) == 0
    assert started.text.count(UP) == 1
    assert not any(listens(port) for port in ports)
    assert started.lines.index("Stopping ...") < started.lines.index("Stopped.")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_the_end_of_the_session_or_of_the_machine_stops_everything_too(start, folder, number):
    started = start(folder)
    started.wait_for(UP)
    started.signal(number)
    assert started.wait(15) == 0
    assert "Stopped." in started.lines


def test_a_stop_during_the_start_is_heard(start, folder):
    (folder / "Procfile").write_text("release: sh -c 'echo waiting; sleep 600'\nweb: python serve.py PORT\n")
    started = start(folder)
    started.wait_for("Preparing")
    started.signal(signal.SIGINT)
    assert started.wait(15) == 0
    assert UP not in started.text


def test_a_process_that_is_killed_comes_back(start, folder, home):
    started = start(folder)
    started.wait_for(UP)
    first = written_pid(home, "web")
    os.kill(first, signal.SIGKILL)
    started.wait_for("web ended with -9")
    started.wait_for("web     | pid")
    assert written_pid(home, "web") != first


def test_a_redis_that_is_killed_comes_back_at_the_same_address(start, folder):
    started = start(folder)
    started.wait_for(UP)
    address = Path(started.settings["ANTIPHON_HOME"], "redis", "redis.sock")
    with socket.socket(socket.AF_UNIX) as peer:
        peer.connect(str(address))
        peer.sendall(b"SHUTDOWN NOSAVE\r\n")
        assert peer.recv(10) == b""
    started.wait_for("redis ended with 0")
    started.wait_for("starts again")
    started.wait_for("ready to accept connections")
    assert address.is_socket()


def test_a_taken_port_is_told_with_its_setting_before_anything_starts(start, folder, home, free_ports):
    (port,) = free_ports(1)
    with socket.create_server(("127.0.0.1", port)):
        started = start(folder, GATEWAY_PORT=str(port))
        assert started.wait() == 1
    reason = f"Port {port} on 127.0.0.1 is taken: set GATEWAY_PORT to another port, or free this one."
    assert started.lines[0] == reason
    assert not (home / "logs").exists()


def test_two_settings_with_one_port_are_told(start, folder, free_ports):
    (port,) = free_ports(1)
    started = start(folder, PORT=str(port), FLOWER_PORT=str(port))
    assert started.wait() == 1
    assert started.lines[0].startswith(f"PORT and FLOWER_PORT are the same port {port}")


def test_a_home_in_whose_place_a_file_stands_is_told(start, folder, home):
    home.write_text("in the way")
    started = start(folder)
    assert started.wait() == 1
    assert "set ANTIPHON_HOME to a folder that is yours." in started.lines[0]


def test_wrong_settings_are_told_all_at_once(start, folder, home):
    started = start(folder, PORT="http", LEASE_SECONDS="-1")
    assert started.wait() == 1
    assert [line.partition(":")[0] for line in started.lines[1:3]] == ["PORT", "LEASE_SECONDS"]
    assert not home.exists()


def test_a_second_start_of_the_same_home_is_refused_and_harms_nothing(start, folder, free_ports):
    first = start(folder)
    first.wait_for(UP)
    others = dict(zip(("PORT", "GATEWAY_PORT", "FLOWER_PORT"), map(str, free_ports(3)), strict=True))
    second = start(folder, **others)
    assert second.wait() == 1
    assert second.lines[0].startswith("Another start uses")
    assert f"process {first.pid}" in second.lines[0]
    assert listens(first.settings["PORT"])


def test_a_database_that_was_prepared_is_not_prepared_again(start, folder, home):
    (folder / "Procfile").write_text("release: sh -c 'touch $ANTIPHON_HOME/antiphon.db'\nworker: sleep 600\n")
    home.mkdir()
    (home / "admin-token").write_text("t")
    for said in ("Preparing the database ...", "The database was prepared before."):
        started = start(folder)
        started.wait_for(UP)
        started.end()
        assert said in started.lines
    (folder / "migrations").mkdir()
    (folder / "migrations" / "0002.py").write_text("another migration")
    start(folder).wait_for("Preparing the database ...")


def test_a_mark_of_a_database_that_is_gone_is_found_out(start, folder, home):
    """What a mark cannot see, such as the dropped database of a server; here a table that web needs."""
    (folder / "Procfile").write_text(
        "release: sh -c 'touch $ANTIPHON_HOME/antiphon.db $ANTIPHON_HOME/table'\n"
        "web: sh -c 'test -e $ANTIPHON_HOME/table && exec python serve.py PORT'\n"
    )
    home.mkdir()
    (home / "admin-token").write_text("t")
    first = start(folder)
    first.wait_for(UP)
    first.end()
    (home / "table").unlink()
    again = start(folder)
    again.wait_for("The database was prepared before.")
    again.wait_for("Preparing the database ...")
    again.wait_for(UP)


def test_a_failed_release_starts_nothing_and_shows_its_last_words(start, folder, home):
    (folder / "Procfile").write_text("release: sh -c 'echo no such table; exit 2'\nweb: sleep 9\n")
    started = start(folder)
    assert started.wait() == 1
    assert "  no such table" in started.lines
    assert "release failed: see above" in started.text
    assert not (home / "logs" / "web.log").exists()


def test_a_process_that_never_comes_up_ends_the_start_with_its_last_words(start, folder):
    (folder / "Procfile").write_text("web: sh -c 'echo cannot import; exit 3'\n")
    started = start(folder)
    assert started.wait() == 1
    assert "  cannot import" in started.lines
    assert "web does not come up" in started.text


def test_a_redis_of_others_that_does_not_answer_is_told(start, folder, free_ports, monkeypatch):
    (port,) = free_ports(1)
    started = start(folder, REDIS_URL=f"redis://:hunter2@127.0.0.1:{port}/0")
    assert started.wait() == 1
    assert "Nothing answers at the address that REDIS_URL names." in started.lines
    assert "hunter2" not in started.text


def test_a_home_too_deep_for_a_socket_gets_its_redis_on_a_port(start, folder, tmp_path):
    deep = tmp_path / ("d" * 60) / ("e" * 60)
    started = start(folder, ANTIPHON_HOME=str(deep))
    started.wait_for(UP)
    assert load_settings(antiphon_home=deep).broker_url.startswith("redis://:")


def test_a_start_after_a_kill_takes_over_what_was_left(start, folder):
    killed = start(folder)
    killed.wait_for(UP)
    killed.signal(signal.SIGKILL)
    killed.wait()
    again = start(folder)
    again.wait_for(UP)


def test_a_broken_procfile_is_told_by_its_line(start, folder):
    (folder / "Procfile").write_text("web\n")
    started = start(folder)
    assert started.wait() == 1
    assert "Procfile line 1" in started.text
