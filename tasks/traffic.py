"""What Usage does besides answering events: every ten seconds it counts what the gateway has written down.

What was read of a file, and the totals of it, are recorded in one transaction, so nothing counts twice: not
when it is killed at any instant, and not when two of it run at once.
"""

from collections import Counter
from datetime import UTC, datetime

from app.engine import Recording, reading, recording
from app.engine.clock import ticks
from app.engine.periodic import every
from app.models import sites, traffic
from app.models.traffic import TrafficFile
from app.services.traffic import open_traffic
from app.services.traffic.port import AccessFiles, Answered, Part
from app.signals.usage import Meter, TrafficRead, UsageMeasured, traffic_stream

#: Seconds from one count to the next, and those after which one makes room for the sweep.
EVERY, AT_MOST = 10.0, 0.5


@every(EVERY)
def count_traffic() -> bool:
    """Record what was served since the last time, as far as there is time for it; whether more is there."""
    files = open_traffic()
    give_up = ticks() + AT_MOST
    for file in files.files():
        while _count(files, file):
            if ticks() > give_up:
                return True
    return False


def _count(files: AccessFiles, file: str) -> bool:
    """Count the next part of a file; whether there was something. One that is over and counted is removed."""
    with reading() as db:
        known = traffic.get(db, file)
    part = files.read(file, known.offset if known else 0)
    if part is None:
        return False
    if part.end > part.start:
        with recording("system:traffic") as log:
            log.lock(traffic_stream(file))
            if traffic.get(log.db, file) != known:  # another process was faster
                return False
            _record(log, file, part, known)
        return True
    if part.finished:
        files.remove(file)
    return False


def _record(log: Recording, file: str, part: Part, known: TrafficFile | None) -> None:
    counts = {"requests": len(part.answered), "damaged": part.damaged}
    read = TrafficRead(file=file, start=part.start, end=part.end, **counts)
    if known is not None:
        read = read.within(known.flow, known.flow)
    event = log.record(read)
    for (site_id, day), amounts in sorted(_sums(part.answered).items()):
        site = sites.get(log.db, site_id) if site_id else None
        about = {"site_id": site.id, "site": site.slug} if site else {}
        place = {"file": file, "start": part.start, "end": part.end, "day": day}
        meters: tuple[Meter, Meter] = ("bandwidth", "requests")
        for meter in meters:
            key = f"{meter}:{event.id}:{site_id}:{day}"
            measured = UsageMeasured.counting(
                read, meter, amounts[meter], **about, **place, idempotency_key=key
            )
            log.record(measured.within(event.flow, event.id))


def _sums(answered: list[Answered]) -> dict[tuple[str, str], Counter[str]]:
    """The requests and the bytes of each site and day."""
    sums: dict[tuple[str, str], Counter[str]] = {}
    for each in answered:
        day = f"{datetime.fromtimestamp(each.at_ms / 1000, UTC):%Y-%m-%d}"
        sums.setdefault((each.site_id, day), Counter()).update(bandwidth=each.size, requests=1)
    return sums
