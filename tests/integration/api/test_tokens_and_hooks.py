"""Tokens and deploy hooks over HTTP: making, listing, using, ending."""

import pytest

from app.engine import reading
from app.engine.tables import events
from app.models.credentials import credentials
from tests.fixtures.api import SITE_ZIP, Api, recorded, refused, spooled


def test_a_new_token_works_at_once_and_shows_its_secret_once(api: Api) -> None:
    answer = api.post("/v1/tokens", {"name": "CI", "scopes": ["deploy", "read"], "site": "hello"})
    assert answer.status_code == 201
    made = answer.json
    assert (made["name"], made["scopes"], made["site"]) == ("CI", ["read", "deploy"], "hello")
    assert made["token"].startswith("ap_")
    assert Api(api.app, made["token"]).deploy()["status"] == "requested"
    listed = api.get("/v1/tokens").json["items"]
    assert listed[0] == {name: value for name, value in made.items() if name != "token"}
    assert "token" not in listed[1]


def test_the_database_and_the_log_hold_no_secret(api: Api) -> None:
    token = api.post("/v1/tokens", {"name": "CI", "scopes": ["read"]}).json["token"]
    url = api.post("/v1/sites/hello/deploy-hooks", {"name": "CI"}).json["url"]
    with reading() as db:
        everything = f"{db.execute(events.select()).all()}{db.execute(credentials.select()).all()}"
    assert token.removeprefix("ap_") not in everything
    assert url.rpartition("/")[2] not in everything


def test_a_token_is_revoked_and_twice_is_harmless(api: Api) -> None:
    reader = api.bearing("read")
    assert api.delete(f"/v1/tokens/{reader.token_id}").status_code == 204
    assert api.delete(f"/v1/tokens/{reader.token_id}").status_code == 204
    assert [token["id"] for token in api.get("/v1/tokens").json["items"]] == [api.token_id]
    assert len(recorded("identity.token.revoked")) == 1
    refused(api.delete("/v1/tokens/unknown"), 404, "token_not_found")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"scopes": ["read"]}, "request_invalid"),
        ({"name": "x"}, "request_invalid"),
        ({"name": "x", "scopes": []}, "request_invalid"),
        ({"name": "x", "scopes": ["root"]}, "request_invalid"),
        ({"name": "x", "scopes": "read"}, "request_invalid"),
        ({"name": " ", "scopes": ["read"]}, "name_invalid"),
    ],
)
def test_a_token_needs_a_name_and_scopes_that_exist(sqlite_api: Api, body: object, code: str) -> None:
    refused(sqlite_api.post("/v1/tokens", body), 422, code)


def test_a_token_cannot_be_bound_to_a_site_that_is_not_there(sqlite_api: Api) -> None:
    asked = {"name": "x", "scopes": ["read"], "site": "nobody"}
    refused(sqlite_api.post("/v1/tokens", asked), 404, "site_not_found")


def test_a_bound_administrator_makes_and_revokes_tokens_of_the_site_alone(api: Api) -> None:
    api.post("/v1/sites", {"slug": "other"})
    bound = api.bearing("admin", site="hello")
    asked = {"name": "x", "scopes": ["admin"]}
    for site in ({}, {"site": "other"}):
        refused(bound.post("/v1/tokens", asked | site), 403, "token_of_another_site")
    made = bound.post("/v1/tokens", asked | {"site": "hello"}).json
    refused(bound.delete(f"/v1/tokens/{api.token_id}"), 403, "token_of_another_site")
    assert bound.delete(f"/v1/tokens/{made['id']}").status_code == 204


def test_a_deploy_hook_takes_what_a_deploy_takes_without_a_token(api: Api) -> None:
    answer = api.post("/v1/sites/hello/deploy-hooks", {"name": "CI of main"})
    assert answer.status_code == 201
    hook = answer.json
    assert (hook["site"], hook["name"]) == ("hello", "CI of main")
    host, _, path = hook["url"].partition("/hooks/")
    assert host == "http://127.0.0.1:8000"
    deployed = Api(api.app).upload(f"/hooks/{path}", ref="main")
    assert deployed.status_code == 202
    assert (deployed.json["site"], deployed.json["ref"]) == ("hello", "main")
    assert deployed.json["trigger"] == {"kind": "hook", "ref": hook["id"]}
    (requested,) = recorded("site.deploy.requested")
    assert requested.actor == f"hook:{hook['id']}"
    assert api.get("/v1/sites/hello/deploy-hooks").json["items"] == [
        {name: value for name, value in hook.items() if name != "url"}
    ]


def test_a_deploy_hook_refuses_what_a_deploy_refuses(api: Api, tmp_path) -> None:
    url = api.post("/v1/sites/hello/deploy-hooks").json["url"]
    path = url[url.index("/hooks/") :]
    nobody = Api(api.app)
    refused(nobody.upload(path, SITE_ZIP[:-30]), 422, "archive_truncated")
    refused(nobody.post(path, {"source": {"git": "https://example.org"}}), 415, "content_type_unsupported")
    refused(nobody.get(path), 405, "method_not_allowed")
    failed = recorded("storage.upload.failed")
    assert [event.data["failure"]["code"] for event in failed] == [
        "archive_truncated",
        "content_type_unsupported",
    ]
    assert failed[0].actor.startswith("hook:")
    assert spooled(tmp_path) == []


def test_a_wrong_or_deleted_deploy_hook_is_not_found(api: Api) -> None:
    hook = api.post("/v1/sites/hello/deploy-hooks", {"name": "CI"}).json
    path = hook["url"][hook["url"].index("/hooks/") :]
    nobody = Api(api.app)
    refused(nobody.upload("/hooks/deploy/wrong"), 404, "deploy_hook_not_found")
    refused(nobody.upload(f"/hooks/deploy/{api.token}"), 404, "deploy_hook_not_found")
    assert api.delete(f"/v1/sites/hello/deploy-hooks/{hook['id']}").status_code == 204
    refused(nobody.upload(path), 404, "deploy_hook_not_found")
    refused(api.delete(f"/v1/sites/hello/deploy-hooks/{hook['id']}"), 404, "deploy_hook_not_found")


def test_the_hooks_of_a_deleted_site_are_gone(api: Api) -> None:
    url = api.post("/v1/sites/hello/deploy-hooks", {"name": "CI"}).json["url"]
    api.delete("/v1/sites/hello")
    refused(Api(api.app).upload(url[url.index("/hooks/") :]), 404, "deploy_hook_not_found")


def test_hooks_are_listed_part_by_part(sqlite_api: Api) -> None:
    made = [sqlite_api.post("/v1/sites/hello/deploy-hooks", {"name": f"CI {n}"}).json["id"] for n in range(3)]
    first = sqlite_api.get("/v1/sites/hello/deploy-hooks?limit=2").json
    rest = sqlite_api.get(f"/v1/sites/hello/deploy-hooks?limit=2&after={first['next']}").json
    assert [hook["id"] for hook in (*first["items"], *rest["items"])] == made[::-1]
