"""Hosts of their own on this machine: network namespaces, each on a cable to one with PostgreSQL and Redis.

Nothing of it can be reached from outside: the namespaces have no way out, and this process talks by sockets.
"""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from uuid import uuid4

import pytest

from tests.fixtures.afterwards import AtTheEnd
from tests.fixtures.databases import Cluster, wait_for
from tests.fixtures.processes import BIN, Watched

NOBODY = "65534"
#: What `ip` says where the machine gives no namespaces or no cables.
FORBIDDEN = ("not permitted", "Permission denied", "not supported", "Unknown device type")
#: What removes the namespace $1 and whatever is left in it.
END_NAMESPACE = 'for pid in $(ip netns pids "$1"); do kill -KILL "$pid"; done; ip netns delete "$1"'
POSTGRES, REDIS = 5432, 6379  # the ports of a namespace are all free


class Centre(Cluster):
    """A PostgreSQL inside a namespace: for the hosts on every address there, for the test on a socket."""

    rules = "host all all 10.77.0.0/16 trust\n"

    def __init__(self, folder: Path, namespace: str) -> None:
        super().__init__(folder)
        self.namespace = namespace
        self.port = POSTGRES
        self.listens = f"-c listen_addresses=* -c unix_socket_directories={folder}"

    def run(self, *command: str, **options: object) -> None:
        as_nobody = ("nsenter", f"--net=/run/netns/{self.namespace}", "--setuid", NOBODY, "--setgid", NOBODY)
        subprocess.run(
            [*as_nobody, str(self.binaries / command[0]), *command[1:]],
            check=True, cwd=self.folder, stdout=subprocess.DEVNULL,
            env={**os.environ, "HOME": str(self.folder), "LC_ALL": "C.UTF-8"}, **options,
        )  # fmt: skip

    def url(self, name: str = "postgres") -> str:
        return f"postgresql+psycopg://postgres@/{name}?host={self.folder}&port={POSTGRES}"


class Hosts:
    """A centre and hosts around it; what they run ends with them."""

    def __init__(self, folder: Path, ends: ExitStack) -> None:
        self.folder, self._ends = folder, ends
        self._run = f"antiphon-{uuid4().hex[:8]}"
        self.names: list[str] = []
        self.centre = self._namespace("centre")

    def _namespace(self, name: str) -> str:
        namespace = f"{self._run}-{name}"
        ip("netns", "add", namespace)
        self._ends.callback(AtTheEnd(END_NAMESPACE, namespace).close)
        ip("-n", namespace, "link", "set", "lo", "up")
        return namespace

    def join(self, name: str) -> None:
        """Add a host, on a cable of its own to the centre."""
        self.names.append(name)
        number, namespace = len(self.names), self._namespace(name)
        peer = ("peer", "name", "cable", "netns", namespace)
        ip("-n", self.centre, "link", "add", "name", f"cable-{name}", "type", "veth", *peer)
        for where, device, last in ((self.centre, f"cable-{name}", 1), (namespace, "cable", 2)):
            ip("-n", where, "addr", "add", f"10.77.{number}.{last}/24", "dev", device)
            ip("-n", where, "link", "set", "dev", device, "up")

    def address(self, name: str) -> str:
        """That of the centre, as this host knows it."""
        return f"10.77.{self.names.index(name) + 1}.1"

    def cut_off(self, name: str) -> None:
        ip("-n", self.centre, "link", "set", "dev", f"cable-{name}", "down")

    def join_again(self, name: str) -> None:
        ip("-n", self.centre, "link", "set", "dev", f"cable-{name}", "up")

    def begin(self, host: str | None, name: str, *command: str, **environment: str) -> Watched:
        """Run something on a host (None: in the centre) that bears the host's name."""
        namespace = f"{self._run}-{host}" if host else self.centre
        naming = 'echo "$0" > /proc/sys/kernel/hostname; exec "$@"'
        named = ("unshare", "--uts", "sh", "-c", naming, host or "centre")
        variables = [f"{key}={value}" for key, value in environment.items()]
        process = Watched(
            name, ("ip", "netns", "exec", namespace, *named, "env", *variables, *command), self.folder
        )
        self._ends.callback(process.end)
        return process

    def begin_redis(self) -> Path:
        """A Redis in the centre; returns its socket, for the test itself."""
        socket = self.folder / "redis.sock"
        server = shutil.which("redis-server") or str(BIN / "redis-server")
        options = ("--bind", "0.0.0.0", "--protected-mode", "no", "--save", "", "--appendonly", "no")
        self.begin(None, "redis", server, "--port", str(REDIS), "--unixsocket", str(socket), *options)
        wait_for(socket.exists, what="redis")
        return socket


def ip(*words: str) -> str:
    done = subprocess.run(["ip", *words], check=False, capture_output=True, text=True)
    if done.returncode:
        raise OSError(f"ip {' '.join(words)}: {done.stderr.strip()}")
    return done.stdout


@pytest.fixture
def hosts(tmp_path: Path) -> Iterator[Hosts]:
    """A centre without hosts; a skip where this machine gives no namespaces."""
    missing = [tool for tool in ("ip", "nsenter", "unshare") if shutil.which(tool) is None]
    if missing:
        pytest.skip(f"no network namespaces: {' and '.join(missing)} is missing")
    with ExitStack() as ends:
        try:
            around = Hosts(tmp_path, ends)
            around.join("a")
            around.join("b")
        except OSError as error:
            if not any(word in str(error) for word in FORBIDDEN):
                raise
            pytest.skip(f"no network namespaces: {error}")
        yield around
