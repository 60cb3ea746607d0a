"""The report of one run: its figures, which of them miss their target, and how it is shown."""

import statistics
from dataclasses import asdict, dataclass, field

from tests.faults.chaos.troubles import by_kind
from tests.faults.chaos.watching import Watch

#: Figures of the counting that must be 0.
COUNTED = (
    "wishes not accepted", "wishes without their one deploy", "flows not terminal",
    "flows with a wrong count", "reactions lost", "reactions nobody wanted", "reactions left open",
    "reactions dead", "done twice in the database", "repeats outside under another key",
    "calls under a wrong key", "never told outside", "deploys not terminal", "deploys failed",
    "sites whose newest is not live", "sites serving something else", "fold differences",
)  # fmt: skip
#: Every figure that must be 0.
TARGETS = (*COUNTED, "faults that could not be done", "faults not recovered from")
RECOVERED = "recovered from a kill"


@dataclass
class Report:
    """What a run found."""

    database: str
    seed: int
    flows: int
    lease: float
    wanted_kills: int
    figures: dict[str, object] = field(default_factory=dict)
    kills: dict[str, int] = field(default_factory=dict)
    others: dict[str, int] = field(default_factory=dict)
    #: Seconds, by name.
    times: dict[str, float] = field(default_factory=dict)

    def take_faults(self, watch: Watch) -> dict[str, object]:
        """Count what struck and how long it took to come over it; the figures."""
        faults = watch.faults
        self.kills, self.others = by_kind(faults, kill=True), by_kind(faults, kill=False)
        watch.find_next_events()
        for name, times in {
            RECOVERED: [f.recovered for f in faults if f.kill],
            "recovered from another fault": [f.recovered for f in faults if not f.kill],
            "next event after a fault": [f.next_event for f in faults],
        }.items():
            self.times |= spread(name, [seconds for seconds in times if seconds is not None])
        return {"faults not recovered from": sum(fault.recovered is None for fault in faults)}

    @property
    def killed(self) -> int:
        return sum(self.kills.values())

    @property
    def slowest(self) -> float:
        """In so many seconds 95 of 100 kills must be recovered from. A kill alone costs a lease, and five
        seconds until somebody has taken over; under fire the same work is struck again, and the broker too.
        """
        return 3 * self.lease + 20

    def missed(self) -> list[str]:
        """The targets that were missed, in words; empty when the run was good."""
        found = [f"{name}: {self.figures.get(name)}" for name in TARGETS if self.figures.get(name) != 0]
        if self.killed < self.wanted_kills:
            found.append(f"kills: {self.killed} of {self.wanted_kills}")
        if (took := self.times.get(f"{RECOVERED}, p95", 0.0)) > self.slowest:
            found.append(f"{RECOVERED}, p95: {took:g} s, {self.slowest:g} s are allowed")
        return found

    def as_json(self) -> dict[str, object]:
        return asdict(self) | {"killed": self.killed, "missed": self.missed()}

    def __str__(self) -> str:
        rows = [("database, seed", f"{self.database}, {self.seed}"), ("flows asked", self.flows)]
        rows += [(name, figure) for name, figure in self.figures.items()]
        rows += [("kills", self.killed), *((f"  {kind}", count) for kind, count in self.kills.items())]
        rows += [("other faults", sum(self.others.values()))]
        rows += [(f"  {kind}", count) for kind, count in self.others.items()]
        rows += [(name, f"{seconds:.1f} s") for name, seconds in self.times.items()]
        missed = self.missed()
        verdict = "MISSED  " + "; ".join(missed) if missed else "every target was met"
        return "\n".join([*(f"{name:<44} {figure}" for name, figure in rows), verdict])


def spread(name: str, seconds: list[float]) -> dict[str, float]:
    """Median, 95th percentile and longest of some times."""
    if not seconds:
        return {}
    ordered = sorted(seconds)
    p95 = ordered[min(len(ordered) - 1, round(0.95 * len(ordered)))]
    figures = {"median": statistics.median(ordered), "p95": p95, "longest": ordered[-1]}
    return {f"{name}, {which}": round(value, 2) for which, value in figures.items()}
