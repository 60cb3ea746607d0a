"""Every error as a problem of RFC 9457. HTTP statuses of the platform's errors are chosen here alone."""

from collections.abc import Iterable, Mapping
from typing import Any

import structlog
from flask import Flask, Response, g, json
from pydantic import BaseModel, Field, ValidationError
from werkzeug.exceptions import HTTPException, InternalServerError

from app import errors
from app.engine.health import DatabaseAway
from app.errors import InvalidInput, PlatformError, RetryableError, Unauthenticated

log = structlog.get_logger()

PROBLEM_JSON = "application/problem+json"

#: The first class that fits decides.
STATUSES: tuple[tuple[type[PlatformError], int], ...] = (
    (errors.Unauthenticated, 401),
    (errors.Forbidden, 403),
    (errors.NotFound, 404),
    (errors.Conflict, 409),
    (errors.TooLarge, 413),
    (errors.Unsupported, 415),
    (errors.InvalidInput, 422),
    (errors.TooBusy, 429),
    (errors.RetryableError, 503),
)
#: What was sent cannot be read at all, so nothing can be said about its content.
UNREADABLE = {"json_invalid": 400, "multipart_invalid": 400, "connection_reset": 400}

#: Codes of the errors that are Flask's own.
CODES = {404: "not_found", 405: "method_not_allowed", 413: "body_too_large", 500: "internal"}
#: What they say, and what to do about it.
SPOKEN = {
    404: ("There is nothing at this address.", "The addresses that there are stand at /docs."),
    405: ("This address does not know this method.", "The header Allow names those that it knows."),
    413: ("The body of the request is too large.", "Only uploads of archives may be large."),
    500: ("The platform made a mistake.", "Its log has more under the request_id."),
}
AWAY = RetryableError("database_unavailable", "The database does not answer.", "Try again in a few seconds.")
RETRY_AFTER = "5"


class Problem(BaseModel):
    """What an error says: `code` for machines, `detail` and `hint` for people."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    hint: str
    request_id: str
    evidence: dict[str, Any] = Field(default_factory=dict, description="What proves the detail, if anything.")


def problems(*statuses: int) -> Any:
    """How the OpenAPI document describes these errors of an operation."""
    content = {PROBLEM_JSON: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {status: {"content": content} for status in statuses}


def body_problems(*others: int) -> Any:
    """The same for an operation that takes a body."""
    return problems(400, 413, 415, *others)


def register(app: Flask) -> None:
    """Let an application answer every error as a problem."""
    app.register_error_handler(PlatformError, _platform)
    app.register_error_handler(DatabaseAway, _away)
    app.register_error_handler(HTTPException, _http)


def refuse(error: ValidationError) -> Response:
    """Turn what pydantic found wrong with a request into InvalidInput `request_invalid`, field by field."""
    found = found_in(error)
    told = "; ".join(": ".join(filter(None, (each["field"], each["message"]))) for each in found)
    hint = "What each operation takes stands at /docs."
    raise InvalidInput("request_invalid", f"{told}.", hint, evidence={"errors": found})


def found_in(error: ValidationError, under: tuple[int | str, ...] = ()) -> list[dict[str, str]]:
    """What pydantic found wrong, field by field."""
    return [_finding((*under, *each["loc"]), each["msg"]) for each in error.errors(include_url=False)]


def _finding(place: Iterable[int | str], message: str) -> dict[str, str]:
    said = message.removeprefix("Value error, ")
    return {"field": ".".join(map(str, place)), "message": said[:1].lower() + said[1:]}


def _platform(error: PlatformError) -> Response:
    status = UNREADABLE.get(error.code) or next((n for kind, n in STATUSES if isinstance(error, kind)), 500)
    headers = {}
    if isinstance(error, Unauthenticated):
        headers["WWW-Authenticate"] = _challenge(error)
    if status == 429:
        headers["Retry-After"] = str(error.evidence.get("retry_after", RETRY_AFTER))
    if status >= 500:
        log.error("request failed", code=error.code, error=error.message, evidence=dict(error.evidence))
        headers = {"Retry-After": RETRY_AFTER} if status == 503 else {}
        error = PlatformError(error.code, error.message, error.hint)  # its evidence is for us
    return _problem(status, error, headers)


def _challenge(error: Unauthenticated) -> str:
    """RFC 6750, section 3: no error code for a request without a token."""
    return 'Bearer realm="antiphon"' + (', error="invalid_token"' if error.code != "token_missing" else "")


def _away(error: DatabaseAway) -> Response:
    log.error("database did not answer", error=str(error.orig))
    return _problem(503, AWAY, {"Retry-After": RETRY_AFTER})


def _http(error: HTTPException) -> Any:
    status = error.code or 500
    if status < 400:  # a redirect
        return error
    if isinstance(error, InternalServerError):
        log.error("request failed", error=repr(error.original_exception or error))
    code = CODES.get(status, error.name.lower().replace(" ", "_"))
    message, hint = SPOKEN.get(status, (error.description or error.name, ""))
    said = PlatformError(code, message, hint)
    headers = {name: value for name, value in error.get_headers() if name.lower() != "content-type"}
    return _problem(status, said, headers)


def _problem(status: int, error: PlatformError, headers: Mapping[str, str]) -> Response:
    said = Problem(
        type=f"urn:antiphon:problem:{error.code}",
        title=error.code.replace("_", " ").capitalize(),
        status=status,
        detail=error.message,
        code=error.code,
        hint=error.hint,
        request_id=g.get("request_id", ""),
        evidence=dict(error.evidence),
    )
    body = said.model_dump(mode="json", exclude_defaults=True)
    return Response(json.dumps(body), status, headers, content_type=PROBLEM_JSON)
