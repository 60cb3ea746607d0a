"""Letting a listener answer again what it has answered, or failed to: below `/v1/listeners/{id}`."""

from typing import Any

from flask import Response
from pydantic import BaseModel, ConfigDict, Field, model_validator

from app.api.auth import check_everywhere, scope
from app.api.backfill import MOST
from app.api.commands import Answer, Repeatable, perform
from app.api.errors import body_problems
from app.api.events import require_event
from app.api.listeners import TAGS, ListenerPath
from app.api.replays import Bound, ReplayAnswer
from app.api.replays import said as said_of_replay
from app.api.requests import Instant, Text
from app.api.v1 import v1
from app.commands.again import answer_again, answer_failed_again, answer_range_again
from app.engine import Recording, log, redrive
from app.engine.past import Wish
from app.engine.redrive import Wanted


class Again(BaseModel):
    """What is answered again: one `event`, all that the listener has failed at since (`failed_since`) and not
    answered since, or every event of a range, answered before or not. `limit` is how many at most, `rate` how
    many per second.
    """

    model_config = ConfigDict(extra="forbid")

    event: Text | None = Field(None, description="Its id.")
    failed_since: Instant | None = None
    after: Text | None = Field(None, description="With `failed_since`: the `next` of the answer before.")
    begin: Bound | None = Field(None, alias="from", description="The first position, a time or a date.")
    to: Bound | None = Field(None, description="The last one; up to now, if left out.")
    limit: int | None = Field(None, ge=1, le=MOST, strict=True)
    rate: float | None = Field(None, allow_inf_nan=False)

    @model_validator(mode="after")
    def says_one_thing(self) -> "Again":
        """Nobody gets a range again who wanted one event."""
        said = {name for name in Again.model_fields if getattr(self, name) is not None}
        goes_with = {
            "event": set[str](),
            "failed_since": {"after", "limit"},
            "begin": {"to", "limit", "rate"},
        }
        if not any({one} <= said <= {one} | others for one, others in goes_with.items()):
            raise ValueError(
                "Say either event, or failed_since (with limit, after), or from (with to, limit, rate)"
            )
        return self


class AgainAnswer(BaseModel):
    """What was let go: the `reaction` that is tried now, or the `replay` that makes new ones, or how many
    (`count`) that had failed are tried again. `next` is null unless there are more, to be asked for with it
    as `after`.
    """

    reaction: str | None = None
    replay: ReplayAnswer | None = None
    count: int | None = None
    next: str | None = None


@v1.post("/listeners/<id>/redeliver", tags=TAGS, responses={202: AgainAnswer, **body_problems(404, 409)})
@scope("admin")
def redeliver(path: ListenerPath, header: Repeatable, body: Again) -> Response:
    """Let a configured listener answer events again. Calls of a webhook bear the same `webhook-id`."""
    check_everywhere()
    log.catch_up()
    return perform(lambda work: _again(work, path.id, body), header, body.model_dump(mode="json"))


def _again(work: Recording, listener: str, body: Again) -> Answer:
    if body.event is not None:
        found = answer_again(work, listener, require_event(body.event))
        return _said(reaction=found) if isinstance(found, str) else _said(replay=said_of_replay(found))
    if body.failed_since is not None:
        wanted = Wanted(listener=listener, since=body.failed_since, after=body.after, failed=True)
        redriven = answer_failed_again(work, wanted, min(body.limit or redrive.MOST, redrive.MOST))
        return _said(count=redriven.count, next=redriven.next)
    wish = Wish(listener, body.begin, body.to, body.rate, again=True, most=body.limit)
    return _said(replay=said_of_replay(answer_range_again(work, wish)))


def _said(**what: Any) -> Answer:
    return Answer(AgainAnswer(**what).model_dump(mode="json"), 202)
