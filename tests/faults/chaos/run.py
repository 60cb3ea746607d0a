"""One run of the harness: processes up, load on, faults; then rest, and the counting."""

import os
import random
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
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
    def at_once(self) -> int:
        """How many flows may be open side by side."""
        return self.together or max(8, min(50, self.flows // 5))

    @property
    def rest(self) -> float:
        """How long it may take after the last fault until all is at rest."""
        return 60 + 6 * self.lease


def run(wanted: Wanted, say: Callable[[str], None] = print) -> Report:
    """Do it all; the report. AssertionError when the platform does not come up or never comes to rest."""
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
    began = time.monotonic()
    wishes = wishes_for(wanted.flows, wanted.sites, rng)
    planned = plan(rng, wanted.kills, wanted.kills // 3, postgres=platform.postgres_proxy is not None)
    with ExitStack() as ends:
        watch = Watch()
        ends.callback(watch.stop)
        load = Load(platform.url, platform.token, wishes, lambda: watch.running_flows < wanted.at_once)
        ends.callback(load.close)
        for slug in sorted({wish.slug for wish in wishes}):
            load.make_site(slug)
        troubles = Troubles(platform, watch, planned, rng)
        load.start(PEOPLE)
        troubles.run(lambda: (load.answered - watch.running_flows) / wanted.flows)
        say(f"{watch.kills} kills, {load.answered} answered after {time.monotonic() - began:.1f} s")
        wait_for(lambda: load.done, seconds=wanted.rest, what="every answer")
        troubles.finish()
        healed = time.monotonic()
        try:
            wait_for(lambda: not counting.open_things(), seconds=wanted.rest, what="rest")
        except AssertionError as error:
            say(f"{error}: {counting.open_things()}")
        report.times["rest after the last fault"] = time.monotonic() - healed
        report.times["all"] = time.monotonic() - began
        watch.find_next_events()
    report.figures |= counting.count_database(wishes)
    report.figures |= counting.count_outside(platform.receiver.calls())
    report.figures |= counting.count_served(platform.gateway_port, wishes)
    report.take_faults(watch.faults)
