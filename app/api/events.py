"""Events: the log as CloudEvents 1.0, as a list and one by one."""

from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, Field

from app.api.auth import asker, check_stream, scope
from app.api.errors import problems
from app.api.paging import Listed, Page, Place, listed
from app.api.reactions import ReactionAnswer
from app.api.reactions import said as said_of_reaction
from app.api.requests import Moment, Text
from app.api.v1 import v1
from app.engine import Event, log, reading, views
from app.engine.cloudevents import attributes
from app.engine.signal import types_like
from app.errors import NotFound

TAGS: Any = [{"name": "Events", "description": "Everything that has happened, in one order."}]


def _few_stars(glob: str) -> str:
    if glob.count("*") > 8:
        raise ValueError("Has more than 8 stars")
    return glob


#: A pattern of types: `*` is one segment or a part of one, `**` any number of segments.
Glob = Annotated[str, Field(pattern=r"^[a-z0-9_.*]{1,100}$"), AfterValidator(_few_stars)]


class CloudEvent(BaseModel):
    """An event. `correlationid` is its flow, `causationid` the event that caused it, `position` its place."""

    specversion: str = "1.0"
    id: str
    source: str
    type: str
    time: Moment
    subject: str
    datacontenttype: str = "application/json"
    correlationid: str
    causationid: str | None = None
    sequence: str
    position: int | None = None
    authtype: str
    authid: str | None = None
    data: dict[str, Any]


class EventPage(Page):
    """Which events. Several `type` are alternatives."""

    after: Place | None = Field(None, description="The `next` of the answer before, or an event's place.")
    type: list[Glob] | None = Field(None, max_length=20, description="Patterns like `site.deploy.*`.")
    subject: Text | None = None
    flow: Text | None = None


class EventPath(BaseModel):
    """Which event."""

    id: Text


class EventList(Listed):
    """Events, oldest first."""

    items: list[CloudEvent]


class TracedEvent(CloudEvent):
    """An event and what it led to directly: the listeners' reactions, and the events that they recorded."""

    reactions: list[ReactionAnswer]
    caused: list[CloudEvent]


def said(event: Event) -> dict[str, Any]:
    """An event as a CloudEvent in plain JSON values; what it has no value for is left out."""
    return attributes(event)


def wanted_types(globs: list[str] | None) -> list[str] | None:
    """The declared types that are asked for; None for all."""
    return None if globs is None else types_like(globs)


@v1.get("/events", tags=TAGS, responses={200: EventList})
@scope("read")
def list_events(query: EventPage) -> Any:
    """Events, oldest first."""
    log.catch_up()
    with reading() as db:
        rows = log.read(
            db,
            after=int(query.after or 0),
            types=wanted_types(query.type),
            limit=query.limit + 1,
            flow=query.flow,
            subject=query.subject,
            stream=asker().stream,
        )
    return listed(rows, query.limit, said, lambda event: event.position)


@v1.get("/events/<id>", tags=TAGS, responses={200: TracedEvent, **problems(404)})
@scope("read")
def show_event(path: EventPath) -> Any:
    """One event, and what it caused."""
    log.catch_up()
    event = require_event(path.id)
    with reading() as db:
        reactions, caused = views.answers_to(db, event.id), views.caused_by(db, event)
    return said(event) | {
        "reactions": [said_of_reaction(each) for each in reactions],
        "caused": [said(each) for each in caused],
    }


def require_event(event_id: str) -> Event:
    """An event that the asker may see. NotFound `event_not_found`."""
    with reading() as db:
        event = log.get_event(db, event_id)
    if event is None:
        raise NotFound("event_not_found", "There is no such event.", "See the list of events.")
    check_stream(event.stream)
    return event
