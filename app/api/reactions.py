"""Reactions: `/v1/reactions`, and what may be done about those that died."""

from typing import Annotated, Any, Literal

from flask import Response
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from app.api.auth import RANKS, asker, check_change, check_stream, may_change, scope
from app.api.commands import Answer, Repeatable, perform
from app.api.errors import body_problems, problems
from app.api.paging import Listed, Page, listed
from app.api.requests import Instant, Moment, Text
from app.api.v1 import v1
from app.commands.reactions import retry_reaction, retry_reactions, skip_reaction
from app.engine import reading, views
from app.engine.redrive import MOST, Wanted
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


class Dead(BaseModel):
    """Which dead reactions; what is left out is any. `since` is when they died at the earliest."""

    model_config = ConfigDict(extra="forbid")

    listener: Text | None = None
    action: Text | None = None
    code: Text | None = Field(None, description="The code of the failure.")
    flow: Text | None = None
    since: Instant | None = None
    limit: Annotated[int, Field(ge=1), AfterValidator(lambda wished: min(wished, MOST))] = MOST
    after: Text | None = Field(None, description="The `next` of the answer before.")


class Retried(BaseModel):
    """How many are tried again. `next` is null unless there are more, to be asked for with it as `after`."""

    count: int
    next: str | None


class ReactionAnswer(BaseModel):
    """One listener's answer to one event. `waits_for` says what a waiting one waits for (retry, delay, slot,
    rate, key or event), `due_at` until when, and `key` what orders it or what the event must have.

    The failure's `traceback` stands only in the answer about one reaction, for the scopes deploy and admin.
    """

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
    waits_for: str | None
    due_at: Moment | None
    failure: dict[str, Any] | None
    created_at: Moment
    started_at: Moment | None
    ended_at: Moment | None


class ReactionList(Listed):
    """Reactions, newest first."""

    items: list[ReactionAnswer]


def said(reaction: Reaction, *, whole: bool = False) -> dict[str, Any]:
    """A reaction in plain JSON values, `whole` with the traceback of its failure."""
    same = {name: getattr(reaction, name) for name in ReactionAnswer.model_fields}
    if reaction.failure and not whole:
        same["failure"] = {name: value for name, value in reaction.failure.items() if name != "traceback"}
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
    return said(_require(path.id), whole=asker().rank >= RANKS["deploy"])


@v1.post("/reactions/<id>/retry", tags=TAGS, responses={202: ReactionAnswer, **problems(404, 409)})
@scope("deploy")
def try_again(path: ReactionPath, header: Repeatable) -> Response:
    """Try a dead reaction again; its flow is open again."""
    check_change(_require(path.id).stream)
    return perform(lambda log: _accepted(retry_reaction(log, path.id)), header)


@v1.post("/reactions/<id>/skip", tags=TAGS, responses={202: ReactionAnswer, **problems(404, 409)})
@scope("deploy")
def leave_out(path: ReactionPath, header: Repeatable) -> Response:
    """Give a dead reaction up for good, so that what it holds back goes on."""
    check_change(_require(path.id).stream)
    return perform(lambda log: _accepted(skip_reaction(log, path.id)), header)


@v1.post("/reactions/retry", tags=TAGS, responses={202: Retried, **body_problems()})
@scope("deploy")
def try_many_again(header: Repeatable, body: Dead) -> Response:
    """Try dead reactions again, the oldest first: those that the body describes, or all."""
    described = body.model_dump(exclude={"limit"})
    wanted = Wanted(under=may_change(), **described)

    def work(log: Any) -> Answer:
        found = retry_reactions(log, wanted, body.limit)
        return Answer({"count": found.count, "next": found.next}, 202)

    return perform(work, header, body.model_dump(mode="json"))


def _accepted(reaction: Reaction) -> Answer:
    return Answer(said(reaction), 202, f"/v1/reactions/{reaction.id}")


def _require(reaction_id: str) -> Reaction:
    with reading() as db:
        reaction = views.get_reaction(db, reaction_id)
    if reaction is None:
        raise NotFound("reaction_not_found", "There is no such reaction.", "See the list of reactions.")
    check_stream(reaction.stream)
    return reaction
