"""What makes a start impossible, found before anything is started; each is one line that says what to do."""

import errno
import fcntl
import os
import socket
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from config.settings import Settings


class Refused(Exception):
    """The start cannot succeed; the text is one line for each reason."""


@contextmanager
def claim_home(home: Path) -> Iterator[bool]:
    """Make `home`, prove that it can be written, and hold its lock; False when its last holder was killed."""
    try:
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = (home / "run.lock").open("a+")
    except OSError as error:
        raise Refused(
            f"{home} cannot be written ({error.strerror}): set ANTIPHON_HOME to a folder that is yours."
        ) from error
    with lock:
        lock.seek(0)
        holder = lock.read()
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise Refused(
                f"Another start uses {home} (process {holder or 'unknown'}): "
                "stop that one, or set ANTIPHON_HOME to another folder."
            ) from error
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        try:
            yield not holder
        finally:
            lock.truncate(0)


def check_ports(settings: Settings) -> None:
    """Refuse when two servers would share a port or one is taken already; every such port is named."""
    names = defaultdict[int, list[str]](list)
    for name, port in _ports(settings).items():
        names[port].append(name)
    reasons = [
        f"{' and '.join(those)} are the same port {port}: set one of them to another."
        for port, those in names.items()
        if len(those) > 1
    ]
    reasons += [
        f"Port {port} on {settings.host} {problem}: set {names[port][0]} to another port, or free this one."
        for port, problem in taken_ports(settings).items()
    ]
    if reasons:
        raise Refused("\n".join(reasons))


def taken_ports(settings: Settings) -> dict[int, str]:
    """The ports of the settings on which no server could listen now, and why."""
    found = {port: _cannot_listen(settings.host, port) for port in _ports(settings).values()}
    return {port: problem for port, problem in found.items() if problem}


def _ports(settings: Settings) -> dict[str, int]:
    return {
        "PORT": settings.port,
        "GATEWAY_PORT": settings.gateway_port,
        "FLOWER_PORT": settings.flower_port,
    }


def _cannot_listen(host: str, port: int) -> str:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen()
        except OSError as error:
            return "is taken" if error.errno == errno.EADDRINUSE else f"cannot be opened ({error.strerror})"
    return ""


def free_port() -> int:
    """A loopback port that nobody listens on at this moment."""
    with suppress(OSError), socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
    raise Refused("No free port is left on 127.0.0.1.")
