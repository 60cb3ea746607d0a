"""Built-in listeners beside those that people configured: listed, shown, paused, and not to be changed."""

import pytest

from app.engine.listeners import LISTENERS
from tests.fixtures.api import Api, refused
from tests.integration.api.calls import api as api
from tests.integration.api.calls import listen

NOWHERE = "http://127.0.0.1:9/"
NAME = "metering:usage.measure_deploy"


def names(api: Api, **query: object) -> list[str]:
    return [each["id"] for each in api.get("/v1/listeners", query_string=query).json["items"]]


def test_they_are_listed_behind_the_configured_ones(api: Api) -> None:
    mine = [listen(api, NOWHERE, name=f"n{n}")["id"] for n in range(3)][::-1]
    built_in = sorted(each.name for each in LISTENERS.all())
    assert names(api, limit=200) == [*mine, *built_in]
    assert names(api, limit=200, built_in="true") == built_in
    assert names(api, limit=200, built_in="false") == mine
    found, after = [], None
    while True:
        page = api.get("/v1/listeners", query_string={"limit": 2, **({"after": after} if after else {})}).json
        found += [each["id"] for each in page["items"]]
        after = page["next"]
        if after is None:
            break
    assert found == [*mine, *built_in]
    assert names(api, built_in="false", after=built_in[0]) == []


def test_one_is_shown_and_can_be_paused(api: Api) -> None:
    declared = LISTENERS.get(NAME)
    assert declared is not None
    shown = api.get(f"/v1/listeners/{NAME}").json
    assert (shown["id"], shown["name"], shown["built_in"], shown["state"]) == (NAME, NAME, True, "active")
    assert (shown["on"], shown["do"]) == (list(declared.types), {"action": declared.action})
    assert api.post(f"/v1/listeners/{NAME}/pause").status_code == 202
    assert api.get(f"/v1/listeners/{NAME}").json["state"] == "paused"
    [listed] = [x for x in api.get("/v1/listeners?limit=200").json["items"] if x["id"] == NAME]
    assert listed["state"] == "paused"
    api.post(f"/v1/listeners/{NAME}/resume")


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PATCH", "", {"name": "mine"}),
        ("PATCH", "", {"enabled": False}),
        ("DELETE", "", None),
        ("POST", "/rotate-secret", None),
        ("GET", "/attempts", None),
        ("POST", "/redeliver", {"from": 1}),
    ],
)
def test_nobody_changes_one(sqlite_api: Api, method: str, path: str, body: object) -> None:
    answer = sqlite_api.ask(method, f"/v1/listeners/{NAME}{path}", json=body)
    problem = refused(answer, 409, "listener_built_in")
    assert "paused" in problem["hint"]
