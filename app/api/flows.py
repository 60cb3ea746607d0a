"""Flows: `/v1/flows`."""

from typing import Any, Literal

from flask import Response
from pydantic import BaseModel, Field

from app.api.auth import asker, check_change, check_stream, scope
from app.api.commands import Answer, Repeatable, perform
from app.api.errors import problems
from app.api.events import CloudEvent
from app.api.events import said as said_of_event
from app.api.paging import Listed, Page, listed
from app.api.reactions import ReactionAnswer
from app.api.reactions import said as said_of_reaction
from app.api.requests import Moment, Text
from app.api.v1 import v1
from app.commands.cancel import cancel_flow
from app.engine import log, reading, views
from app.engine.views import Flow
from app.errors import NotFound

TAGS: Any = [{"name": "Flows", "description": "All that one first event caused."}]


State = Literal["running", "waiting", "succeeded", "failed", "cancelled"]


class FlowPath(BaseModel):
    """Which flow."""

    id: Text


class FlowPage(Page):
    """Which flows."""

    state: State | None = None
    kind: Text | None = Field(None, description="deploy, rollback, ...")
    stalled: bool | None = Field(None, description="Whether nothing happens in them any more.")


class FlowAnswer(BaseModel):
    """A flow. `open` counts its unfinished reactions, followers not counted.

    It is `waiting` while all that is open waits for its time, and `stalled` when something is open and
    nothing has happened for an hour. While it is being cancelled, `cancel_forced_at` is when what is still at
    work is left behind.
    """

    id: str
    kind: str
    subject: str
    label: str
    state: str
    open: int
    stalled: bool
    cancel_forced_at: Moment | None
    started_at: Moment
    ended_at: Moment | None


class WholeFlow(FlowAnswer):
    """A flow with its events and reactions, oldest first."""

    events: list[CloudEvent]
    reactions: list[ReactionAnswer]


class FlowList(Listed):
    """Flows, newest first."""

    items: list[FlowAnswer]


_SAME = set(FlowAnswer.model_fields) - {"cancel_forced_at"}


def _said(flow: Flow) -> dict[str, Any]:
    same = {name: getattr(flow, name) for name in _SAME}
    return FlowAnswer(cancel_forced_at=flow.cancel_at, **same).model_dump(mode="json")


@v1.get("/flows", tags=TAGS, responses={200: FlowList})
@scope("read")
def list_flows(query: FlowPage) -> Any:
    """Flows, newest first."""
    only = {"state": query.state, "kind": query.kind, "stream": asker().stream}
    with reading() as db:
        rows = views.flow_page(db, query.limit + 1, query.after, query.stalled, **only)
    return listed(rows, query.limit, _said, lambda flow: flow.id)


@v1.get("/flows/<id>", tags=TAGS, responses={200: WholeFlow, **problems(404)})
@scope("read")
def show_flow(path: FlowPath) -> Any:
    """One flow with all that happened in it."""
    log.catch_up()
    with reading() as db:
        flow = _require(db, path.id)
        check_stream(flow.stream)
        events, reactions = log.read_flow(db, flow.id), views.reactions_of_flow(db, flow.id)
    return _said(flow) | {
        "events": [said_of_event(each) for each in events],
        "reactions": [said_of_reaction(each) for each in reactions],
    }


@v1.post("/flows/<id>/cancel", tags=TAGS, responses={202: FlowAnswer, **problems(404, 409)})
@scope("deploy")
def end_flow(path: FlowPath, header: Repeatable) -> Response:
    """Cancel all that a flow still does; a repeat is harmless.

    Its deploy is cancelled, or complete as it is if it was published. What is at work has half a minute to
    end by itself. `platform.flow.cancelled` says when nothing is any more.
    """
    with reading() as db:
        check_change(_require(db, path.id).stream)
    location = f"/v1/flows/{path.id}"
    return perform(lambda log: Answer(_said(cancel_flow(log, path.id)), 202, location), header)


def _require(db: Any, flow_id: str) -> Flow:
    flow = views.get_flow(db, flow_id)
    if flow is None:
        raise NotFound("flow_not_found", "There is no such flow.", "See the list of flows.")
    return flow
