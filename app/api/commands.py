"""One command in one transaction, at most once under an Idempotency-Key: a repeat gets the first answer.

The key comes first in the transaction, so that a repeat that arrives too early waits for the first to end.
What was refused is not kept: it changed nothing and may be asked again.
"""

import hashlib
import hmac
import json
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any

from flask import Response, current_app, g, jsonify, request
from pydantic import BaseModel, Field

from app.api.auth import asker
from app.engine import Recording, recording
from app.errors import InvalidInput
from app.models import idempotency
from app.models.idempotency import Answered

#: Says of an answer that it is the one of an earlier request.
REPLAYED = "Idempotency-Replayed"


class Repeatable(BaseModel):
    """The header by which a request may be sent again without being done again."""

    key: Annotated[str, Field(pattern=r"^[!-~]([ -~]{0,253}[!-~])?$")] | None = Field(
        None, alias="Idempotency-Key", description="Any text of your choice, good for 24 hours."
    )


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command is answered. `body` is kept for repeats, so it must not hold a secret."""

    body: Any
    status: int = 200
    location: str | None = None

    def response(self, headers: Mapping[str, str]) -> Response:
        """The answer as HTTP."""
        made = jsonify(self.body) if self.status != 204 else Response()
        if self.status == 204:
            del made.headers["Content-Type"]
        made.status_code = self.status
        made.headers.update(headers)
        if self.location:
            made.headers["Location"] = self.location
        return made


def perform(
    work: Callable[[Recording], Answer],
    header: Repeatable | None = None,
    content: object = None,
    reveal: Callable[[Any], Any] = lambda body: body,
) -> Response:
    """Do a command for whoever asks; `content` is what was asked, in plain JSON values.

    `reveal` adds to the body what is shown but not kept. InvalidInput `idempotency_key_reused` when the key
    was used with another content.
    """
    key = header.key if header else None
    g.idempotency_key = key
    with recording(actor=asker().actor) as log:
        earlier = key and idempotency.claim(log.db, asker().owner, key, _asked(content), log.now)
        answer = _again(earlier, content) if earlier else work(log)
        if key and not earlier:
            kept = {"body": answer.body, "location": answer.location}
            idempotency.store_answer(log.db, asker().owner, key, answer.status, kept)
    return replace(answer, body=reveal(answer.body)).response({REPLAYED: "true"} if earlier else {})


def secret_for(owner: str) -> str:
    """The secret of what this request makes, an owner by that id: a repeat finds the same one.

    It follows (HMAC-SHA256 under SECRET_KEY) from the request's Idempotency-Key or a random stand-in, from
    the token that asks, and from the id. So it is stored nowhere and can still be shown to who missed it.
    """
    if not g.get("idempotency_key"):
        g.idempotency_key = secrets.token_urlsafe(32)
    told = "\n".join(["shown once", g.idempotency_key, asker().secret, owner])
    key = str(current_app.config["SECRET_KEY"]).encode()
    return urlsafe_b64encode(hmac.digest(key, told.encode(), "sha256")).decode().rstrip("=")


def _asked(content: object) -> str:
    told = json.dumps([request.method, request.path, content], sort_keys=True)
    return hashlib.sha256(told.encode()).hexdigest()


def _again(earlier: Answered, content: object) -> Answer:
    if earlier.request_hash != _asked(content):
        what = "The Idempotency-Key was used for another request."
        hint = "Use a new key for a new request, and the same content for a repeat."
        raise InvalidInput("idempotency_key_reused", what, hint)
    return Answer(earlier.answer["body"], earlier.status, earlier.answer["location"])
