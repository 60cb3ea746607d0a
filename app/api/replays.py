"""Replays: `/v1/replays`."""

from typing import Annotated, Any

from flask import Response, jsonify
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    model_validator,
)

from app.api.auth import check_everywhere, scope
from app.api.commands import Answer, Repeatable, perform
from app.api.errors import body_problems, problems
from app.api.events import CloudEvent
from app.api.events import said as said_of_event
from app.api.paging import Listed, Page, listed
from app.api.requests import Instant, Moment, Text
from app.api.v1 import v1
from app.commands.replays import cancel_replay, start_replay
from app.engine import log, past, reading, replays
from app.engine.past import Wish
from app.engine.replays import Replay

TAGS: Any = [{"name": "Replays", "description": "Past events, given to one listener again."}]

Place = Annotated[int, Field(strict=True, ge=0)]


def _place_or_time(said: object, read: ValidatorFunctionWrapHandler) -> object:
    try:
        return read(said)
    except ValidationError as error:  # it says of each of the two what is wrong
        likes = "no time like 2026-01-31T12:00:00Z and no date like 2026-01-31"
        raise ValueError(f"Is no position in the log (0, 1, 2, ...), {likes}") from error


#: A place in the log, or an instant.
Bound = Annotated[Place | Instant, WrapValidator(_place_or_time)]


class ReplayPath(BaseModel):
    """Which replay."""

    id: Text


class Asked(BaseModel):
    """Which events, and how. Both ends of the range are included; without them it is the whole log.

    `rate` is how many reactions are made per second at most. Events that the listener has answered, or is
    about to, are left out unless `again` is true.
    """

    model_config = ConfigDict(extra="forbid")

    listener: Text
    begin: Bound | None = Field(None, alias="from", description="The first position, a time or a date.")
    after: Place | None = Field(None, description="The position behind which it begins, in place of `from`.")
    until: Bound | None = Field(None, description="The last position, a time or a date.")
    rate: float | None = Field(None, allow_inf_nan=False)
    again: bool = False
    dry_run: bool = Field(False, description="Count, show some of the events, and change nothing.")

    @model_validator(mode="after")
    def one_beginning(self) -> "Asked":
        """`from` and `after` say the same thing."""
        if self.begin is not None and self.after is not None:
            raise ValueError("Say from or after, not both")
        return self

    @property
    def wish(self) -> Wish:
        """The same for the engine."""
        first = self.begin if self.after is None else self.after + 1
        return Wish(self.listener, first, self.until, self.rate, self.again)


class ReplayAnswer(BaseModel):
    """A replay of the positions behind `after` up to `until`, made up to `cursor`.

    Of the events that the listener accepts (`matched`) it `made` reactions, and left out those that it had
    answered before (`suppressed`). It is done when all of the reactions have ended. One with a `limit` makes
    no more than that: then events behind the position `left_after` were not looked at.
    """

    id: str
    listener: str
    state: str
    generation: int
    after: int
    until: int
    cursor: int
    rate: float | None
    again: bool
    matched: int
    made: int
    suppressed: int
    started_at: Moment
    ended_at: Moment | None
    limit: int | None
    left_after: int | None


class WholeReplay(ReplayAnswer):
    """A replay, and how many of its reactions are in which state."""

    reactions: dict[str, int]


class ReplayList(Listed):
    """Replays, newest first."""

    items: list[ReplayAnswer]


class PreviewAnswer(BaseModel):
    """What a replay would do: of `matched` events, `made` would get a reaction; `samples` are the first."""

    listener: str
    after: int
    until: int
    matched: int
    made: int
    suppressed: int
    samples: list[CloudEvent]


def said(replay: Replay) -> dict[str, Any]:
    """A replay in plain JSON values."""
    bound: dict[str, Any] = {"limit": replay.most, "left_after": replays.left_after(replay)}
    same = {name: getattr(replay, name) for name in ReplayAnswer.model_fields if name not in bound}
    return ReplayAnswer(**same, **bound).model_dump(mode="json")


@v1.get("/replays", tags=TAGS, responses={200: ReplayList})
@scope("admin")
def list_replays(query: Page) -> Any:
    """Replays, newest first."""
    check_everywhere()
    with reading() as db:
        rows = replays.page(db, query.limit + 1, query.after)
    return listed(rows, query.limit, said, lambda replay: replay.id)


@v1.get("/replays/<id>", tags=TAGS, responses={200: WholeReplay, **problems(404)})
@scope("admin")
def show_replay(path: ReplayPath) -> Any:
    """One replay, and how far its reactions are."""
    check_everywhere()
    with reading() as db:
        replay = replays.require(db, path.id)
        return said(replay) | {"reactions": replays.states(db, replay)}


@v1.post("/replays", tags=TAGS, responses={200: PreviewAnswer, 202: ReplayAnswer, **body_problems(404)})
@scope("admin")
def begin_replay(header: Repeatable, body: Asked) -> Response:
    """Give past events to a listener again, or to a new one for the first time."""
    check_everywhere()
    log.catch_up()  # what has been committed until now belongs to the past
    if body.dry_run:
        return _preview(body)

    def work(recording: Any) -> Answer:
        replay = start_replay(recording, body.wish)
        return Answer(said(replay), 202, f"/v1/replays/{replay.id}")

    return perform(work, header, body.model_dump(mode="json"))


@v1.post("/replays/<id>/cancel", tags=TAGS, responses={202: ReplayAnswer, **problems(404, 409)})
@scope("admin")
def end_replay(path: ReplayPath, header: Repeatable) -> Response:
    """Make no more reactions, and cancel those that have not begun."""
    check_everywhere()
    return perform(lambda recording: Answer(said(cancel_replay(recording, path.id)), 202), header)


def _preview(body: Asked) -> Response:
    with reading() as db:
        found = past.preview(db, body.wish)
    same = {name: getattr(found, name) for name in ("after", "until", "matched", "made", "suppressed")}
    samples = [said_of_event(event) for event in found.samples]
    return jsonify({"listener": body.listener, **same, "samples": samples})
