"""The platform under test: every process of the Procfile that matters, watched, behind proxies, and the ways
to harm it.
"""

import os
import signal
import socket
import subprocess
import sys
from contextlib import ExitStack, suppress
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

from redis import Redis
from redis.exceptions import RedisError
from sqlalchemy import make_url

from app.engine import faults
from app.local.procfile import read_procfile
from app.local.redis import find_server
from tests.faults.chaos.proxy import Proxy
from tests.faults.chaos.receiver import RECEIVER, Receiver
from tests.fixtures.databases import Cluster, wait_for
from tests.fixtures.processes import ROOT, Watched

BIN = Path(sys.executable).parent
WATCHED = ("web", "worker", "outer", "beat", "gateway")


class Kept(Watched):
    """A watched process out of a Procfile's line."""

    def __init__(self, name: str, command: str, folder: Path, environment: dict[str, str]) -> None:
        super().__init__(name, ("/bin/sh", "-c", f"exec {command}"), folder, environment)

    @property
    def pid(self) -> int:
        """The main process, as it is called by those who would kill it."""
        return self.process.pid

    def children(self) -> list[int]:
        with suppress(OSError):
            listed = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text()
            return [int(pid) for pid in listed.split()]
        return []


class Platform:
    """The processes over one database (`sqlite` or `postgresql`), each with a Redis and a network of its own.

    `database_url` leads past the proxy: it is for looking.
    """

    def __init__(self, folder: Path, database: str, *, lease: float, sweep: float, keep: bool) -> None:
        self.folder, self.home, self.faults = folder, folder / "home", folder / "faults"
        for each in (self.home, self.faults, folder / "redis", folder / "postgres"):
            each.mkdir(parents=True)
        self.cluster = Cluster(folder / "postgres", keep=True) if database == "postgresql" else None
        self.database_url = f"sqlite:///{self.home}/antiphon.db"
        self.lease = lease
        self.receiver = Receiver(folder / "calls")
        self.redis_port, self.web_port, self.gateway_port = free_ports(3)
        self.redis_proxy = Proxy(self.redis_port)
        self.postgres_proxy: Proxy | None = None
        self.processes: dict[str, Kept] = {}
        self._ends = ExitStack()
        self._keeps = "yes" if keep else "no"  # whether a killed Redis finds its messages again
        self._times = {"LEASE_SECONDS": str(lease), "SWEEP_SECONDS": str(sweep)}

    def __enter__(self) -> "Platform":
        with ExitStack() as ends:
            ends.callback(self.end_all)
            ends.callback(self.receiver.close)
            ends.callback(self.redis_proxy.close)
            self._start_postgres(ends)
            self._start_redis(ends)
            self._release()
            self._start_the_rest(ends)
            self._ends = ends.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._ends.close()

    def _start_postgres(self, ends: ExitStack) -> None:
        if self.cluster is None:
            return
        ends.callback(self.cluster.stop)
        self.cluster.start()
        self.database_url = self.cluster.create("antiphon")
        self.postgres_proxy = Proxy(self.cluster.port)
        ends.callback(self.postgres_proxy.close)

    def _start_redis(self, ends: ExitStack) -> None:
        command = (
            f"'{find_server()}' --port {self.redis_port} --bind 127.0.0.1 --save '' "
            f"--appendonly {self._keeps} --dir '{self.folder / 'redis'}'"
        )
        self._watch("redis", command, ends)
        wait_for(self.redis_answers, what="redis")

    def _start_the_rest(self, ends: ExitStack) -> None:
        commands = read_procfile(ROOT / "Procfile")
        for name in WATCHED:
            command = commands[name].replace("celery -A worker", "celery -A tests.faults.chaos.worker")
            self._watch(name, command.replace("wsgi:app", "tests.faults.chaos.web:app"), ends)
        try:
            wait_for(self.is_up, seconds=90, what="the processes")
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.last_words()}") from error

    def _watch(self, name: str, command: str, ends: ExitStack) -> None:
        self.processes[name] = Kept(name, command, self.folder, self.environment)
        ends.callback(self.processes[name].end)

    def _release(self) -> None:
        subprocess.run(
            [BIN / "flask", "--app", "tests.faults.chaos.web", "release"],
            cwd=ROOT,
            env=self.environment,
            check=True,
            stdout=subprocess.DEVNULL,
        )

    @property
    def environment(self) -> dict[str, str]:
        """What the processes are told: the proxies' addresses, never the servers' own."""
        url = make_url(self.database_url)
        if self.postgres_proxy:
            url = url.set(port=self.postgres_proxy.port)
        return {
            "PATH": f"{BIN}{os.pathsep}{os.environ.get('PATH', '')}",
            "PYTHONPATH": str(ROOT),
            "PYTHONUNBUFFERED": "1",
            "ANTIPHON_HOME": str(self.home),
            "ANTIPHON_FAULTS": str(self.faults),
            "DATABASE_URL": url.render_as_string(hide_password=False),
            "REDIS_URL": f"redis://127.0.0.1:{self.redis_proxy.port}/0",
            "PORT": str(self.web_port),
            "GATEWAY_PORT": str(self.gateway_port),
            RECEIVER: self.receiver.url,
            **self._times,
        }

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.web_port}"

    @property
    def token(self) -> str:
        return (self.home / "admin-token").read_text().strip()

    def is_up(self) -> bool:
        workers = all(self.processes[name].says("ready.") for name in ("worker", "outer"))
        return workers and all(map(answers, (self.web_port, self.gateway_port)))

    def last_words(self) -> str:
        """The end of every log."""
        texts = {name: each.log.read_text(errors="replace")[-1500:] for name, each in self.processes.items()}
        return "\n".join(f"== {name}\n{text}" for name, text in texts.items())

    # what can be done to it

    def kill(self, pid: int) -> bool:
        """SIGKILL; False when there was nobody to kill."""
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
            return True
        return False

    def arm(self, point: str) -> None:
        faults.arm(self.faults, point)

    def is_armed(self, point: str) -> bool:
        return (self.faults / point).exists()

    def disarm(self) -> None:
        for armed in self.faults.iterdir():
            armed.unlink(missing_ok=True)

    def redis(self) -> Redis:
        return Redis(port=self.redis_port, socket_timeout=2)

    def redis_answers(self) -> bool:
        with suppress(RedisError), self.redis() as client:
            return bool(client.ping())
        return False

    def restart_postgres(self) -> None:
        """As after a crash of the server: no transaction ends well, no connection is closed in order."""
        assert self.cluster is not None
        self.cluster.restart()

    def heal(self) -> None:
        """End whatever was done to it and is still going on."""
        self.disarm()
        for proxy in filter(None, (self.redis_proxy, self.postgres_proxy)):
            proxy.forward()
        self.receiver.refusing = False
        self.receiver.answering.set()
        for pid in self.all_pids():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)

    def all_pids(self) -> list[int]:
        """Every process that was started for this home, orphans too."""
        mark, found = f"ANTIPHON_HOME={self.home}".encode(), []
        for entry in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                if mark in (entry / "environ").read_bytes().split(b"\0"):
                    found.append(int(entry.name))
        return found

    def end_all(self) -> None:
        """Kill what was left behind: children whose parents were killed."""
        for pid in self.all_pids():
            self.kill(pid)


def answers(port: int) -> bool:
    """Whether an HTTP server on this port finds itself well."""
    try:
        with urlopen(f"http://127.0.0.1:{port}/healthz", timeout=2) as answer:
            return bool(answer.status == 200)
    except HTTPError as error:
        error.close()
    except OSError:
        pass
    return False


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on, all different."""
    with ExitStack() as probes:
        opened = [probes.enter_context(socket.socket()) for _ in range(count)]
        for probe in opened:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in opened]
