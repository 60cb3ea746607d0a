"""A flow as lines: each event when it happened, counted from the first, as it comes over the event stream."""

import time
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import click

from app.cli.output import text
from app.cli.platform import Platform, at
from app.engine.signal import SIGNALS
from app.errors import RetryableError
from app.signals.telling import duration, tell

#: A stream that breaks is opened again where it ended: so often in a row, with so many seconds between.
TRIES, PAUSE = 10, 1.0
#: Types of this length and shorter are followed by one straight column.
WIDEST = 28


def follow_events(platform: Platform, after: int = 0, **query: Any) -> Iterator[dict[str, Any] | None]:
    """Events behind a place in the log, as they come, for as long as they are asked for.

    None when the server only says that it lives. RetryableError when it is away for long.
    """
    failures = 0
    while failures < TRIES:
        try:
            for message in platform.stream(at("events", "stream"), after, **query):
                failures = 0
                after = message.place if message else after
                yield message.event if message else None
        except RetryableError:
            failures += 1
            if failures == TRIES:
                raise
        time.sleep(PAUSE)


class Timeline:
    """Writes events as lines, with their ids if it is to; the others are counted from the first one shown."""

    def __init__(self, *, ids: bool = False) -> None:
        self._ids = ids
        self._start: datetime | None = None

    def line(self, event: dict[str, Any]) -> str:
        """One event: how long after the first, what, and the few words that its data has to say."""
        moment = datetime.fromisoformat(event["time"])
        self._start = self._start or moment
        after = duration(max(0.0, (moment - self._start).total_seconds()) * 1000)
        kind = click.style(event["type"], fg=_colour(event))
        known = f"{click.style(event['id'], dim=True)}  " if self._ids else ""
        gap = " " * (WIDEST - len(event["type"]))
        return f"{'+' + after:>10}  {known}{kind}{gap}  {words(event)}".rstrip()


def words(event: dict[str, Any]) -> str:
    """What an event says beside its type: why it failed, or its readable values."""
    failure = event["data"].get("failure")
    said = f"{failure['code']}: {failure['message']}" if failure else ", ".join(tell(event["data"]))
    return text(said) if said else ""


def _colour(event: dict[str, Any]) -> str | None:
    if "failure" in event["data"]:
        return "red"
    ends = event["type"] in SIGNALS and SIGNALS[event["type"]].ends
    return "green" if ends == "succeeded" else None
