"""What tests have started ends with them, also when a time limit or a kill leaves nothing torn down."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from tests.fixtures.afterwards import AtTheEnd
from tests.fixtures.databases import _postgres_binaries, wait_for
from tests.fixtures.processes import ROOT, Watched

#: Starts a watched process and a PostgreSQL, then tells where they are and hangs.
HANGS = """
import sys, tempfile, time
from pathlib import Path
from tests.fixtures.databases import Cluster
from tests.fixtures.processes import Watched

watched = Watched("sleeper", ("sleep", "600"), Path(sys.argv[1]))
cluster = Cluster(Path(tempfile.mkdtemp(prefix="antiphon-pg-")))
cluster.start()
pid = (cluster.data / "postmaster.pid").read_text().split()[0]
print(cluster.folder, watched.process.pid, pid, flush=True)
time.sleep(600)
"""


def is_there(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_processes_and_servers_end_with_a_test_run_that_is_killed(tmp_path: Path) -> None:
    _postgres_binaries()  # a skip where there are none
    run = subprocess.Popen(
        [sys.executable, "-c", HANGS, tmp_path], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    with run:
        folder, *pids = run.stdout.readline().split()
        started = [int(pid) for pid in pids]
        assert [is_there(pid) for pid in started] == [True, True]
        run.kill()
    wait_for(lambda: not any(map(is_there, started)), seconds=20, what="both to end")
    wait_for(lambda: not Path(folder).exists(), what="the server's folder to go")


def test_what_is_to_be_done_at_the_end_is_done_once_and_at_once_when_it_is_closed(tmp_path: Path) -> None:
    ending = AtTheEnd('echo "$2" >> "$1"', str(tmp_path / "told"), "done")
    assert not (tmp_path / "told").exists()
    ending.close()
    assert (tmp_path / "told").read_text() == "done\n"


def test_a_process_that_dies_at_the_moment_of_its_end_is_not_started_again(tmp_path: Path) -> None:
    for number in range(20):
        watched = Watched(f"short {number}", ("true",), tmp_path)
        wait_for(lambda watched=watched: watched.deaths, what="it to die")
        watched.end()
        assert not is_there(watched.process.pid)
        assert not watched._watcher.is_alive()


def test_a_process_is_started_again_until_it_is_left_alone(tmp_path: Path) -> None:
    watched = Watched("sleeper", ("sleep", "600"), tmp_path)
    first = watched.process.pid
    os.kill(first, signal.SIGKILL)
    wait_for(lambda: watched.process.pid != first, what="another")
    watched.leave()
    watched.kill()
    watched.stop()
    assert watched.deaths == [-signal.SIGKILL]
