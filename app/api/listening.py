"""Whether listeners work now, and the calls of those that are webhooks: below `/v1/listeners/{id}`."""

from typing import Any, Literal

from flask import Response
from pydantic import BaseModel

from app.api.auth import check_everywhere, scope
from app.api.commands import Answer, Repeatable, perform
from app.api.errors import problems
from app.api.listeners import TAGS, ListenerPath
from app.api.paging import Listed, Page, listed
from app.api.requests import Moment
from app.api.shown import webhook_secret, with_secret
from app.api.v1 import v1
from app.commands.listeners import pause_listener, resume_listener
from app.commands.signing import rotate_secret
from app.engine import reading
from app.models import listeners, webhooks
from app.models.webhooks import Attempt


class State(BaseModel):
    """How a listener is from now on."""

    state: Literal["active", "paused", "disabled"]


class Secret(BaseModel):
    """A new secret to be shared with the receiver, if it checks signatures `v1`, and the public keys, if it
    checks `v1a`. The one before is good for a day besides it.
    """

    secret: str | None
    public_keys: list[str]


class AttemptAnswer(BaseModel):
    """One call. `code` says why it came to nothing; then it is made again at `next_attempt_at`, if there is
    one. `snippet` is the first of what was answered.
    """

    event: str
    event_type: str
    attempt: int
    at: Moment
    code: str | None
    http_status: int | None
    ms: int | None
    snippet: str | None
    next_attempt_at: Moment | None


class AttemptList(Listed):
    """Calls, newest first."""

    items: list[AttemptAnswer]


def _said_of_attempt(attempt: Attempt) -> Any:
    same = {name: getattr(attempt, name) for name in AttemptAnswer.model_fields}
    return AttemptAnswer(**same).model_dump(mode="json")


@v1.post("/listeners/<id>/pause", tags=TAGS, responses={202: State, **problems(404, 409)})
@scope("admin")
def pause(header: Repeatable, path: ListenerPath) -> Response:
    """Keep what a listener is to answer until it is resumed; a built-in one can be paused by its name."""
    check_everywhere()
    return perform(lambda log: Answer({"state": pause_listener(log, path.id)}, 202), header)


@v1.post("/listeners/<id>/resume", tags=TAGS, responses={202: State, **problems(404)})
@scope("admin")
def resume(header: Repeatable, path: ListenerPath) -> Response:
    """Let a listener work off what has waited, oldest first; a disabled one hears again."""
    check_everywhere()
    return perform(lambda log: Answer({"state": resume_listener(log, path.id)}, 202), header)


@v1.post("/listeners/<id>/rotate-secret", tags=TAGS, responses={200: Secret, **problems(404, 409)})
@scope("admin")
def rotate(header: Repeatable, path: ListenerPath) -> Response:
    """Sign with a new secret from now on, and for a day with the old one as well."""
    check_everywhere()

    def work(log: Any) -> Answer:
        rotate_secret(log, path.id, webhook_secret)
        return Answer({"id": path.id})

    return perform(work, header, None, _only_secrets)


def _only_secrets(body: Any) -> Any:
    shown = with_secret(body)
    return {name: shown[name] for name in Secret.model_fields}


@v1.get("/listeners/<id>/attempts", tags=TAGS, responses={200: AttemptList, **problems(404, 409)})
@scope("admin")
def list_attempts(path: ListenerPath, query: Page) -> Any:
    """The calls of a webhook, newest first."""
    check_everywhere()
    with reading() as db:
        listeners.require(db, path.id)
        rows = webhooks.page(db, path.id, query.limit + 1, query.after)
    return listed(rows, query.limit, _said_of_attempt, lambda attempt: attempt.id)
