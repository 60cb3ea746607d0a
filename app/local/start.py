"""One local start from its checks to its end: Redis, release, every process, the welcome, then watching."""

import os
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

from app.local.answers import Check, checks_for, end_redis, redis_answers
from app.local.process import Process
from app.local.procfile import ProcfileError, read_procfile
from app.local.redis import plan_redis
from app.local.refusals import Refused, check_ports, claim_home, taken_ports
from app.local.released import Released
from app.local.screen import Screen
from app.local.supervisor import Supervisor
from app.local.welcome import Link, banner, deploy_example
from config.settings import Settings

RELEASE, REDIS = "release", "redis"
UP_SECONDS = 90.0  # in which all must answer
DOUBT_SECONDS = 20.0
REDIS_SECONDS = 5.0
DEATHS_ALLOWED = 3  # of one process, before it has answered
LEFTOVER_SECONDS = 10.0
LAST_LINES = 12


class _Stopped(Exception):
    """Somebody ended the start before it was up."""


class LocalStart:
    """`stop` ends it at the next moment, `hurry` kills what is still running then."""

    def __init__(self, settings: Settings, root: Path, screen: Screen) -> None:
        self.stop = threading.Event()
        self.hurry = threading.Event()
        self._settings = settings
        self._root = root
        self._screen = screen
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
        self._environment = {**os.environ, "PATH": path, "PYTHONUNBUFFERED": "1"}
        self._supervisor = Supervisor(self._environment, root, screen.say)

    def run(self) -> int:
        """Everything, until `stop`; the exit code."""
        try:
            with claim_home(self._settings.antiphon_home) as left_in_order:
                if not left_in_order:
                    self._outlive_the_killed()
                check_ports(self._settings)
                return self._run()
        except (Refused, ProcfileError) as error:
            self._screen.say(str(error))
            return 1

    def _run(self) -> int:
        try:
            self._bring_up(read_procfile(self._root / "Procfile"))
            while not self.stop.wait(0.2):
                self._supervisor.look_after()
        except _Stopped:
            pass
        finally:
            self._screen.say("Stopping ...")
            self._supervisor.stop(self.hurry)
            self._screen.say("Stopped.")
        return 0

    def _bring_up(self, commands: dict[str, str]) -> None:
        self._start_redis()
        self._environment.update(self._settings.as_environment())
        release, mark = commands.pop(RELEASE, "true"), Released(self._settings, self._root)
        if doubtful := bool(mark):
            self._screen.say("The database was prepared before.")
        else:
            self._release(release, mark)
        self._screen.say(f"Starting {', '.join(commands)} ...")
        for name, command in commands.items():
            self._supervisor.start(self._process(name, command))
        link = Link(self._environment, self._root, self._settings.public_url)
        checks = checks_for(commands, self._settings)
        if doubtful and not self._come_up_soon(checks):
            self._release(release, mark)
            self._supervisor.forgive()
        self._wait_for(checks)
        deploy_example(self._settings, self._environment, self._root, self.stop)
        self._unless_stopped()
        self._screen.say(banner(self._settings, link.text()))
        self._screen.open()

    def _outlive_the_killed(self) -> None:
        """The last start here was killed: its Redis is sent away, its other processes get time to end."""
        if not self._settings.redis_url:
            end_redis(self._settings.broker_url)
        until = time.monotonic() + LEFTOVER_SECONDS
        while taken_ports(self._settings) and time.monotonic() < until and not self.stop.wait(0.1):
            pass

    def _start_redis(self) -> None:
        if not self._settings.redis_url:
            plan = plan_redis(self._settings.antiphon_home)
            self._supervisor.start(self._process(REDIS, plan.command), plan.config)
        url = self._settings.broker_url
        try:
            self._wait_for({REDIS: lambda: redis_answers(url)}, seconds=REDIS_SECONDS)
        except Refused:
            if self._settings.redis_url:
                raise Refused("Nothing answers at the address that REDIS_URL names.") from None
            raise

    def _release(self, command: str, mark: Released) -> None:
        self._screen.say("Preparing the database ...")
        process = self._process(RELEASE, command)
        code = self._supervisor.run_once(process, self.stop)
        self._unless_stopped()
        if code:
            raise Refused(self._last_words(process.log, "release failed"))
        mark.remember()

    def _come_up_soon(self, checks: dict[str, Check]) -> bool:
        """Whether all answer soon. If not, the mark that the database was prepared may be wrong."""
        with suppress(Refused):
            self._wait_for(checks, seconds=DOUBT_SECONDS)
        return not checks

    def _wait_for(self, checks: dict[str, Check], seconds: float = UP_SECONDS) -> None:
        """Until every check holds; Refused when a process keeps dying or time is up."""
        until = time.monotonic() + seconds
        while checks:
            self._unless_stopped()
            self._supervisor.look_after()
            for name in [name for name, answers in checks.items() if answers()]:
                del checks[name]
            for name in checks:
                if self._supervisor.deaths(name) >= DEATHS_ALLOWED or time.monotonic() > until:
                    raise Refused(self._last_words(self._log(name), f"{name} does not come up"))
            self.stop.wait(0.05 if checks else 0)

    def _unless_stopped(self) -> None:
        if self.stop.is_set():
            raise _Stopped

    def _last_words(self, log: Path, what: str) -> str:
        lines = log.read_text(errors="replace").splitlines()[-LAST_LINES:] if log.exists() else []
        return "\n".join([*(f"  {line}" for line in lines), f"{what}: see above, and {log}."])

    def _process(self, name: str, command: str) -> Process:
        return Process(name, command, self._log(name), self._screen.echo)

    def _log(self, name: str) -> Path:
        return self._settings.antiphon_home / "logs" / f"{name}.log"
