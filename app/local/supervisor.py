"""Keeps a set of processes running: starts again what dies, later each time, and stops all in order."""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from app.local.process import Process

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0  # seconds between a death and the next start
FORGIVEN_AFTER = 60.0  # seconds of running that make earlier deaths forgotten

# Who is stopped together, and for how many seconds it may end by itself. In all less than 15 s.
FACES, FACES_SECONDS = ("web", "gateway", "beat", "flower"), 4.0
WORKERS_SECONDS = 7.0  # longer than Celery's soft shutdown
REDIS, REDIS_SECONDS = "redis", 2.5


@dataclass
class _Watched:
    process: Process
    stdin: str
    started_at: float
    deaths: int = 0
    due_at: float | None = None


class Supervisor:
    """The processes of one start, by name. For one thread: its loop calls `look_after`, its end `stop`."""

    def __init__(
        self,
        environment: Mapping[str, str],
        cwd: Path,
        say: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._environment = environment
        self._cwd = cwd
        self._say = say
        self._clock = clock
        self._watched: dict[str, _Watched] = {}

    def start(self, process: Process, stdin: str = "") -> None:
        """Start it and keep it running from now on."""
        process.start(self._environment, self._cwd, stdin)
        self._watched[process.name] = _Watched(process, stdin, self._clock())

    def run_once(self, process: Process, stop: threading.Event) -> int:
        """Run it to its end, or until `stop`; its exit code."""
        process.start(self._environment, self._cwd)
        while not process.wait(0.1):
            if stop.is_set():
                process.ask_to_stop()
                process.wait(2)
                break
        process.end_group()
        return process.exit_code or 0

    def deaths(self, name: str) -> int:
        """How often it died of late."""
        return self._watched[name].deaths if name in self._watched else 0

    def forgive(self) -> None:
        """Forget all deaths: what they came from is mended."""
        for watched in self._watched.values():
            watched.deaths = 0

    def look_after(self) -> None:
        """Notice who died and start again those whose pause is over."""
        now = self._clock()
        for name, watched in self._watched.items():
            if watched.due_at is None and not watched.process.running:
                self._mourn(name, watched, now)
            elif watched.due_at is not None and watched.due_at <= now:
                watched.process.start(self._environment, self._cwd, watched.stdin)
                watched.started_at, watched.due_at = now, None

    def stop(self, hurry: threading.Event) -> None:
        """Stop the faces, then the workers softly, Redis last; kill what is late, and all at `hurry`."""
        workers = [name for name in self._watched if name not in (*FACES, REDIS)]
        self._stop_some(FACES, FACES_SECONDS, hurry)
        self._stop_some(workers, WORKERS_SECONDS, hurry)
        self._stop_some((REDIS,), REDIS_SECONDS, hurry)

    def _mourn(self, name: str, watched: _Watched, now: float) -> None:
        if now - watched.started_at > FORGIVEN_AFTER:
            watched.deaths = 0
        pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2**watched.deaths)
        watched.deaths += 1
        watched.due_at = now + pause
        code = watched.process.exit_code
        watched.process.end_group()
        self._say(f"{name} ended with {code} and starts again in {pause:g} s ({watched.process.log}).")

    def _stop_some(self, names: tuple[str, ...] | list[str], seconds: float, hurry: threading.Event) -> None:
        some = [self._watched[name].process for name in names if name in self._watched]
        for process in some:
            process.ask_to_stop()
        until = self._clock() + seconds
        while any(process.running for process in some) and self._clock() < until:
            if hurry.wait(0.05):
                break
        for process in some:
            if process.running:
                self._say(f"{process.name} did not end in time and was killed.")
            process.end_group()
