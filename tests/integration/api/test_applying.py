"""A whole list of listeners at once: tried out, done, done again, and what of it is wrong."""

from typing import Any

import pytest

from app.engine.rebuild import verify
from tests.fixtures.api import Api, recorded, refused
from tests.integration.api.calls import api as api
from tests.integration.api.calls import listen, wish

NOWHERE = "http://127.0.0.1:9/"
CANCEL = {"action": "deploys.cancel", "with": {"site": "$.data.site"}}
CI = wish(NOWHERE, name="ci", when={"data": {"site": ["hello"]}})
STOP = {"name": "stop", "on": ["site.created"], "do": CANCEL, "enabled": False}
SLOW = wish(NOWHERE, name="slow", count={"times": 2, "within": 60}, for_each="data.site")


def apply(api: Api, *listeners: Any, **how: Any) -> Any:
    answer = api.post("/v1/listeners/apply", {"listeners": list(listeners), **how})
    assert answer.status_code == 200, answer.text
    return answer.json


def told(api: Api) -> list[Any]:
    return [event for event in recorded() if event.type.startswith("listener.")]


def test_it_is_tried_out_then_done_and_then_there_is_nothing_to_do(api: Api) -> None:
    plan = apply(api, CI, STOP, SLOW, dry_run=True)
    assert [each["name"] for each in plan["added"]] == ["ci", "stop", "slow"]
    assert {each["secret"] for each in plan["added"]} == {None}
    assert told(api) == []
    done = apply(api, CI, STOP, SLOW, revision=plan["revision"])
    assert [bool(each["secret"]) for each in done["added"]] == [True, False, True]
    found = {each["name"]: each for each in api.get("/v1/listeners?built_in=false").json["items"]}
    assert {name: each["state"] for name, each in found.items()} == {
        "ci": "active", "stop": "disabled", "slow": "active"
    }  # fmt: skip
    before = told(api)
    again = apply(api, CI, STOP, SLOW)
    assert (again["unchanged"], again["added"], again["changed"]) == (["ci", "stop", "slow"], [], [])
    assert told(api) == before
    assert verify() == []


def test_what_changed_is_told_field_by_field_and_what_is_left_out_stays_unless_pruned(api: Api) -> None:
    apply(api, CI, STOP)
    mine = listen(api, NOWHERE, name="mine")["id"]
    changed = {**CI, "when": None, "key": "site"}
    plan = apply(api, changed, dry_run=True)
    [change] = plan["changed"]
    assert (change["name"], change["id"], change["secret"]) == ("ci", None, None)
    assert change["fields"] == {
        "when": {"before": {"data": {"site": ["hello"]}}, "after": None},
        "key": {"before": None, "after": "site"},
    }
    assert (plan["kept"], plan["removed"]) == (["mine", "stop"], [])
    apply(api, changed)
    assert api.get(f"/v1/listeners/{mine}").status_code == 200
    done = apply(api, changed, {**STOP, "enabled": True}, prune=True)
    assert (done["removed"], done["kept"], done["unchanged"]) == (["mine"], [], ["ci"])
    assert done["changed"][0]["fields"] == {"enabled": {"before": False, "after": True}}
    assert api.get(f"/v1/listeners/{mine}").status_code == 404


def test_another_signature_brings_a_new_secret(api: Api) -> None:
    one = {"name": "ci", "on": ["site.*"], "do": {"webhook": {"url": NOWHERE, "signature": "v1a"}}}
    [added] = apply(api, one)["added"]
    assert (added["secret"], len(added["public_keys"])) == (None, 1)
    [changed] = apply(api, {**one, "do": {"webhook": {"url": NOWHERE}}})["changed"]
    assert changed["secret"].startswith("whsec_")


def test_a_repeat_of_the_request_shows_the_secrets_again(api: Api) -> None:
    body = {"listeners": [CI]}
    first, again = (api.post("/v1/listeners/apply", body, key="once").json for _ in range(2))
    assert first == again
    assert first["added"][0]["secret"].startswith("whsec_")


def test_it_is_not_done_when_somebody_changed_one_meanwhile(api: Api) -> None:
    plan = apply(api, CI, dry_run=True)
    listen(api, NOWHERE, name="mine")
    body = {"listeners": [CI], "revision": plan["revision"]}
    refused(api.post("/v1/listeners/apply", body), 409, "listeners_changed")


def test_every_mistake_is_told_with_its_place_and_nothing_is_done(api: Api) -> None:
    apply(api, CI)
    before = told(api)
    wrong = [
        {**CI, "key": "site"},
        {**CI, "name": "odd", "on": ["site.deploi.*"]},
        {"name": "typo", "onn": ["site.*"], "do": CANCEL},
        {**CI, "name": "inside", "do": {"webhook": {"url": "http://10.0.0.1/"}}},
        {**STOP, "name": "ci"},
        {**CI, "name": "never", "when": {"data": {"nobody": ["x"]}}},
        {**CI, "name": " ", "secret": "whsec_x"},
    ]
    for dry_run in (True, False):
        body = {"listeners": wrong, "prune": True, "dry_run": dry_run}
        problem = refused(api.post("/v1/listeners/apply", body), 422, "listeners_invalid")
        errors = problem["evidence"]["errors"]
        assert [(each["field"], each.get("code")) for each in errors] == [
            ("listeners.1", "type_unknown"),
            ("listeners.2.on", None),
            ("listeners.2.onn", None),
            ("listeners.3.do.webhook.url", "ssrf_blocked"),
            ("listeners.4", "name_twice"),
            ("listeners.5", "pattern_never_matches"),
            ("listeners.6.secret", None),
        ]
    assert told(api) == before


@pytest.mark.parametrize(
    "body", [{}, {"listeners": {}}, {"listeners": ["ci"]}, {"listeners": [CI] * 501}, {"listenrs": []}]
)
def test_what_is_no_list_is_refused(sqlite_api: Api, body: Any) -> None:
    refused(sqlite_api.post("/v1/listeners/apply", body), 422, "request_invalid")
    refused(sqlite_api.bearing("deploy").post("/v1/listeners/apply", {"listeners": []}), 403, "scope_missing")
