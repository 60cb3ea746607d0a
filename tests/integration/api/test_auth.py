"""Who may do what: tokens, their scopes, and the one site that some are bound to."""

import io

import pytest

from tests.fixtures.api import SITE_ZIP, Api, recorded, refused

READS = [
    "/v1/sites",
    "/v1/sites/hello",
    "/v1/sites/hello/deploys",
    "/v1/sites/hello/deploy-hooks",
    "/v1/flows",
]
READS += ["/v1/events", "/v1/reactions", "/v1/graph", "/v1/graph?format=mermaid"]
ADMIN = [
    ("POST", "/v1/sites", {"slug": "x"}),
    ("PATCH", "/v1/sites/hello", {"name": "x"}),
    ("DELETE", "/v1/sites/hello", None),
    ("POST", "/v1/sites/hello/deploy-hooks", {}),
    ("DELETE", "/v1/sites/hello/deploy-hooks/x", None),
    ("GET", "/v1/tokens", None),
    ("POST", "/v1/tokens", {"name": "x", "scopes": ["read"]}),
    ("DELETE", "/v1/tokens/x", None),
]


def test_nobody_learns_anything_without_a_token(api: Api) -> None:
    nobody = Api(api.app)
    asked = [("GET", path, None) for path in [*READS, "/v1/events/stream"]] + ADMIN
    for method, path, body in [*asked, ("POST", "/v1/sites/hello/rollback", None)]:
        answer = nobody.ask(method, path, json=body)
        refused(answer, 401, "token_missing")
        assert answer.headers["WWW-Authenticate"] == 'Bearer realm="antiphon"'


def test_health_documents_and_docs_are_open(sqlite_api: Api) -> None:
    nobody = Api(sqlite_api.app)
    for path in ("/healthz", "/readyz", "/openapi.json", "/docs"):
        assert nobody.get(path).status_code == 200


@pytest.mark.parametrize(
    "header", ["Bearer wrong", "Bearer", "Bearer ", "Basic {}", "{}", "Bearer é", "Token {}"]
)
def test_a_wrong_token_is_refused_without_a_word_about_why(sqlite_api: Api, header: str) -> None:
    said = {"Authorization": header.format(sqlite_api.token)}
    answer = sqlite_api.get("/v1/sites", headers=said)
    refused(answer, 401, "token_unknown")
    assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]


def test_a_revoked_token_is_like_an_unknown_one(api: Api) -> None:
    reader = api.bearing("read")
    assert reader.get("/v1/sites").status_code == 200
    assert api.delete(f"/v1/tokens/{reader.token_id}").status_code == 204
    refused(reader.get("/v1/sites"), 401, "token_unknown")


def test_a_token_is_asked_for_before_anything_else_is_looked_at(sqlite_api: Api) -> None:
    nobody = Api(sqlite_api.app)
    refused(nobody.post("/v1/sites", data="{", content_type="application/json"), 401, "token_missing")
    refused(nobody.get("/v1/sites/unknown"), 401, "token_missing")
    refused(nobody.get("/v1/events?limit=0"), 401, "token_missing")
    refused(nobody.upload("/v1/sites/hello/deploys", b"no archive"), 401, "token_missing")
    assert recorded("storage.upload.failed") == []


def test_a_reader_reads_and_nothing_more(api: Api) -> None:
    reader = api.bearing("read")
    for path in READS:
        assert reader.get(path).status_code == 200, path
    for method, path, body in ADMIN:
        problem = refused(reader.ask(method, path, json=body), 403, "scope_missing")
        assert "admin" in problem["detail"]
    refused(reader.upload("/v1/sites/hello/deploys"), 403, "scope_missing")
    refused(reader.post("/v1/sites/hello/rollback"), 403, "scope_missing")


def test_a_deployer_deploys_reads_and_nothing_more(api: Api) -> None:
    deployer = api.bearing("deploy")
    assert deployer.deploy()["status"] == "requested"
    assert deployer.get("/v1/sites/hello").status_code == 200
    refused(deployer.post("/v1/sites/hello/rollback"), 409, "nothing_to_roll_back")
    for method, path, body in ADMIN:
        refused(deployer.ask(method, path, json=body), 403, "scope_missing")


