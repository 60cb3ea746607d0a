"""Actions that people let answer events: with what the event says, in flows of their own, never for ever."""

from collections.abc import Callable
from typing import Any

import pytest

from app.engine.rebuild import verify
from tests.fixtures.api import Api, recorded, refused
from tests.fixtures.simulation import Simulation
from tests.integration.domain.running import zip_of

Drain = Callable[..., int]

ROLL_BACK = {"action": "deploys.roll_back", "with": {"site": "hello", "reason": "$.data.site"}}


def let(api: Api, name: str, on: str, action: str, **given: Any) -> str:
    """Configure a listener, and its id."""
    do = {"action": action, "with": given}
    answer = api.post("/v1/listeners", {"name": name, "on": [on], "do": do})
    assert answer.status_code == 201, answer.text
    assert answer.json["secret"] is None
    assert answer.json["do"] == do
    return str(answer.json["id"])


def test_one_answers_with_what_the_event_says_in_a_flow_of_its_own(
    api: Api, simulation: Simulation, drain: Drain
) -> None:
    first, second = api.deploy(), api.deploy(archive=zip_of({"index.html": b"second"}))
    drain()
    let(api, "undo", "site.created", "deploys.roll_back", site="hello", reason="$.data.site")
    api.post("/v1/sites", {"slug": "other"})
    drain()
    [asked] = recorded("site.deploy.rollback_requested")
    created = recorded("site.created")[-1]
    assert (asked.data["reason"], asked.data["from_deploy_id"]) == ("other", second["id"])
    assert (asked.cause, asked.flow, asked.follower) == (created.id, asked.id, False)
    assert api.get("/v1/sites/hello").json["live_deploy"] == first["id"]
    flow = api.get(f"/v1/flows/{asked.flow}").json
    assert (flow["kind"], flow["state"]) == ("rollback", "succeeded")
    assert api.get(f"/v1/flows/{created.flow}").json["state"] == "succeeded"
    assert verify() == []


def test_deploys_under_way_are_cancelled_with_their_flows(
    api: Api, simulation: Simulation, drain: Drain
) -> None:
    let(api, "stop", "site.created", "deploys.cancel", site="hello")
    deploy = api.deploy()
    api.post("/v1/sites", {"slug": "other"})
    drain()
    assert api.get(f"/v1/deploys/{deploy['id']}").json["status"] == "cancelled"
    assert api.get(f"/v1/flows/{deploy['flow']}").json["state"] == "cancelled"
    assert verify() == []


def test_what_goes_round_ends_and_is_reported(api: Api, simulation: Simulation, drain: Drain) -> None:
    third = let(api, "third", "site.*", "deploys.cancel", site="$.data.site")
    names = ("stopping", "going on")
    let(api, names[0], "listener.resumed", "listeners.pause", listener="$.data.listener_id")
    going = let(api, names[1], "listener.paused", "listeners.resume", listener="$.data.listener_id")
    assert api.post(f"/v1/listeners/{third}/pause", {}).status_code == 202
    drain()
    [cut] = recorded("platform.reaction.looped")
    assert (cut.data["listener"], cut.data["event_type"]) == (going, "listener.paused")
    assert "2 times" in cut.data["reason"]
    explained = api.get(f"/v1/events/{cut.data['event']}/explain?listener={going}").json["items"]
    assert [each["code"] for each in explained] == ["loop"]
    assert len(recorded("listener.paused")) == 3
    assert verify() == []


def test_a_listener_that_is_removed_does_nothing_any_more(
    api: Api, simulation: Simulation, drain: Drain
) -> None:
    listener = let(api, "undo", "site.created", "deploys.cancel", site="hello")
    api.deploy()
    api.post("/v1/sites", {"slug": "other"})
    assert api.delete(f"/v1/listeners/{listener}").status_code == 204
    drain()
    assert recorded("site.deploy.cancelled") == []


