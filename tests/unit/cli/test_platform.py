"""The platform over HTTP: what is asked, how lists are read on, and what every kind of bad answer becomes."""

import json
from collections.abc import Callable
from typing import Any

import httpx2
import pytest

from app.cli.platform import Platform, at, remote
from app.cli.timeline import follow_events
from app.errors import PlatformError, RetryableError

Answering = Callable[[httpx2.Request], httpx2.Response]


def platform(answer: Answering) -> Platform:
    return Platform(httpx2.Client(transport=httpx2.MockTransport(answer), base_url="http://far.away"))


def says(status: int = 200, **options: Any) -> Platform:
    return platform(lambda _request: httpx2.Response(status, **options))


def refused(asked: Callable[[], object]) -> PlatformError:
    with pytest.raises(PlatformError) as found:
        asked()
    return found.value


def test_what_people_type_stays_one_part_of_the_path():
    assert at("sites", "a b?c#d%2F..") == "/v1/sites/a%20b%3Fc%23d%252F.."


@pytest.mark.parametrize("typed", ["", ".", "..", "../tokens", "a/b", "/"])
def test_what_could_lead_elsewhere_is_the_name_of_nothing(typed):
    assert refused(lambda: at("sites", typed)).code == "name_invalid"


def test_parameters_that_are_none_are_left_out():
    asked = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        asked.append((str(request.url), request.content))
        return httpx2.Response(200, json={})

    far = platform(answer)
    far.get("/v1/a", x=1, y=None)
    far.post("/v1/a", name="n", site=None)
    assert asked[0][0] == "http://far.away/v1/a?x=1"
    assert json.loads(asked[1][1]) == {"name": "n"}


def test_a_list_is_read_on_until_there_is_enough_or_no_more():
    limits = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        start, limit = int(request.url.params.get("after", 0)), int(request.url.params["limit"])
        limits.append(limit)
        shown = list(range(start, min(start + limit, 450)))
        return httpx2.Response(
            200, json={"items": shown, "next": str(shown[-1] + 1) if shown[-1] < 449 else None}
        )

    assert platform(answer).items("/v1/n", 1000) == list(range(450))
    assert limits == [200, 200, 200]
    assert platform(answer).items("/v1/n", 3, after=7) == [7, 8, 9]


def test_a_problem_is_told_with_its_code_and_hint():
    problem = {"code": "slug_taken", "detail": "It is taken.", "hint": "Choose another.", "status": 409}
    error = refused(lambda: says(409, json=problem).post("/v1/sites", slug="a"))
    assert (error.code, error.message, error.hint) == ("slug_taken", "It is taken.", "Choose another.")


def test_a_missing_token_is_asked_for_by_the_name_of_its_option():
    problem = {"code": "token_missing", "detail": "This needs a token.", "hint": "Send the header."}
    assert "--token" in refused(lambda: says(401, json=problem).get("/v1/sites")).hint


@pytest.mark.parametrize("body", [b"<h1>Bad gateway</h1>", b"[]", b"null", b'{"error": "x"}', b"\xff", b""])
def test_an_answer_of_something_else_is_told_as_such(body):
    error = refused(lambda: says(502, content=body).get("/v1/sites"))
    assert error.code == "answer_unknown"
    assert "502" in error.message
    assert "--server" in error.hint


def test_a_server_that_does_not_answer_is_told_with_its_address():
    def fail(_request: httpx2.Request) -> httpx2.Response:
        raise httpx2.ConnectError("Connection refused")

    for ask in (
        lambda far: far.get("/v1/a"),
        lambda far: list(far.stream("/v1/s", 0)),
        lambda far: far.ask("/a"),
    ):
        error = refused(lambda ask=ask: ask(platform(fail)))
        assert isinstance(error, RetryableError)
        assert error.code == "server_unreachable"
        assert "http://far.away" in error.message


def test_a_status_can_be_asked_for_whatever_it_is():
    assert says(503, json={"database": "away"}).ask("/readyz") == (503, {"database": "away"})
    assert refused(lambda: says(200, content=b"hello").ask("/readyz")).code == "server_unreachable"


def test_a_stream_that_is_refused_says_why():
    problem = {"code": "token_unknown", "detail": "No such token.", "hint": ""}
    assert refused(lambda: list(says(401, json=problem).stream("/v1/s", 0))).code == "token_unknown"


def test_a_remote_platform_sends_its_token_and_takes_any_form_of_the_address():
    for address in ("http://far.away", "http://far.away/", "http://far.away/deep"):
        far = remote(address, "secret")
        request = far._client.build_request("GET", at("sites"))
        assert str(request.url) == f"{address.rstrip('/')}/v1/sites"
        assert request.headers["Authorization"] == "Bearer secret"
    assert "Authorization" not in remote("http://far.away", None)._client.headers


def test_a_stream_that_breaks_goes_on_where_it_ended(monkeypatch):
    places, pauses = [], []

    def answer(request: httpx2.Request) -> httpx2.Response:
        place = int(request.headers["Last-Event-ID"])
        places.append(place)
        if len(places) == 2:
            raise httpx2.ReadError("reset")
        return httpx2.Response(200, text=f'id: {place + 1}\ndata: {{"n": {place + 1}}}\n\n')

    monkeypatch.setattr("app.cli.timeline.time.sleep", pauses.append)
    events = follow_events(platform(answer))
    assert [next(events)["n"] for _ in range(3)] == [1, 2, 3]
    assert places == [0, 1, 1, 2]
    assert len(pauses) == 3


def test_a_server_that_stays_away_is_given_up(monkeypatch):
    def fail(_request: httpx2.Request) -> httpx2.Response:
        raise httpx2.ConnectError("refused")

    pauses = []
    monkeypatch.setattr("app.cli.timeline.time.sleep", pauses.append)
    assert refused(lambda: list(follow_events(platform(fail)))).code == "server_unreachable"
    assert 3 <= len(pauses) <= 20
