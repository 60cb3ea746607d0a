"""An event as everybody sees it who asks for it: a CloudEvent 1.0."""

from datetime import UTC, datetime
from typing import Any

from app.engine.signal import Event

#: How the CloudEvents extension "auth context" calls who stands behind an actor.
_AUTH = {"token": "api_key", "hook": "api_key", "action": "system", "system": "system"}


def attributes(event: Event) -> dict[str, Any]:
    """The attributes and the data as plain JSON values; what there is no value for is left out.

    `correlationid` is the flow, `causationid` the event that caused it, `position` the place in the log, once
    it has one.
    """
    kind, _, who = event.actor.partition(":")
    given = {
        "specversion": "1.0",
        "id": event.id,
        "source": event.stream,
        "type": event.type,
        "time": spelt(event.time),
        "subject": event.subject,
        "datacontenttype": "application/json",
        "correlationid": event.flow,
        "causationid": event.cause,
        "sequence": f"{event.sequence:010}",
        "position": event.position,
        "authtype": _AUTH.get(kind, "user"),
        "authid": who or None,
    }
    return {name: value for name, value in given.items() if value is not None} | {"data": event.data}


def spelt(instant: datetime) -> str:
    """An instant as RFC 3339 in UTC, always as long, so that texts compare like the instants."""
    return instant.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