def test_what_an_event_lacks_is_told_and_can_be_mended(
    api: Api, simulation: Simulation, drain: Drain
) -> None:
    listener = let(api, "stop", "site.created", "deploys.cancel", site="$.causationid")
    api.post("/v1/sites", {"slug": "other"})
    drain()
    [dead] = api.get("/v1/reactions?state=dead").json["items"]
    assert dead["failure"]["code"] == "parameter_invalid"
    assert "site of deploys.cancel cannot be null" in dead["failure"]["message"]
    mended = {"do": {"action": "deploys.cancel", "with": {"site": "$.data.site"}}}
    assert api.patch(f"/v1/listeners/{listener}", mended).status_code == 200
    assert api.post(f"/v1/reactions/{dead['id']}/retry", {}).status_code == 202
    drain()
    assert api.get("/v1/reactions?state=dead").json["items"] == []


@pytest.mark.parametrize(
    ("more", "code", "told"),
    [
        ({"do": {}}, "do_invalid", "one thing, not nothing"),
        (
            {"do": {"action": "a", "webhook": {"url": "https://a.example"}}},
            "do_invalid",
            "action, webhook",
        ),
        ({"do": {"webhook": {"url": "https://a.example"}, "with": {}}}, "do_invalid", "takes no with"),
        ({"do": {"action": "deploys.rollback"}}, "action_not_exposed", "deploys.roll_back"),
        ({"do": {"action": "sites.publish_deploy"}}, "action_not_exposed", "No listener can be made"),
        ({"do": {"action": "deploys.cancel"}}, "parameter_missing", "needs site"),
        ({"do": ROLL_BACK | {"with": {"site": "a", "raeson": "b"}}}, "parameter_unknown", "reason"),
        (
            {"do": ROLL_BACK | {"with": {"site": 7}}},
            "parameter_invalid",
            "deploys.roll_back cannot be 7",
        ),
        (
            {"do": ROLL_BACK | {"with": {"site": "$.data.cid"}}},
            "parameter_never_fits",
            "cid is not a field",
        ),
        (
            {"on": ["site.deploy.requested"], "do": ROLL_BACK | {"with": {"site": "$.data.number"}}},
            "parameter_never_fits",
            "is a text, and data.number of site.deploy.requested is a whole number",
        ),
        ({"do": ROLL_BACK, "key": "site"}, "key_unknown", "needs no key"),
    ],
)
def test_what_cannot_be_run_is_refused_when_it_is_saved(
    sqlite_api: Api, more: dict[str, Any], code: str, told: str
) -> None:
    answer = sqlite_api.post("/v1/listeners", {"name": "undo", "on": ["site.created"], **more})
    problem = refused(answer, 422, code)
    assert told in f"{problem['detail']} {problem['hint']}"
    assert sqlite_api.get("/v1/listeners?built_in=false").json["items"] == []


def test_a_dollar_can_be_said(api: Api, simulation: Simulation, drain: Drain) -> None:
    let(api, "undo", "site.created", "deploys.cancel", site="$$.data.site")
    api.post("/v1/sites", {"slug": "other"})
    drain()
    [dead] = api.get("/v1/reactions?state=dead").json["items"]
    assert "There is no site $.data.site." in dead["failure"]["message"]


def test_the_action_of_a_listener_stays(sqlite_api: Api) -> None:
    listener = let(sqlite_api, "undo", "site.created", "deploys.cancel", site="hello")
    refused(sqlite_api.patch(f"/v1/listeners/{listener}", {"do": ROLL_BACK}), 422, "do_invalid")


def test_the_exposed_actions_are_listed_with_what_they_take(sqlite_api: Api) -> None:
    listed = {each["name"]: each for each in sqlite_api.get("/v1/actions").json["items"]}
    assert list(listed) == sorted(listed)
    assert {"deploys.cancel", "deploys.roll_back", "listeners.pause", "listeners.resume"} <= listed.keys()
    assert "sites.publish_deploy" not in listed
    found = listed["deploys.roll_back"]
    assert found["parameters"]["required"] == ["site"]
    assert found["records"] == ["site.deploy.rollback_requested"]
