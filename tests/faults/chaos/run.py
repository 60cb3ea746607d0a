"""One run of the harness: processes up, load on, faults; then rest, and the counting."""

import os
import random
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from app.engine.discovery import discover
from tests.faults.chaos import counting
from tests.faults.chaos.load import Load, wishes_for
from tests.faults.chaos.processes import Platform
from tests.faults.chaos.report import Report
from tests.faults.chaos.troubles import Troubles, plan
from tests.faults.chaos.watching import Watch
from tests.fixtures.databases import forget_settings, wait_for

discover("app.models", "tasks", "workflows")

PEOPLE = 6


@dataclass(frozen=True)
class Wanted:
    """What a run is to be: its size, its seed, and the platform's two times in seconds."""

    database: str
    seed: int
    flows: int = 1000
    kills: int = 200
    #: What is no kill: cuts, pauses, flushes and the like; None chooses.
    of_others: int | None = None
    #: How many flows may be open side by side; 0 chooses.
    together: int = 0
    lease: float = 10
    sweep: float = 1
    #: Where the run's logs and database stay; None removes them.
    folder: Path | None = None

    @property
    def sites(self) -> int:
        return max(4, self.flows // 12)

    @property
    def others(self) -> int:
        """How many faults that are no kills."""
        return self.kills // 3 if self.of_others is None else self.of_others

    @property
    def at_once(self) -> int:
        """How many flows may be open side by side."""
        return self.together or max(8, min(50, self.flows // 5))

    @property
    def rest(self) -> float:
        """How long it may take after the last fault until all is at rest."""
        return 60 + 6 * self.lease


def run(wanted: Wanted, say: Callable[[str], None] = print) -> Report:
    """Do it all; the report. AssertionError when the platform does not come up."""
    rng = random.Random(wanted.seed)
    report = Report(wanted.database, wanted.seed, wanted.flows, wanted.lease, wanted.kills)
    times = {"lease": wanted.lease, "sweep": wanted.sweep}
    with ExitStack() as ends:
        folder = ends.enter_context(a_folder(wanted.folder))
        began = time.monotonic()
        platform = ends.enter_context(Platform(folder, wanted.database, keep=rng.random() < 0.5, **times))
        ends.callback(forget_settings)
        look_past_the_proxy(platform)
        say(f"up after {time.monotonic() - began:.1f} s")
        _fight(platform, wanted, report, rng, say)
    return report


@contextmanager
def a_folder(kept: Path | None = None) -> Iterator[Path]:
    """A new folder, which goes with the block unless it is to be kept. PostgreSQL's user may read it."""
    folder = kept or Path(tempfile.mkdtemp(prefix="antiphon-chaos-"))
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        if kept is None:
            shutil.rmtree(folder, ignore_errors=True)


def look_past_the_proxy(platform: Platform) -> None:
    """Let this process see the platform's database, whatever is done to the platform."""
    os.environ["ANTIPHON_HOME"] = str(platform.home)
    os.environ["DATABASE_URL"] = platform.database_url
    forget_settings()


def _fight(
    platform: Platform, wanted: Wanted, report: Report, rng: random.Random, say: Callable[[str], None]
) -> None:
    wishes = wishes_for(wanted.flows, wanted.sites, rng)
    planned = plan(rng, wanted.kills, wanted.others, postgres=platform.postgres_proxy is not None)
    with ExitStack() as ends:
        watch = Watch()
        ends.callback(watch.stop)
        load = Load(platform.url, platform.token, wishes, lambda: watch.running_flows < wanted.at_once)
        ends.callback(load.close)
        troubles = Troubles(platform, watch, planned, rng)
        _rage(load, troubles, wanted, report, say)
        report.figures["faults that could not be done"] = len(troubles.failed)
        for failed in troubles.failed:
            say(failed)
    for count in (
        partial(counting.count_database, wishes),
        lambda: counting.count_outside(platform.receiver.calls()),
        partial(counting.count_served, platform.gateway_port, wishes),
        partial(report.take_faults, watch),
    ):
        try:
            report.figures |= count()
        except Exception as error:  # what could not be counted is a target that is missed
            say(f"not counted: {error!r}")


def _rage(load: Load, troubles: Troubles, wanted: Wanted, report: Report, say: Callable[[str], None]) -> None:
    """Put it under load and fire, then let it come to rest. Whatever does not go on is given up in time, for
    the counting to tell.
    """
    began, watch = time.monotonic(), troubles.watch
    for slug in sorted({wish.slug for wish in load.wishes}):
        if not load.make_site(slug, wanted.rest):
            say(f"the site {slug} could not be made")
            return
    load.start(PEOPLE)
    if not troubles.run(lambda: (load.answered - watch.running_flows) / wanted.flows, wanted.rest):
        say(f"no flow has ended for {wanted.rest:g} s: the rest of the faults is left out")
    say(f"{watch.kills} kills, {load.answered} answered after {time.monotonic() - began:.1f} s")
    comes(lambda: load.done, wanted.rest)
    troubles.finish()
    healed = time.monotonic()
    if not comes(lambda: not counting.open_things(), wanted.rest):
        say(f"no rest: {counting.open_things()}")
    report.times["rest after the last fault"] = time.monotonic() - healed
    report.times["all"] = time.monotonic() - began


def comes(condition: Callable[[], bool], seconds: float) -> bool:
    """Whether it becomes true within so many seconds."""
    try:
        wait_for(condition, seconds=seconds)
    except AssertionError:
        return False
    return True
