"""Recording an event that three configured listeners answer, with very many others configured, against doing
so with those three alone. Two processes, each with its own database, take turns. Prints medians and ratios.

`python -m benchmarks.recording [--listeners 100000] [--events 400] [--database-url URL --other URL]`
"""

import argparse
import os
import resource
import statistics
import tempfile
import time
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any

TYPE = "site.updated"


def main() -> None:
    """Measure, and say what was measured."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--listeners", type=int, default=100_000)
    options.add_argument("--events", type=int, default=400, help="events per round")
    options.add_argument("--rounds", type=int, default=9)
    options.add_argument("--database-url", default="", help="an empty database; default: an SQLite file")
    options.add_argument("--other", default="", help="another, for the three")
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="antiphon-bench-") as folder:
        few = _begin(folder, chosen.other or f"sqlite:///{folder}/few.db", 3)
        many = _begin(folder, chosen.database_url or f"sqlite:///{folder}/many.db", chosen.listeners)
        print(f"loading {chosen.listeners} listeners: {many.recv():.1f} s once; 3: {few.recv():.2f} s")
        rounds = [[_round(each, chosen.events) for each in (few, many)] for _ in range(chosen.rounds)]
    for number, what in enumerate(("time", "processor time")):
        small, large = (statistics.median(each[side][number] for each in rounds) for side in (0, 1))
        ratio = statistics.median(each[1][number] / each[0][number] for each in rounds)
        print(f"{what} per event, 3: {small:.0f} us, {chosen.listeners}: {large:.0f} us: {ratio:.2f}x")


def _round(contestant: Connection, events: int) -> tuple[float, float]:
    contestant.send(events)
    result: tuple[float, float] = contestant.recv()
    return result


def _begin(folder: str, url: str, listeners: int) -> Connection:
    here, there = get_context("spawn").Pipe()
    process = get_context("spawn").Process(
        target=contestant, args=(folder, url, listeners, there), daemon=True
    )
    process.start()
    return here


def contestant(folder: str, url: str, listeners: int, orders: Connection) -> None:
    """Configure so many listeners, then record as many events as each order says: microseconds of time, and
    of processor time, per event.
    """
    os.environ |= {"ANTIPHON_HOME": folder, "DATABASE_URL": url, "LOG_LEVEL": "WARNING"}
    from app.engine import configured, metadata, reading
    from app.engine.database import get_engine
    from app.engine.queue import hand_off
    from app.engine.recording import recorded

    recorded.disconnect(hand_off)  # nobody is there who would work
    metadata.create_all(get_engine())
    _configure(listeners)
    began = time.perf_counter()
    with reading() as db:
        configured.here().refresh(db)
    orders.send(time.perf_counter() - began)
    _record(50)  # warm
    while True:
        orders.send(_measured(orders.recv()))


def _measured(events: int) -> tuple[float, float]:
    began, spent = time.perf_counter(), resource.getrusage(resource.RUSAGE_SELF)
    _record(events)
    took, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_SELF)
    used = after.ru_utime + after.ru_stime - spent.ru_utime - spent.ru_stime
    return took / events * 1e6, used / events * 1e6


def _record(events: int) -> None:
    from app.engine import recording
    from app.signals.sites import SiteUpdated

    for _ in range(events):
        with recording("bench") as work:
            work.record(SiteUpdated(site_id="id-hello", site="hello", changed={}))


def _configure(listeners: int) -> None:
    """As if they had been configured one after the other, three of them for the site of the events."""
    from sqlalchemy import insert

    from app.engine import now
    from app.engine.database import writing
    from app.engine.tables import events, listener_versions

    rows = [
        {"listener": f"listener-{number}", "since": number, "name": f"listener {number}", "state": "active"}
        | {"spec": _spec("hello" if number <= 3 else f"site-{number:06}")}
        for number in range(1, listeners + 1)
    ]
    last = {"id": "newest", "type": "listener.created", "stream": "/listeners", "sequence": listeners}
    said = {"time": now(), "subject": "", "label": "", "flow": "newest", "actor": "bench", "revision": ""}
    with writing() as db:
        for begin in range(0, listeners, 5000):
            db.execute(insert(listener_versions), rows[begin : begin + 5000])
        plain: dict[str, Any] = {"follower": False, "depth": 0, "data": {}, "configured": 0}
        db.execute(insert(events).values(**last, **said, **plain))


def _spec(site: str) -> dict[str, Any]:
    do = {"webhook": {"url": f"https://{site}.example/"}}
    pattern = {"data": {"site": [site]}}
    return {"on": [TYPE], "when": pattern, "do": do, "action": "webhooks.deliver", "outer": True}


if __name__ == "__main__":
    main()