def test_events_tell_which_token_did_it(api: Api) -> None:
    deployer = api.bearing("deploy")
    deploy = deployer.deploy()
    (requested,) = recorded("site.deploy.requested")
    assert requested.actor == f"token:{deployer.token_id}"
    first = api.get(f"/v1/flows/{deploy['flow']}").json["events"][0]
    assert (first["authtype"], first["authid"]) == ("api_key", deployer.token_id)


def test_a_token_of_another_site_sees_and_changes_nothing_here(api: Api) -> None:
    api.post("/v1/sites", {"slug": "other"})
    deploy = api.deploy()
    flow = api.get(f"/v1/flows/{deploy['flow']}").json
    stranger = api.bearing("admin", site="other")
    closed = ["/v1/sites/hello", "/v1/sites/hello/deploys", "/v1/sites/hello/deploy-hooks"]
    closed += [
        f"/v1/deploys/{deploy['id']}",
        f"/v1/flows/{flow['id']}",
        f"/v1/events/{flow['events'][0]['id']}",
    ]
    closed += [f"/v1/reactions/{flow['reactions'][0]['id']}"]
    for path in closed:
        refused(stranger.get(path), 403, "token_of_another_site")
    for path in ("deploys", "rollback", "deploy-hooks"):
        refused(stranger.post(f"/v1/sites/hello/{path}"), 403, "token_of_another_site")
    refused(stranger.upload("/v1/sites/hello/deploys"), 403, "token_of_another_site")
    refused(stranger.delete("/v1/sites/hello"), 403, "token_of_another_site")
    refused(stranger.get("/v1/sites/nobody"), 403, "token_of_another_site")
    refused(stranger.post("/v1/sites", {"slug": "third"}), 403, "token_of_another_site")
    assert recorded("storage.upload.failed") == []


def test_lists_show_a_bound_token_its_site_alone(api: Api) -> None:
    api.post("/v1/sites", {"slug": "other"})
    api.deploy("hello")
    other = api.deploy("other")
    bound = api.bearing("admin", site="other")
    assert [site["slug"] for site in bound.get("/v1/sites").json["items"]] == ["other"]
    flows = bound.get("/v1/flows").json["items"]
    assert other["flow"] in {flow["id"] for flow in flows}
    assert {event["data"]["site"] for event in bound.get("/v1/events").json["items"]} == {"other"}
    listed = bound.get("/v1/reactions").json["items"]
    assert {reaction["flow"] for reaction in listed} <= {flow["id"] for flow in flows}
    assert [token["id"] for token in bound.get("/v1/tokens").json["items"]] == [bound.token_id]
    assert bound.get(f"/v1/deploys/{other['id']}").json["site"] == "other"


def test_a_bound_token_means_the_site_and_not_its_slug(api: Api) -> None:
    bound = api.bearing("admin", site="hello")
    assert bound.get("/v1/sites/hello").status_code == 200
    api.delete("/v1/sites/hello")
    api.post("/v1/sites", {"slug": "hello"})
    refused(bound.get("/v1/sites/hello"), 403, "token_of_another_site")
    refused(bound.upload("/v1/sites/hello/deploys"), 403, "token_of_another_site")


def test_a_cookie_of_the_pages_reads_and_changes_nothing(api: Api) -> None:
    browser = api.app.test_client()
    signed_in = browser.post("/sign-in", data={"token": api.token})
    assert signed_in.status_code == 303
    assert browser.get("/v1/sites").status_code == 200
    assert browser.post("/v1/sites", json={"slug": "evil"}).status_code == 401
    form = {"archive": (io.BytesIO(SITE_ZIP), "site.zip")}
    assert browser.post("/v1/sites/hello/deploys", data=form).status_code == 401
    assert browser.delete("/v1/sites/hello").status_code == 401
    api.revoke()
    assert browser.get("/v1/sites").status_code == 401


def test_nobody_on_a_network_can_name_themselves(sqlite_api: Api) -> None:
    said = {"Antiphon-Actor": "cli:root", "antiphon.actor": "cli:root", "X-Antiphon-Actor": "cli:root"}
    refused(Api(sqlite_api.app).get("/v1/sites", headers=said), 401, "token_missing")
    trusted = sqlite_api.app.test_client().post(
        "/v1/sites",
        json={"slug": "mine"},
        environ_overrides={"antiphon.actor": "cli:somebody with a long name"},
    )
    assert trusted.status_code == 201
    assert recorded("site.created")[-1].actor == "cli:somebody with a long name"
