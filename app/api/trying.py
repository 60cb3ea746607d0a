"""The button that tests a webhook, `/v1/listeners/{id}/test`: a worker makes the call, as it makes all."""

import time
from typing import Any, Literal

from flask import Response, json
from pydantic import BaseModel

from app.api.auth import check_everywhere, scope
from app.api.commands import Answer, Repeatable, perform
from app.api.errors import problems
from app.api.listeners import TAGS, ListenerPath
from app.api.v1 import v1
from app.commands.trying import request_test
from app.engine import log, reading
from app.models import webhooks
from app.models.webhooks import Attempt

#: How often the outcome is looked for, and after how many seconds again: a call takes 20 s at most.
LOOKS, PAUSE = 250, 0.1
#: Milliseconds after which a receiver is told to be quicker.
SLOW = 5000
#: Failures of which the receiver knows nothing.
OURS = frozenset(["ssrf_blocked", "url_not_https", "url_invalid", "secret_unreadable", "secret_damaged"])


class Tested(BaseModel):
    """What came of a test: `verdict`, a sentence, and what to do about it, if anything. `event` is what the
    receiver was told of. While it is `waiting` no worker has made the call; its outcome will be among the
    attempts.
    """

    event: str
    verdict: Literal["taken", "refused", "unreachable", "not_called", "waiting"]
    code: str | None = None
    http_status: int | None = None
    ms: int | None = None
    snippet: str | None = None
    message: str
    advice: str = ""


@v1.post("/listeners/<id>/test", tags=TAGS, responses={200: Tested, 202: Tested, **problems(404, 409)})
@scope("admin")
def try_out(path: ListenerPath, header: Repeatable) -> Response:
    """Make one signed call now, of an event that says that it is a test, and tell how it went.

    It is made although the listener is paused or disabled, is not repeated, and disables nothing.
    """
    check_everywhere()
    answer = perform(lambda work: Answer({"event": request_test(work, path.id)}), header)
    event = str(answer.get_json()["event"])
    tested = _outcome(path.id, event)
    answer.status_code = 202 if tested.verdict == "waiting" else 200
    answer.set_data(json.dumps(tested.model_dump(mode="json")))
    return answer


def _outcome(listener: str, event: str) -> Tested:
    for look in range(LOOKS):
        if look:
            time.sleep(PAUSE)
        with reading() as db:
            attempt = webhooks.of_event(db, listener, event)
            told = attempt and log.get_event(db, attempt.id)
        if attempt is not None:
            failure = told.data["failure"] if told and attempt.code else None
            return _judged(attempt, failure)
    what = f"No worker has made the call within {LOOKS * PAUSE:g} s."
    return Tested(
        event=event, verdict="waiting", message=what, advice="See whether workers run: flask doctor"
    )


def _judged(attempt: Attempt, failure: dict[str, Any] | None) -> Tested:
    same = {name: getattr(attempt, name) for name in ("event", "code", "http_status", "ms", "snippet")}
    if failure is None:
        what = f"It took the call: {attempt.http_status} after {attempt.ms} ms."
        return Tested(**same, verdict="taken", message=what, advice=_advice(attempt))
    refused: Literal["refused", "unreachable"] = "refused" if attempt.http_status else "unreachable"
    verdict = "not_called" if failure["code"] in OURS else refused
    return Tested(**same, verdict=verdict, message=failure["message"], advice=failure["hint"])


def _advice(attempt: Attempt) -> str:
    """What is odd about a success."""
    if (attempt.snippet or "").lstrip()[:1] == "<":
        return "It answered with a page: is this the address that takes calls?"
    if (attempt.ms or 0) > SLOW:
        return "It is slow: let it answer first and work afterwards."
    return ""
