"""Errors as problem details, and what every answer has in common."""

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from app.engine import queue
from app.factory import create_app
from app.services.spool import open_spool
from tests.fixtures.api import Api, refused

#: The real one, which the fixtures of this folder replace.
SEND = queue.send


@pytest.mark.parametrize(
    "path", ["/nothing", "/v1/nothing", "/v1/sites/hello/", "/v1/sites/hello/nothing", "/%00", "/v1"]
)
def test_an_unknown_address_is_a_problem_too(sqlite_api: Api, path: str) -> None:
    refused(sqlite_api.get(path), 404, "not_found")


def test_an_unknown_method_names_the_known_ones(sqlite_api: Api) -> None:
    answer = sqlite_api.ask("PUT", "/v1/sites/hello")
    refused(answer, 405, "method_not_allowed")
    assert set(answer.headers["Allow"].split(", ")) >= {"GET", "PATCH", "DELETE"}


BAD_JSON = ["{", "{'slug': 'a'}", '{"slug": NaN}', '{"slug": ' + "9" * 5000 + "}", "[" * 100_000, "\xff\xfe"]


@pytest.mark.parametrize("body", BAD_JSON)
def test_what_is_not_json_is_refused(sqlite_api: Api, body: str) -> None:
    answer = sqlite_api.post("/v1/sites", data=body.encode("latin-1"), content_type="application/json")
    refused(answer, 400, "json_invalid")


@pytest.mark.parametrize("body", ["[]", "null", "3", '"text"', '"{\\"slug\\": \\"a\\"}"', "true"])
def test_json_that_is_no_object_is_refused(sqlite_api: Api, body: str) -> None:
    answer = sqlite_api.post("/v1/sites", data=body, content_type="application/json")
    assert "object" in refused(answer, 400, "json_invalid")["detail"]


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""]
)
def test_another_content_type_than_json_is_refused(sqlite_api: Api, kind: str) -> None:
    answer = sqlite_api.post("/v1/sites", data='{"slug": "a"}', content_type=kind)
    refused(answer, 415, "content_type_unsupported")


def test_a_body_without_end_is_refused(sqlite_api: Api) -> None:
    body = json.dumps({"slug": "a", "name": "x" * (1 << 20)})
    answer = sqlite_api.post("/v1/sites", data=body, content_type="application/json")
    refused(answer, 413, "body_too_large")


def test_no_body_is_an_empty_one(sqlite_api: Api) -> None:
    problem = refused(sqlite_api.post("/v1/sites"), 422, "request_invalid")
    assert problem["evidence"]["errors"] == [{"field": "slug", "message": "field required"}]


def test_a_request_keeps_the_id_that_its_sender_gave_it(sqlite_api: Api) -> None:
    answer = sqlite_api.get("/v1/sites/nobody", headers={"X-Request-Id": "mine-1.2:3"})
    assert refused(answer, 404, "site_not_found")["request_id"] == "mine-1.2:3"
    for odd in ("x" * 129, "a b", "<script>", "é"):
        named = sqlite_api.get("/healthz", headers={"X-Request-Id": odd}).headers["X-Request-Id"]
        assert named != odd
        assert len(named) == 36


@pytest.mark.parametrize("path", ["/v1/sites", "/v1/nothing", "/healthz", "/openapi.json", "/docs"])
def test_browsers_may_do_little_with_an_answer(sqlite_api: Api, path: str) -> None:
    headers = sqlite_api.get(path).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert headers["Referrer-Policy"] == "no-referrer"


def test_a_mistake_of_ours_shows_nothing_of_us(
    sqlite_api: Api, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("the secret recipe")

    monkeypatch.setattr("app.models.sites.page", broken)
    answer = sqlite_api.get("/v1/sites")
    problem = refused(answer, 500, "internal")
    assert "recipe" not in answer.text
    assert "ZeroDivision" not in answer.text
    assert problem["request_id"]
    assert "the secret recipe" in capsys.readouterr().out


def test_a_database_that_is_away_is_said_so(configure: Callable[..., None]) -> None:
    configure(DATABASE_URL="postgresql+psycopg://postgres@127.0.0.1:1/none")
    api = Api(create_app(spool=open_spool()), token="any")
    for answer in (
        api.get("/v1/sites"),
        api.post("/v1/sites", {"slug": "a"}),
        api.upload("/v1/sites/hello/deploys"),
    ):
        refused(answer, 503, "database_unavailable")
        assert answer.headers["Retry-After"] == "5"
        assert "127.0.0.1" not in answer.text
    assert api.get("/healthz").status_code == 200
    ready = api.get("/readyz")
    assert (ready.status_code, ready.json["status"], ready.json["database"]) == (
        503,
        "unavailable",
        "unreachable",
    )


def test_a_database_without_our_tables_is_not_ready(configure: Callable[..., None], tmp_path: Path) -> None:
    configure(DATABASE_URL=f"sqlite:///{tmp_path}/empty.db")
    api = Api(create_app(spool=open_spool()), token="any")
    ready = api.get("/readyz")
    assert ready.status_code == 503
    assert ready.json["database"].startswith("not migrated: it lacks ")
    refused(api.get("/v1/sites"), 503, "database_unavailable")


def test_readiness_needs_the_database_and_names_the_rest(api: Api) -> None:
    ready = api.get("/readyz")
    assert ready.status_code == 200
    assert ready.json == {"status": "ok", "database": "ok", "broker": "unreachable", "workers": []}
    assert api.get("/healthz").json == {"status": "ok"}


def test_a_request_does_not_wait_for_a_broker_that_is_away(
    sqlite_api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue, "send", SEND)
    began = time.monotonic()
    deploy = sqlite_api.deploy()
    assert time.monotonic() - began < 1.5
    (reaction,) = sqlite_api.get("/v1/reactions", query_string={"flow": deploy["flow"]}).json["items"]
    assert (reaction["state"], reaction["action"]) == ("ready", "sites.fetch_source")


@pytest.mark.parametrize(
    ("address", "odd", "known"),
    [
        ("/v1/flows?kinds=deploy", "kinds", "limit, after"),
        ("/v1/reactions?limit=2&actions=x&actions=y", "actions", "limit, after, state"),
        ("/v1/events?Type=a", "Type", "type, subject, flow"),
        ("/v1/tokens?scope=read", "scope", "limit, after"),
        ("/v1/events/x/explain?listeners=a", "listeners", "There are: listener."),
        ("/v1/sites/hello?verbose", "verbose", "There are none here."),
        ("/v1/events/stream?a%00=1", "a", "type, flow, after"),
    ],
)
def test_an_unknown_parameter_is_refused(sqlite_api: Api, address: str, odd: str, known: str) -> None:
    problem = refused(sqlite_api.get(address), 422, "request_invalid")
    assert odd in problem["detail"]
    assert known in problem["hint"]
    refused(Api(sqlite_api.app).get(address), 401, "token_missing")


def test_a_change_with_a_parameter_that_is_not_known_is_not_made(sqlite_api: Api) -> None:
    refused(sqlite_api.delete("/v1/sites/hello?dry_run=true"), 422, "request_invalid")
    refused(sqlite_api.post("/v1/sites?slug=b", {"slug": "a"}), 422, "request_invalid")
    assert [site["slug"] for site in sqlite_api.get("/v1/sites").json["items"]] == ["hello"]
