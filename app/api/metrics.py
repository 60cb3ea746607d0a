"""`/metrics`: the figures of this moment for Prometheus, computed from the database when it asks.

Nothing is counted in this process, so it does not matter which of them answers.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from flask import Response, current_app
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from app.api.auth import check_everywhere, scope
from app.api.backlog import Backlog
from app.api.v1 import watched
from app.engine import health, now, reading
from app.engine.backlog import open_work
from app.engine.figures import Figures, figures

TAGS: Any = [{"name": "Health"}]
_OPENAPI: Any = {200: {"content": {CONTENT_TYPE_PLAIN_0_0_4: {"schema": {"type": "string"}}}}}


class _Now(Collector):
    """What was found for one answer."""

    def __init__(self, found: Figures, backlog: tuple[int, int], *, broker: bool) -> None:
        self._found, self._backlog, self._broker = found, backlog, broker

    def collect(self) -> Iterator[Metric]:
        """The metrics, in the order in which they are shown."""
        found = self._found
        yield _gauge("coverage_missing", "Reactions that ought to be there and are not.", found.missing)
        unread = "Configured listeners that this process, of an older version, cannot read."
        yield _gauge("listeners_unread", unread, found.unread)
        yield _by_state(found.reactions.items())
        oldest = "Seconds since the oldest ready reaction was made, or fell due."
        yield _gauge("reactions_ready_age_seconds", oldest, found.oldest_ready)
        yield _gauge("flows_running", "Flows in which something is open.", found.flows_running)
        yield _gauge("flows_stalled", "Flows in which nothing has happened for an hour.", found.flows_stalled)
        counted = "Reactions that count towards the limit, no further than one beyond it."
        yield _gauge("backlog", counted, self._backlog[0])
        yield _gauge("backlog_limit", "Beyond so many nothing new is taken on.", self._backlog[1])
        yield CounterMetricFamily("antiphon_events", "Events recorded so far.", found.events)
        yield _gauge("events_unsealed", "Events without a place in the log yet.", found.unsealed)
        yield _gauge("events_unchecked", "Events whose reactions were not checked yet.", found.unchecked)
        yield _gauge("sweep_lag_seconds", "Seconds by which the sweep is late with what is due.", found.lag)
        yield _gauge("broker_up", "Whether the broker takes commands.", self._broker)


def _gauge(name: str, about: str, value: float) -> Metric:
    return GaugeMetricFamily(f"antiphon_{name}", about, value)


def _by_state(counts: Iterable[tuple[str, int]]) -> Metric:
    about = "Reactions that are open or dead, by state."
    family = GaugeMetricFamily("antiphon_reactions", about, labels=["state"])
    for state, count in counts:
        family.add_metric([state], count)
    return family


@watched.get("/metrics", tags=TAGS, responses=_OPENAPI)
@scope("read")
def show_metrics() -> Any:
    """Figures of all sites together, in the text format of Prometheus."""
    check_everywhere()
    backlog: Backlog = current_app.extensions["backlog"]
    most = backlog.most
    with reading() as db:
        found, work = figures(db, now()), open_work(db, most + 1)
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Now(found, (work, most), broker=health.broker_answers()))
    return Response(generate_latest(registry), content_type=CONTENT_TYPE_PLAIN_0_0_4)
