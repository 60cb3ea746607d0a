"""What every request and answer has in common: an id, readable text, JSON bodies, security headers."""

import inspect
import json
import re
from datetime import UTC, datetime
from typing import Annotated, Any, Never

import structlog
from flask import Flask, Request, Response, current_app, g, request
from pydantic import AfterValidator, AwareDatetime, BeforeValidator, PlainSerializer, WithJsonSchema

from app.engine import new_id
from app.engine.cloudevents import spelt
from app.errors import InvalidInput, NotFound, Unsupported

#: Largest body of a request that is no upload.
MAX_BODY_BYTES = 1 << 20

_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d")
_REQUEST_ID = re.compile(r"[\w.:-]{1,128}", re.ASCII)
_POLICY = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"


def _storable(text: str) -> str:
    if not is_storable(text):
        raise ValueError("Holds a character that cannot be stored: NUL or half of a surrogate pair")
    return text


def is_storable(text: str) -> bool:
    """Whether a text can be sent to any database: no NUL, no lone surrogate."""
    return "\0" not in text and not any("\ud800" <= letter <= "\udfff" for letter in text)


#: Any text that a person or a machine may send.
Text = Annotated[str, AfterValidator(_storable)]


#: An instant in an answer: RFC 3339 in UTC, always as long, so that texts compare like the instants.
Moment = Annotated[
    datetime, PlainSerializer(spelt), WithJsonSchema({"type": "string", "format": "date-time"})
]


def _spelt_out(value: object) -> object:
    if isinstance(value, str) and _DATE.fullmatch(value):
        return f"{value}T00:00:00Z"
    if not (isinstance(value, str) and _RFC_3339.match(value)):
        raise ValueError("Is no time like 2026-01-31T12:00:00Z, and no date like 2026-01-31")
    return value


def _in_utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("Lies outside of the years 1 to 9999") from error


_TIME_OR_DATE: Any = {"anyOf": [{"type": "string", "format": name} for name in ("date-time", "date")]}
#: An instant that is sent: RFC 3339 with its offset from UTC, or a date, which is its midnight in UTC.
Instant = Annotated[
    AwareDatetime, BeforeValidator(_spelt_out), AfterValidator(_in_utc), WithJsonSchema(_TIME_OR_DATE)
]


class JsonRequest(Request):
    """A request whose JSON body must be an object; no body at all is an empty one."""

    def get_json(self, force: bool = False, silent: bool = False, cache: bool = True) -> Any:
        """The body; Unsupported `content_type_unsupported`, InvalidInput `json_invalid`."""
        data = self.get_data()
        if not data:
            return {}
        if not self.is_json:
            what = f"The body is {self.mimetype or 'of no stated type'}, not application/json."
            raise Unsupported("content_type_unsupported", what, "Send JSON with its Content-Type.")
        try:
            found = json.loads(data, parse_constant=_no_number)
        except (ValueError, RecursionError) as error:
            what = f"The body is not JSON: {error}."
            raise InvalidInput("json_invalid", what, "Check its syntax.") from error
        if not isinstance(found, dict):
            hint = 'Send something like {"name": "value"}.'
            raise InvalidInput("json_invalid", "The body is JSON, but not an object.", hint)
        return found


def _no_number(name: str) -> Never:
    raise ValueError(f"{name} is not a number in JSON")


def register(app: Flask) -> None:
    """Give an application's requests ids, and its answers headers."""
    app.request_class = JsonRequest
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY_BYTES
    app.json.sort_keys = False  # type: ignore[attr-defined]  # Flask's own provider has it
    app.before_request(_name)
    app.after_request(_dress)


def refuse_unknown() -> None:
    """Let no request pass with a parameter in its address that its operation does not know: whoever misspells
    a filter would be shown everything. InvalidInput `request_invalid`.
    """
    view: Any = current_app.view_functions.get(request.endpoint or "")
    declared = inspect.signature(view).parameters.get("query") if view else None
    fields = declared.annotation.model_fields if declared else {}
    known = [field.alias or name for name, field in fields.items()]
    odd = [name for name in request.args if name not in known]
    if odd:
        hint = f"There are: {', '.join(known)}." if known else "There are none here."
        found = [{"field": name, "message": "is no parameter of this operation"} for name in odd]
        what = f"No parameter of this operation is called {' or '.join(map(repr, odd))}."
        raise InvalidInput("request_invalid", what, hint, evidence={"errors": found})


def _name() -> None:
    """An id for the request: the sender's if it is a reasonable one."""
    said = request.headers.get("X-Request-Id", "")
    g.request_id = said if _REQUEST_ID.fullmatch(said) else new_id()
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(request=g.request_id)
    if not is_storable(request.path):
        raise NotFound("not_found", "No address has such characters.", "See /docs.")


def _dress(response: Response) -> Response:
    headers = response.headers
    headers["X-Request-Id"] = g.get("request_id") or new_id()
    headers["X-Content-Type-Options"] = "nosniff"
    headers.setdefault("Referrer-Policy", "no-referrer")
    headers.setdefault("X-Frame-Options", "DENY")
    headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
    headers.setdefault("Content-Security-Policy", _POLICY)
    headers.setdefault("Cache-Control", "no-store")
    return response
