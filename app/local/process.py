"""One process of the Procfile: started in a group of its own, its lines kept and shown, ended with care."""

import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Callable, Mapping
from contextlib import nullcontext, suppress
from functools import cache
from pathlib import Path

LOG_BYTES = 10 * 1024 * 1024  # a longer log file becomes `.1` at the next start


class Process:
    """A command that can be started again and again; `show` gets its name and each line that it writes.

    It ends when this process ends, even by a kill, where the system knows how (`setpriv` of Linux).
    """

    def __init__(self, name: str, command: str, log: Path, show: Callable[[str, str], None]) -> None:
        self.name = name
        self.command = command
        self.log = log
        self._show = show
        self._popen: subprocess.Popen[str] | None = None
        self._pump: threading.Thread | None = None

    def start(self, environment: Mapping[str, str], cwd: Path, stdin: str = "") -> None:
        """Run the command; `stdin` is all that it can read."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        if self.log.exists() and self.log.stat().st_size > LOG_BYTES:
            self.log.replace(self.log.with_suffix(".1"))
        self._popen = popen = subprocess.Popen(  # noqa: S603 - the Procfile's own lines
            [*_dies_with_us(), "/bin/sh", "-c", f"exec {self.command}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            env=dict(environment),
            cwd=cwd,
            start_new_session=True,
        )
        if popen.stdin:
            with suppress(BrokenPipeError):
                popen.stdin.write(stdin)
                popen.stdin.close()
        self._pump = threading.Thread(target=self._read, args=(popen,), daemon=True)
        self._pump.start()

    @property
    def running(self) -> bool:
        """Whether it was started and its main process has not ended."""
        return self._popen is not None and self._popen.poll() is None

    @property
    def exit_code(self) -> int | None:
        """None while it runs; a signal's negative number when one ended it."""
        return self._popen.poll() if self._popen else None

    def ask_to_stop(self) -> None:
        """SIGTERM to the main process alone: it ends its own children in its own way."""
        if self._popen and self.running:
            self._popen.terminate()

    def wait(self, seconds: float | None = None) -> bool:
        """Whether the main process has ended, within so many seconds."""
        with suppress(subprocess.TimeoutExpired):
            if self._popen:
                self._popen.wait(seconds)
        return not self.running

    def end_group(self) -> None:
        """Kill what is left of its group, such as children of a dead main process; read the last lines."""
        if self._popen:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._popen.pid, signal.SIGKILL)
            self._popen.wait()
        if self._pump:
            self._pump.join(timeout=1)

    def _read(self, popen: subprocess.Popen[str]) -> None:
        with popen.stdout or nullcontext(()) as lines, self.log.open("a", errors="replace") as log:
            for line in lines:
                log.write(line)
                log.flush()
                self._show(self.name, line.rstrip("\n"))


@cache
def _dies_with_us() -> tuple[str, ...]:
    program = shutil.which("setpriv")
    prefix = (program or "", "--pdeathsig", "TERM")
    with suppress(OSError):
        if program and subprocess.run([*prefix, "true"], capture_output=True).returncode == 0:  # noqa: S603 - as it is
            return prefix
    return ()
