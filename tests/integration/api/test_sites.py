"""Sites over HTTP: making, showing, listing, naming, deleting."""

from collections.abc import Callable
from datetime import datetime

import pytest
from sqlalchemy import Engine

from tests.fixtures.api import Api, recorded, refused, started


def test_a_new_site_serves_nothing_yet(api: Api) -> None:
    answer = api.post("/v1/sites", {"slug": "shop", "name": "Our shop"})
    assert answer.status_code == 201
    assert answer.headers["Location"] == "/v1/sites/shop"
    site = dict(answer.json)
    assert datetime.fromisoformat(site.pop("created_at")).utcoffset().total_seconds() == 0
    assert site == {
        "slug": "shop",
        "name": "Our shop",
        "url": "http://shop.localhost:8080/",
        "live_deploy": None,
        "live_cid": None,
        "locked": False,
        "paused": False,
        "gates": {},
    }
    assert api.get("/v1/sites/shop").json == answer.json


def test_a_site_is_named_as_its_slug_when_nobody_names_it(sqlite_api: Api) -> None:
    assert sqlite_api.post("/v1/sites", {"slug": "shop"}).json["name"] == "shop"


def test_sites_are_addressed_under_the_gateway(
    configure: Callable[..., None], sqlite_database: Engine
) -> None:
    api = started(configure, GATEWAY_URL="https://sites.example.org/")
    assert api.post("/v1/sites", {"slug": "shop"}).json["url"] == "https://shop.sites.example.org/"


def test_a_site_gets_another_name_and_keeps_its_slug(api: Api) -> None:
    answer = api.ask("PATCH", "/v1/sites/hello", json={"name": "Hello, world"})
    assert (answer.status_code, answer.json["name"], answer.json["slug"]) == (200, "Hello, world", "hello")
    assert [event.data["changed"] for event in recorded("site.updated")] == [
        {"name": ["Hello", "Hello, world"]}
    ]


def test_a_deleted_site_is_gone_and_its_slug_is_free(api: Api) -> None:
    gone = api.delete("/v1/sites/hello")
    assert (gone.status_code, gone.data, gone.content_type) == (204, b"", None)
    refused(api.get("/v1/sites/hello"), 404, "site_not_found")
    refused(api.delete("/v1/sites/hello"), 404, "site_not_found")
    assert api.get("/v1/sites").json == {"items": [], "next": None}
    assert api.post("/v1/sites", {"slug": "hello"}).status_code == 201


@pytest.mark.parametrize(
    "slug", ["", "-a", "A", "a.b", "a b", "a" * 64, "ü", "xn--a", "api", "www", "../x", "a\n"]
)
def test_an_invalid_slug_is_refused(sqlite_api: Api, slug: str) -> None:
    refused(sqlite_api.post("/v1/sites", {"slug": slug}), 422, "slug_invalid")


def test_a_taken_slug_is_a_conflict(api: Api) -> None:
    refused(api.post("/v1/sites", {"slug": "hello"}), 409, "slug_taken")
    assert len(recorded("site.created")) == 1


@pytest.mark.parametrize("name", ["", "   ", "x" * 201, "a\tb"])
def test_what_cannot_be_shown_is_no_name(sqlite_api: Api, name: str) -> None:
    refused(sqlite_api.post("/v1/sites", {"slug": "shop", "name": name}), 422, "name_invalid")
    refused(sqlite_api.ask("PATCH", "/v1/sites/hello", json={"name": name}), 422, "name_invalid")


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, ["slug"]),
        ({"slug": 3, "name": []}, ["slug", "name"]),
        ({"slug": None}, ["slug"]),
        ({"slug": "a\0b"}, ["slug"]),
        ({"slug": "a", "name": "\ud800"}, ["name"]),
    ],
)
def test_what_is_wrong_with_a_body_is_told_field_by_field(
    sqlite_api: Api, body: object, fields: list[str]
) -> None:
    problem = refused(sqlite_api.post("/v1/sites", body), 422, "request_invalid")
    assert [error["field"] for error in problem["evidence"]["errors"]] == fields
    assert all(error["message"] in problem["detail"] for error in problem["evidence"]["errors"])


def test_an_unknown_site_is_not_found_whatever_is_asked_of_it(sqlite_api: Api) -> None:
    for method, path in [
        ("GET", ""), ("PATCH", ""), ("DELETE", ""), ("GET", "/deploys"), ("POST", "/deploys"),
        ("POST", "/rollback"), ("GET", "/deploy-hooks"), ("POST", "/deploy-hooks"),
        ("DELETE", "/deploy-hooks/x"),
    ]:  # fmt: skip
        body = {"json": {"name": "x"}} if method == "PATCH" else {}
        refused(sqlite_api.ask(method, f"/v1/sites/nobody{path}", **body), 404, "site_not_found")


def test_lists_come_in_parts_newest_first(api: Api) -> None:
    for number in range(5):
        api.post("/v1/sites", {"slug": f"site-{number}"})
    found, after = [], ""
    while after is not None:
        part = api.get("/v1/sites", query_string={"limit": 2, **({"after": after} if after else {})}).json
        assert 1 <= len(part["items"]) <= 2
        found += [site["slug"] for site in part["items"]]
        after = part["next"]
    assert found == ["site-4", "site-3", "site-2", "site-1", "site-0", "hello"]


def test_a_part_of_a_list_has_at_most_two_hundred(sqlite_api: Api) -> None:
    assert sqlite_api.get("/v1/sites?limit=201").status_code == 200
    assert sqlite_api.get("/v1/events?limit=99999999999999999999").status_code == 200


@pytest.mark.parametrize("path", ["sites", "events", "flows", "reactions", "tokens", "sites/hello/deploys"])
@pytest.mark.parametrize("limit", ["0", "-1", "many", "", "1.5"])
def test_a_part_of_a_list_has_at_least_one(sqlite_api: Api, path: str, limit: str) -> None:
    problem = refused(sqlite_api.get(f"/v1/{path}?limit={limit}"), 422, "request_invalid")
    assert problem["evidence"]["errors"][0]["field"] == "limit"
