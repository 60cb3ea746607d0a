"""A world in two versions, and the root of real Celery processes of each: `VERSION` is old, new, or both for
who begins visits. The old one stamps each visitor's card, the new one scans it; both greet and take notes.
"""

import json
import os

from app.engine import Signal, action, coverage, declared, graph, log, on, reading, recording, settled
from app.engine.queue import get_celery
from app.engine.rebuild import verify
from app.engine.workers import register_tasks

VERSION = os.environ["VERSION"]
OLD, NEW = VERSION != "new", VERSION != "old"


class Visit(Signal):
    visit: str

    @property
    def stream(self) -> str:
        return f"/visits/{self.visit}"


class Asked(Visit, type="toy.visit.asked", starts="visit"):
    """Somebody wants to come in."""


class Greeted(Visit, type="toy.visit.greeted"):
    """They were greeted."""


class Noted(Visit, type="toy.visit.noted"):
    """Somebody took note."""


@action()
def greet(event: Asked) -> Greeted:
    """Greet them."""
    return Greeted(visit=event.visit)


@action()
def note(event: Greeted) -> Noted:
    """Take note of it."""
    return Noted(visit=event.visit)


on(Asked, do=greet)
on(Greeted, do=note)

if OLD:

    class Stamped(Visit, type="toy.visit.stamped"):
        """The card has its stamp."""

    @action(service="desk")
    def stamp(event: Asked) -> Stamped:
        """Stamp their card."""
        return Stamped(visit=event.visit)

    on(Asked, do=stamp)
    on(Stamped, do=note, name="note the stamp")

if NEW:

    class Scanned(Visit, type="toy.visit.scanned"):
        """The card was read by a machine."""

    class Left(Visit, type="toy.visit.left", ends="succeeded"):
        """All that belongs to a visit has ended."""

    @action(service="scanner")
    def scan(event: Asked) -> Scanned:
        """Scan their card."""
        return Scanned(visit=event.visit)

    @action()
    def leave(event: Asked) -> Left:
        """Let them go."""
        return Left(visit=event.visit)

    on(Asked, do=scan)
    on(Scanned, do=note, name="note the scan")
    on(settled(Asked, within=3600), do=leave)


celery = get_celery()
register_tasks(celery)


def begin(count: int) -> None:
    """Begin so many visits."""
    for number in range(count):
        with recording("token:me") as work:
            work.record(Asked(visit=f"v{number}"))


def check() -> None:
    """What a process of this version sees."""
    with reading() as db:
        seen = {
            "unchecked": log.last_position(db) - coverage.cursor(db),
            "missing": coverage.missing_now(db),
            "differences": len(verify()) if OLD and NEW else None,  # else some types are unknown
            "elsewhere": [each["name"] for each in elsewhere(graph.describe(declared.elsewhere(db)))],
            "picture": graph.mermaid("visit", declared.elsewhere(db)),
        }
    print(json.dumps(seen))


def elsewhere(described: dict[str, list[dict[str, object]]]) -> list[dict[str, object]]:
    return [each for each in described["actions"] if not each["here"]]
