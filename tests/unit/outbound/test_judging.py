"""2xx is success, 410 ends it, 429 and Retry-After slow it down, the rest is tried again."""

from datetime import UTC, datetime

import pytest

from app.errors import PermanentError, PlatformError, RetryableError
from app.services.outbound.judging import judged, retry_after
from app.services.outbound.port import Answer

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def answer(status: int, after: str | None = None) -> Answer:
    headers = {} if after is None else {"retry-after": after}
    return Answer("a.example", "192.0.2.1", status, headers, "why", cut=False, milliseconds=12)


@pytest.mark.parametrize("status", [200, 201, 202, 204, 226, 299])
def test_every_2xx_is_a_success(status: int) -> None:
    assert judged(answer(status), NOW).status == status


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (301, "http_3xx", RetryableError),
        (304, "http_3xx", RetryableError),
        (400, "http_4xx", RetryableError),
        (404, "http_4xx", RetryableError),
        (410, "http_410", PermanentError),
        (429, "http_429", RetryableError),
        (500, "http_5xx", RetryableError),
        (503, "http_5xx", RetryableError),
        (599, "http_5xx", RetryableError),
        (101, "http_5xx", RetryableError),
        (799, "http_5xx", RetryableError),
    ],
)
def test_every_other_status_is_a_failure_of_its_kind(
    status: int, code: str, kind: type[PlatformError]
) -> None:
    with pytest.raises(PlatformError) as caught:
        judged(answer(status), NOW)
    assert (type(caught.value), caught.value.code) == (kind, code)
    assert caught.value.hint
    assert caught.value.evidence == {
        "host": "a.example",
        "address": "192.0.2.1",
        "http_status": status,
        "ms": 12,
        "snippet": "why",
    }


def test_a_failure_names_what_was_answered_and_the_pause() -> None:
    with pytest.raises(RetryableError) as caught:
        judged(answer(503, "30"), NOW)
    assert caught.value.message == "a.example answered 503 Service Unavailable."
    assert caught.value.evidence["retry_after"] == 30


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        (None, None),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
        ("٣", None),
        ("Fri, 99 Jan 2026 03:04:35 GMT", None),
        ("0", 0),
        (" 120 ", 120),
        ("9" * 400, 86400),
        ("Fri, 02 Jan 2026 03:04:35 GMT", 30),
        ("Fri, 02 Jan 2026 03:04:35 -0000", 30),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0),
        ("Fri, 02 Jan 2099 03:04:35 GMT", 86400),
    ],
)
def test_a_pause_is_seconds_or_a_date_and_at_most_a_day(said: str | None, seconds: float | None) -> None:
    assert retry_after(answer(429, said), NOW) == seconds
