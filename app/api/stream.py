"""The log as it grows: server-sent events (WHATWG HTML, section 9.2), resumable from any place at any age."""

import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from threading import Lock
from typing import Any

from flask import Response, current_app, json, request
from pydantic import BaseModel, Field

from app.api.auth import Asker, asker, scope
from app.api.events import Glob, said, wanted_types
from app.api.paging import Place
from app.api.requests import Text
from app.api.v1 import v1
from app.engine import Event, log, reading
from app.engine.health import DatabaseAway
from app.errors import InvalidInput
from app.models import tokens

TAGS: Any = [{"name": "Events"}]

#: Seconds between two looks at the log, and the longest silence.
POLL, HEARTBEAT = 0.25, 15.0
#: Milliseconds after which a browser that lost its stream comes back.
COMES_BACK = 1000
AT_ONCE = 200

_OPENAPI: Any = {200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}}}


class StreamQuery(BaseModel):
    """Which events. The header `Last-Event-ID`, or `after`, is the place behind which the stream begins.

    Without either it begins now; with `flow`, at that flow's beginning.
    """

    type: list[Glob] | None = Field(None, max_length=20, description="Patterns like `site.deploy.*`.")
    flow: Text | None = None
    after: Place | None = None


class Newest:
    """The newest place in the log, looked up for all streams of this process together."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._place = 0
        self._seen = float("-inf")

    def place(self) -> int:
        """Not older than a poll."""
        with self._lock:
            if time.monotonic() - self._seen >= POLL:
                log.catch_up()
                with reading() as db:
                    self._place = log.last_position(db)
                self._seen = time.monotonic()
            return self._place


@dataclass(frozen=True, slots=True)
class Wanted:
    """What one stream carries."""

    asker: Asker
    types: list[str] | None
    flow: str | None


@v1.get("/events/stream", tags=TAGS, responses=_OPENAPI)
@scope("read")
def stream_events(query: StreamQuery) -> Response:
    """Events as they happen: `id` is the place, `event` the type, `data` the CloudEvent."""
    newest: Newest = current_app.extensions["newest"]
    place = _beginning(query, newest.place())
    wanted = Wanted(asker(), wanted_types(query.type), query.flow)
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return Response(_messages(wanted, place, newest), headers=headers, content_type="text/event-stream")


def _beginning(query: StreamQuery, newest: int) -> int:
    last = request.headers.get("Last-Event-ID") or query.after
    if last is None:
        return 0 if query.flow else newest
    if not (last.isascii() and last.isdigit()):
        hint = "Send the id of the last message, or nothing."
        raise InvalidInput("last_event_id_invalid", "The Last-Event-ID is no place in the log.", hint)
    return min(int(last[:19]), newest)


def _messages(wanted: Wanted, place: int, newest: Newest) -> Iterator[str]:
    yield f"retry: {COMES_BACK}\n\n"
    spoke = time.monotonic()
    with suppress(DatabaseAway):  # the reader comes back, and then to a database that answers
        for found in _batches(wanted, place, newest):
            silent = not found and time.monotonic() - spoke >= HEARTBEAT
            if silent and not _still_admitted(wanted.asker):
                return
            for event in found:
                yield f"id: {event.position}\nevent: {event.type}\ndata: {json.dumps(said(event))}\n\n"
            if silent:
                yield ": nothing new\n\n"
            if found or silent:
                spoke = time.monotonic()


def _batches(wanted: Wanted, place: int, newest: Newest) -> Iterator[list[Event]]:
    """What is behind `place`, some events at a time, and an empty list after each look at the log."""
    while True:
        until = newest.place()
        while place < until:
            found = _read(wanted, place)
            last = found[-1].position or 0 if found else 0
            place = last if len(found) == AT_ONCE else max(last, until)
            yield found
        yield []
        time.sleep(POLL)


def _read(wanted: Wanted, place: int) -> list[Event]:
    only = {"flow": wanted.flow, "stream": wanted.asker.stream}
    with reading() as db:
        return log.read(db, after=place, types=wanted.types, limit=AT_ONCE, **only)


def _still_admitted(found: Asker) -> bool:
    """Whether the token that opened the stream is in force."""
    kind, _, token_id = found.actor.partition(":")
    if kind != "token":
        return True
    with reading() as db:
        token = tokens.get(db, token_id)
    return token is not None and token.revoked_at is None
