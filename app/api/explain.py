"""Why listeners did or did not answer an event: `/v1/events/{id}/explain`."""

from typing import Any

from pydantic import BaseModel

from app.api.auth import scope
from app.api.errors import problems
from app.api.events import TAGS, EventPath, require_event
from app.api.paging import Listed
from app.api.requests import Text
from app.api.v1 import v1
from app.engine import reading
from app.engine.explain import Explanation, explain


class Which(BaseModel):
    """Which listener; left out, it is each that was declared when the event was recorded, or is now."""

    listener: Text | None = None


class ExplanationAnswer(BaseModel):
    """Whether a listener answered an event, and why (not).

    `code` is one of fired, waiting, replayed, loop, cancelled, timed_out, waiting_to_settle, type_differs,
    condition_failed, disabled, not_declared_then, not_declared_now, unknown_then and missing. `generations`
    are 0 for the live event and those of replays.
    """

    listener: str
    fired: bool
    code: str
    reason: str
    reaction: str | None
    state: str | None
    generations: list[int]


class ExplanationList(Listed):
    """One of each listener; there is never a `next`."""

    items: list[ExplanationAnswer]


@v1.get("/events/<id>/explain", tags=TAGS, responses={200: ExplanationList, **problems(404)})
@scope("read")
def explain_event(path: EventPath, query: Which) -> Any:
    """Why listeners did or did not answer an event."""
    event = require_event(path.id)
    with reading() as db:
        found = explain(db, event, query.listener)
    return {"items": [_said_why(each) for each in found], "next": None}


def _said_why(found: Explanation) -> dict[str, Any]:
    reaction = found.reaction
    return {
        "listener": found.listener,
        "fired": found.fired,
        "code": found.code,
        "reason": found.reason,
        "reaction": reaction.id if reaction else None,
        "state": reaction.state if reaction else None,
        "generations": list(found.generations),
    }
