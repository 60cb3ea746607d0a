"""Listeners and the past: how often one would have answered, and letting it answer what came before it."""

from datetime import timedelta
from typing import Annotated, Any

from flask import Response
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from app.api.auth import check_everywhere, scope
from app.api.commands import Answer, Repeatable, perform
from app.api.conditions import Globs
from app.api.doing import Do, plain_do
from app.api.errors import body_problems
from app.api.events import CloudEvent
from app.api.events import said as said_of_event
from app.api.listeners import TAGS, ListenerPath
from app.api.replays import Bound, ReplayAnswer
from app.api.replays import said as said_of_replay
from app.api.requests import Moment
from app.api.v1 import v1
from app.commands.doing import types_for
from app.commands.replays import start_replay
from app.engine import log, now, reading, retrospect
from app.engine.hearing import supposed
from app.engine.past import Wish

#: How far back a preview looks, and how many reactions a backfill makes, unless asked otherwise.
DAYS = timedelta(days=7)
LIMIT, MOST = 1000, 100_000
MOST_SAMPLES = 50


class Past(BaseModel):
    """A part of the past; both ends are included, and without the second it is up to now."""

    model_config = ConfigDict(extra="forbid")

    to: Bound | None = Field(None, description="The last position, a time or a date.")


class Supposed(Past):
    """A listener that might be configured. What it would do matters for what it never hears."""

    on: Globs
    when: dict[str, Any] | None = None
    do: Do | None = None
    begin: Bound | None = Field(None, alias="from", description="As in `to`; seven days ago, if left out.")
    limit: Annotated[int, Field(ge=0), AfterValidator(lambda wished: min(wished, MOST_SAMPLES))] = Field(
        10, description=f"How many samples; more than {MOST_SAMPLES} is as good as {MOST_SAMPLES}."
    )


class SupposedAnswer(BaseModel):
    """How often a listener would have answered: `matched` of the `looked_at` events of its types, which were
    recorded from `looked_from` to `looked_to`. `capped` says that there are too many to look at: then only
    the newest of them were. `samples` are the newest that matched.
    """

    matched: int
    by_type: dict[str, int]
    looked_at: int
    looked_from: Moment | None
    looked_to: Moment
    capped: bool
    samples: list[CloudEvent]


class Backfill(Past):
    """What a listener is to answer of the past, the oldest first, unless it has answered it before.

    `limit` is how many reactions are made at most, `rate` how many per second.
    """

    begin: Bound = Field(alias="from", description="The first position, a time or a date.")
    limit: int = Field(LIMIT, ge=1, le=MOST, strict=True)
    rate: float | None = Field(None, allow_inf_nan=False)


@v1.post("/listeners/preview", tags=TAGS, responses={200: SupposedAnswer, **body_problems()})
@scope("admin")
def preview(header: Repeatable, body: Supposed) -> Any:
    """How often a listener would have answered lately. Nothing is stored."""
    check_everywhere()
    log.catch_up()
    until = now()
    begin = until - DAYS if body.begin is None else body.begin
    do = None if body.do is None else plain_do(body.do)
    hearing = supposed(types_for(body.on, body.when, do), body.when)
    with reading() as db:
        found = retrospect.look_back(db, hearing, begin, body.to, body.limit)
    samples = [said_of_event(event) for event in found.samples]
    asked = found.oldest if found.capped or isinstance(begin, int) else begin
    same = {name: getattr(found, name) for name in ("matched", "by_type", "looked_at", "capped")}
    to = until if body.to is None or isinstance(body.to, int) else body.to
    answer = SupposedAnswer(**same, looked_from=asked, looked_to=to, samples=[])
    return answer.model_dump(mode="json") | {"samples": samples}


@v1.post("/listeners/<id>/backfill", tags=TAGS, responses={202: ReplayAnswer, **body_problems(404, 409)})
@scope("admin")
def backfill(path: ListenerPath, header: Repeatable, body: Backfill) -> Response:
    """Let a listener answer what came before it: a replay, which can be watched and cancelled."""
    check_everywhere()
    log.catch_up()
    wish = Wish(path.id, body.begin, body.to, body.rate, most=body.limit)

    def work(recording: Any) -> Answer:
        replay = start_replay(recording, wish)
        return Answer(said_of_replay(replay), 202, f"/v1/replays/{replay.id}")

    return perform(work, header, body.model_dump(mode="json"))
