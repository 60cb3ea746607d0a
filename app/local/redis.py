"""The Redis of the local start: which server program, how it is set up, and at which address it answers."""

import secrets
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from app.local.refusals import Refused, free_port

SOCKET_PATH_LIMIT = 107  # bytes: what the kernel's socket address holds besides its NUL

_COMMON = """
daemonize no
bind 127.0.0.1
dir {folder}
appendonly yes
appendfsync everysec
save ""
maxmemory-policy noeviction
logfile ""
loglevel notice
"""


@dataclass(frozen=True)
class LocalRedis:
    """A server to start: `command` reads `config` from its standard input and then answers at `url`."""

    command: str
    config: str
    url: str


def plan_redis(home: Path) -> LocalRedis:
    """A server under `home`: on a socket, or with a password on a free port when its path is too long."""
    folder = home / "redis"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    written, socket_path = folder / "url", folder / "redis.sock"
    written.unlink(missing_ok=True)
    command, config = f"'{find_server()}' -", _COMMON.format(folder=_quoted(folder))
    if len(str(socket_path).encode()) <= SOCKET_PATH_LIMIT:
        config += f"port 0\nunixsocket {_quoted(socket_path)}\nunixsocketperm 700\n"
        return LocalRedis(command, config, f"redis+socket://{socket_path}")
    port, password = free_port(), secrets.token_urlsafe(24)
    url = f"redis://:{password}@127.0.0.1:{port}/0"
    written.touch(mode=0o600)
    written.write_text(url)
    return LocalRedis(command, config + f"port {port}\nrequirepass {password}\n", url)


def find_server() -> str:
    """The first redis-server that really runs: on PATH, else the one that came into this environment."""
    beside = Path(sys.executable).parent / "redis-server"
    for program in (shutil.which("redis-server"), str(beside)):
        if program and _runs(program):
            return program
    raise Refused(
        "No redis-server was found: install one (Debian, Ubuntu: apt install redis-server) or set REDIS_URL."
    )


def _runs(program: str) -> bool:
    try:
        return subprocess.run([program, "--version"], capture_output=True, timeout=5).returncode == 0  # noqa: S603 - found above
    except (OSError, subprocess.TimeoutExpired):
        return False


def _quoted(path: Path) -> str:
    return '"' + str(path).replace("\\", "\\\\").replace('"', '\\"') + '"'
