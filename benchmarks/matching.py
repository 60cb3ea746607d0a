"""Finding the three listeners that an event matches among very many, against finding them where there are no
others. Prints medians and ratios.

`python -m benchmarks.matching [--listeners 100000] [--events 3000] [--rounds 7]`
"""

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any

from app.engine.index import Index
from app.engine.patterns import parse
from app.engine.shelf import Entry

TYPE = "site.deploy.completed"
TARGET = {"kind": "host", "id": "hello.example", "status": "updated", "failure": None}
DATA = {
    "site_id": "id-hello",
    "site": "hello",
    "deploy_id": "d-1",
    "number": 7,
    "status": "ok",
    "cid": "bafy",
}
EVENT = {
    "id": "0197",
    "source": "/sites/id-hello",
    "type": TYPE,
    "time": "2026-01-01T00:00:00.000000Z",
    "subject": "d-1",
    "correlationid": "0197",
    "causationid": "0197",
    "sequence": "0000000007",
    "authtype": "system",
    "authid": "sites.complete_deploy",
    "data": {**DATA, "targets": [TARGET, TARGET], "durations": {"build": 5, "total": 9}},
}
#: Patterns for one site each, as people would write them.
PATTERNS: dict[str, Callable[[str], Any]] = {
    "one value": lambda site: {"data": {"site": [site]}},
    "two values": lambda site: {"data": {"status": ["ok", "partial"], "site": [site]}},
    "prefix": lambda site: {"data": {"site": [{"prefix": site}]}},
    "$or": lambda site: {"$or": [{"data": {"site": [site]}}, {"subject": [f"d-{site}"]}]},
}


def index_of(listeners: int, pattern: Callable[[str], Any]) -> Index[int]:
    """So many listeners, of which three are for the site of the event."""
    index = Index[int]()
    for number in range(listeners):
        site = "hello" if number < 3 else f"site-{number:06}"
        index.add(Entry(f"listener-{number}", number, frozenset([TYPE]), parse(pattern(site))))
    return index


def microseconds(index: Index[int], events: int) -> float:
    """Processor time per event."""
    began = time.process_time()
    for _ in range(events):
        index.matching(EVENT, 0)
    return (time.process_time() - began) / events * 1e6


def main() -> None:
    """Measure, and say what was measured."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--listeners", type=int, default=100_000)
    options.add_argument("--events", type=int, default=3000, help="events per round")
    options.add_argument("--rounds", type=int, default=7)
    chosen = options.parse_args()
    for name, pattern in PATTERNS.items():
        few, many = index_of(3, pattern), index_of(chosen.listeners, pattern)
        assert few.matching(EVENT, 0) == many.matching(EVENT, 0) == [0, 1, 2]  # noqa: S101 - else nothing is measured
        rounds = [
            (microseconds(few, chosen.events), microseconds(many, chosen.events))
            for _ in range(chosen.rounds)
        ]
        small, large = (statistics.median(each) for each in zip(*rounds, strict=True))
        print(f"{name:11} 3: {small:5.1f} us, {chosen.listeners}: {large:5.1f} us: {large / small:.2f}x")


if __name__ == "__main__":
    main()
