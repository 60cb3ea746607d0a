"""Reactions: `/v1/reactions`."""

from typing import Any, Literal

from pydantic import BaseModel

from app.api.auth import asker, check_stream, scope
from app.api.errors import problems
from app.api.paging import Listed, Page, listed
from app.api.requests import Moment, Text
from app.api.v1 import v1
from app.engine import reading, views
from app.engine.views import Reaction
from app.errors import NotFound

TAGS: Any = [{"name": "Reactions", "description": "What listeners answered to events, and how it went."}]

State = Literal["waiting", "ready", "running", "done", "dead", "cancelled", "skipped"]


class ReactionPath(BaseModel):
    """Which reaction."""

    id: Text


class ReactionPage(Page):
    """Which reactions."""

    state: State | None = None
    listener: Text | None = None
    flow: Text | None = None


class ReactionAnswer(BaseModel):
    """One listener's answer to one event. `due_at` is when a waiting one goes on."""

    id: str
    event: str
    listener: str
    generation: int
    action: str
    flow: str
    label: str
    follower: bool
    state: str
    outcome: str | None
    attempt: int
    key: str | None
    due_at: Moment | None
    failure: dict[str, Any] | None
    created_at: Moment
    started_at: Moment | None
    ended_at: Moment | None


class ReactionList(Listed):
    """Reactions, newest first."""

    items: list[ReactionAnswer]


def said(reaction: Reaction) -> dict[str, Any]:
    """A reaction in plain JSON values."""
    same = {name: getattr(reaction, name) for name in ReactionAnswer.model_fields}
    return ReactionAnswer(**same).model_dump(mode="json")


@v1.get("/reactions", tags=TAGS, responses={200: ReactionList})
@scope("read")
def list_reactions(query: ReactionPage) -> Any:
    """Reactions, newest first."""
    only = {"state": query.state, "listener": query.listener, "flow": query.flow, "stream": asker().stream}
    with reading() as db:
        rows = views.reaction_page(db, query.limit + 1, query.after, **only)
    return listed(rows, query.limit, said, lambda reaction: reaction.id)


@v1.get("/reactions/<id>", tags=TAGS, responses={200: ReactionAnswer, **problems(404)})
@scope("read")
def show_reaction(path: ReactionPath) -> Any:
    """One reaction."""
    with reading() as db:
        reaction = views.get_reaction(db, path.id)
    if reaction is None:
        raise NotFound("reaction_not_found", "There is no such reaction.", "See the list of reactions.")
    check_stream(reaction.stream)
    return said(reaction)
