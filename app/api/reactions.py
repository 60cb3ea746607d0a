"""Reactions: `/v1/reactions`, and what may be done about those that died."""

from dataclasses import asdict
from typing import Annotated, Any, Literal

from flask import Response, jsonify
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from app.api.auth import RANKS, asker, check_change, check_stream, may_change, scope
from app.api.commands import Answer, Repeatable, perform
from app.api.errors import body_problems, problems
from app.api.paging import Listed, Page, listed
from app.api.requests import Instant, Moment, Text
from app.api.v1 import v1
from app.commands.reactions import retry_reaction, retry_reactions, skip_reaction
from app.engine import reading, views
from app.engine.reactions import Alike
from app.engine.redrive import MOST, Wanted, count_wanted
from app.engine.views import Reaction
from app.errors import NotFound

TAGS: Any = [{"name": "Reactions", "description": "What listeners answered to events, and how it went."}]

State = Literal["waiting", "ready", "running", "done", "dead", "cancelled", "skipped"]


class ReactionPath(BaseModel):
    """Which reaction."""

    id: Text


class Like(BaseModel):
    """What reactions have in common; what is left out is any."""

    listener: Text | None = None
    action: Text | None = None
    code: Text | None = Field(None, description="The code of the failure.")
    flow: Text | None = None
    since: Instant | None = Field(None, description="They ended, or died, at this moment or later.")

    @property
    def common(self) -> dict[str, Any]:
        """The same without what is left out."""
        said = {name: getattr(self, name) for name in Like.model_fields}
        return {name: value for name, value in said.items() if value is not None}


class ReactionPage(Page, Like):
    """Which reactions."""

    state: State | None = None


class Dead(Like):
    """Which dead reactions: all, or those that have something in common."""

    model_config = ConfigDict(extra="forbid")

    every: bool = Field(False, alias="all", description="In place of what they have in common.")
    dry_run: bool = Field(False, description="Count them, and change nothing.")
    limit: Annotated[int, Field(ge=1), AfterValidator(lambda wished: min(wished, MOST))] = MOST
    after: Text | None = Field(None, description="The `next` of the answer before.")

    @model_validator(mode="after")
    def says_which(self) -> "Dead":
        """Nobody tries all of them again by leaving something out."""
        if self.every == bool(self.common):
            names = ", ".join(Like.model_fields)
            raise ValueError(f'Say either "all": true, or what they have in common: {names}')
        return self


class Retried(BaseModel):
    """How many are tried again, or would be. `next` is null unless there are more, to be asked for with it as
    `after`.
    """

    count: int
    next: str | None


class ReactionAnswer(BaseModel):
    """One listener's answer to one event. `waits_for` says what a waiting one waits for (retry, delay, slot,
    rate, key, event, or paused: its listener to be resumed), `due_at` until when, and `key` what orders it or
    what the event must have. `worker` is who has, or had, its last attempt.
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
    worker: str | None
    due_at: Moment | None
    failure: dict[str, Any] | None
    created_at: Moment
    started_at: Moment | None
    ended_at: Moment | None


class WholeReaction(ReactionAnswer):
    """A reaction; `held_back_by` is the one that it waits for in its line.

    For the scopes deploy and admin the failure has a `traceback` here.
    """

    held_back_by: str | None


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
    alike, only = Alike(**query.common), {"state": query.state, "stream": asker().stream}
    with reading() as db:
        rows = views.reaction_page(db, query.limit + 1, query.after, alike, **only)
    return listed(rows, query.limit, said, lambda reaction: reaction.id)


@v1.get("/reactions/<id>", tags=TAGS, responses={200: WholeReaction, **problems(404)})
@scope("read")
def show_reaction(path: ReactionPath) -> Any:
    """One reaction."""
    reaction = _require(path.id)
    with reading() as db:
        holder = views.held_back_by(db, reaction)
    return said(reaction, whole=asker().rank >= RANKS["deploy"]) | {"held_back_by": holder}


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


@v1.post("/reactions/retry", tags=TAGS, responses={200: Retried, 202: Retried, **body_problems()})
@scope("deploy")
def try_many_again(header: Repeatable, body: Dead) -> Response:
    """Try dead reactions again, the oldest first: those that the body describes, or all."""
    wanted = Wanted(under=may_change(), after=body.after, **body.common)
    if body.dry_run:
        with reading() as db:
            return jsonify(asdict(count_wanted(db, wanted, body.limit)))

    def work(log: Any) -> Answer:
        return Answer(asdict(retry_reactions(log, wanted, body.limit)), 202)

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
