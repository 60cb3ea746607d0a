"""What an answer means: 2xx is success and everything else a failure (Standard Webhooks 1.0, operations)."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus

from app.errors import PermanentError, RetryableError
from app.services.outbound.port import Answer

#: The longest pause in seconds that a receiver can ask for.
LONGEST_PAUSE = 24 * 3600.0

_TOLD_APART = {410: "http_410", 429: "http_429"}
_FAMILIES = {3: "http_3xx", 4: "http_4xx"}
_HINTS = {
    "http_3xx": "Save the address that it redirects to: redirects are not followed.",
    "http_4xx": "Look at its log: it understood the request and refused it.",
    "http_410": "It does not want to be called any more.",
    "http_429": "It is called too often; it is left alone for as long as it asks.",
    "http_5xx": "Look at its log: it failed over the request.",
}


def judged(answer: Answer, now: datetime) -> Answer:
    """The answer itself, when it is a success.

    Else PermanentError `http_410`, or RetryableError `http_3xx`, `http_4xx`, `http_429`, `http_5xx`: a
    receiver that refuses today may be mended tomorrow. The evidence holds `http_status`, `ms`, `snippet`,
    `host`, `address`, and `retry_after` in seconds where it asked for a pause.
    """
    if 200 <= answer.status < 300:
        return answer
    code = _TOLD_APART.get(answer.status) or _FAMILIES.get(answer.status // 100, "http_5xx")
    kind = PermanentError if code == "http_410" else RetryableError
    evidence = {
        "host": answer.host,
        "address": answer.address,
        "http_status": answer.status,
        "ms": answer.milliseconds,
        "snippet": answer.snippet,
    }
    pause = retry_after(answer, now)
    if pause is not None:
        evidence["retry_after"] = pause
    raise kind(code, f"{answer.host} answered {_named(answer.status)}.", _HINTS[code], evidence=evidence)


def retry_after(answer: Answer, now: datetime) -> float | None:
    """For how many seconds, at most a day, the receiver wants to be left alone (RFC 9110 §10.2.3)."""
    text = answer.headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return min(float(text), LONGEST_PAUSE)
    try:
        until = parsedate_to_datetime(text)
    except ValueError:
        return None
    until = until if until.tzinfo else until.replace(tzinfo=UTC)
    return min(max((until - now).total_seconds(), 0.0), LONGEST_PAUSE)


def _named(status: int) -> str:
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)
