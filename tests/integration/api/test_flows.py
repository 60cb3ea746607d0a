"""What a deploy did, as its flow, its events and its reactions tell it."""

import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from app.engine import recording
from app.errors import RetryableError
from app.services.storage.memory import MemoryStorage, shared_memory
from app.signals.sites import SiteUpdated
from tests.fixtures.api import Api, recorded, refused
from tests.fixtures.simulation import Simulation
from tests.unit.content.forge import zip_of

SHAPE = {
    "id", "event", "listener", "generation", "action", "state", "outcome", "attempt", "key", "due_at",
    "waits_for", "failure", "started_at", "ended_at", "flow", "label", "follower", "created_at",
    "worker",
}  # fmt: skip


@pytest.fixture
def api(simulation: Simulation, api: Api) -> Api:
    """Everything at rest, in the time of the simulation, with an empty storage."""
    shared_memory.cache_clear()
    simulation.drain()
    return api


def test_a_deploy_goes_live_and_its_flow_tells_how(api: Api, drain: Callable[..., int]) -> None:
    asked = api.deploy(message="First")
    drain()
    deploy = api.get(f"/v1/deploys/{asked['id']}").json
    assert (deploy["status"], deploy["files"], deploy["bytes"]) == ("live", 3, 30)
    assert deploy["preview_url"] == f"http://localhost:8080/ipfs/{deploy['cid']}/"
    assert deploy["targets"][0]["status"] == "updated"
    assert deploy["created_at"] <= deploy["published_at"] <= deploy["completed_at"]
    site = api.get("/v1/sites/hello").json
    assert (site["live_deploy"], site["live_cid"]) == (deploy["id"], deploy["cid"])
    flow = api.get(f"/v1/flows/{deploy['flow']}").json
    assert (flow["kind"], flow["subject"], flow["label"]) == ("deploy", deploy["id"], "hello #1")
    assert (flow["state"], flow["open"]) == ("succeeded", 0)
    assert flow["ended_at"] >= flow["started_at"]
    assert {reaction["state"] for reaction in flow["reactions"]} == {"done"}
    assert set(flow["reactions"][0]) == SHAPE
    assert "notification.sent" in {event["type"] for event in flow["events"]}


def test_events_are_cloudevents_with_their_causes(api: Api, drain: Callable[..., int]) -> None:
    flow = api.get(f"/v1/flows/{api.deploy()['flow']}").json
    drain()
    events = api.get("/v1/events", query_string={"flow": flow["id"]}).json["items"]
    first, *later = events
    assert first["specversion"] == "1.0"
    assert first["source"].startswith("/sites/")
    assert (first["datacontenttype"], first["authtype"]) == ("application/json", "api_key")
    assert re.fullmatch(r"\d{10}", first["sequence"])
    assert datetime.fromisoformat(first["time"])
    assert first["time"].endswith("Z")
    assert "causationid" not in first
    known = {event["id"] for event in events}
    assert all(event["causationid"] in known for event in later)
    assert {event["correlationid"] for event in events} == {flow["id"]}
    assert {event["data"]["site"] for event in events} == {"hello"}
    assert [event["position"] for event in events] == sorted(event["position"] for event in events)
    assert {event["authtype"] for event in later} == {"system"}
    assert all(re.fullmatch(r"[a-z0-9]{1,20}", name) for event in events for name in event)


def test_an_event_names_what_it_caused(api: Api, drain: Callable[..., int]) -> None:
    api.deploy()
    drain()
    (published,) = recorded("site.deploy.published")
    event = api.get(f"/v1/events/{published.id}").json
    assert (event["id"], event["type"]) == (published.id, "site.deploy.published")
    assert "domains.sync_records" in {reaction["action"] for reaction in event["reactions"]}
    assert {each["type"] for each in event["caused"]} >= {"domain.sync.completed", "site.deploy.completed"}
    assert all(each["causationid"] == published.id for each in event["caused"])
    refused(api.get("/v1/events/unknown"), 404, "event_not_found")


def types(api: Api, **query: Any) -> list[str]:
    return [event["type"] for event in api.get("/v1/events", query_string=query).json["items"]]


def test_events_are_found_by_type_subject_and_flow(api: Api) -> None:
    deploy = api.deploy()
    assert types(api, type="site.*") == ["site.created"]
    assert types(api, type="site.**") == ["site.created", "site.deploy.requested"]
    assert types(api, type=["**.requested", "site.created"]) == ["site.created", "site.deploy.requested"]
    assert types(api, type="site.deploy.req*") == ["site.deploy.requested"]
    assert types(api, type="nothing.like.this") == []
    assert types(api, subject=deploy["id"]) == types(api, flow=deploy["flow"]) == ["site.deploy.requested"]
    assert types(api, flow="unknown") == types(api, subject="unknown") == []


@pytest.mark.parametrize("query", ["type=a%20b", "type=A", "type=" + "*a" * 9, "type=", "after=-1", "after=x",
                                   "flow=%00", "subject=a%00"])  # fmt: skip
def test_a_question_that_means_nothing_is_refused(sqlite_api: Api, query: str) -> None:
    refused(sqlite_api.get(f"/v1/events?{query}"), 422, "request_invalid")


def test_events_are_listed_oldest_first_part_by_part(api: Api) -> None:
    for number in range(3):
        api.post("/v1/sites", {"slug": f"site-{number}"})
    found, after = [], "0"
    while after is not None:
        part = api.get("/v1/events", query_string={"limit": 2, "after": after, "type": "site.created"}).json
        found += [event["data"]["site"] for event in part["items"]]
        after = part["next"]
    assert found == ["hello", "site-0", "site-1", "site-2"]


def test_a_flow_waits_while_all_that_is_open_waits_for_its_time(
    api: Api, simulation: Simulation, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise RetryableError("backend_full", "The disk is full.", "Free some space.")

    monkeypatch.setattr(MemoryStorage, "put", full)
    deploy = api.deploy()
    assert api.get("/v1/flows").json["items"][0]["state"] == "running"
    while simulation.messages:
        simulation.deliver()
    (listed, *_) = api.get("/v1/flows").json["items"]
    assert (listed["id"], listed["state"], listed["open"]) == (deploy["flow"], "waiting", 1)
    assert api.get(f"/v1/flows/{deploy['flow']}").json["state"] == "waiting"
    (waiting,) = api.get("/v1/reactions?state=waiting").json["items"]
    assert (waiting["action"], waiting["attempt"], waiting["ended_at"]) == (
        "storage.upload_artifact",
        1,
        None,
    )
    assert waiting["failure"]["code"] == "backend_full"
    assert waiting["due_at"] > waiting["started_at"]
    assert (waiting["waits_for"], waiting["key"]) == ("retry", None)


def test_a_failed_deploy_says_at_which_stage_and_why(
    api: Api, drain: Callable[..., int], tmp_path: Any
) -> None:
    asked = api.deploy()
    for file in (tmp_path / "var" / "spool").iterdir():
        file.unlink()
    drain()
    deploy = api.get(f"/v1/deploys/{asked['id']}").json
    failure = deploy["failure"]
    assert (deploy["status"], failure["code"], failure["stage"]) == ("failed", "source_not_found", "fetch")
    assert failure["message"]
    assert failure["hint"]
    assert api.get(f"/v1/flows/{deploy['flow']}").json["state"] == "failed"
    assert api.get("/v1/sites/hello").json["live_cid"] is None


def test_reactions_are_found_by_state_listener_and_flow(api: Api, drain: Callable[..., int]) -> None:
    flow = api.deploy()["flow"]
    drain()
    mine = api.get("/v1/reactions", query_string={"flow": flow}).json["items"]
    assert len(mine) > 8
    assert [reaction["id"] for reaction in mine] == sorted((each["id"] for each in mine), reverse=True)
    listener = "deploy:sites.publish_deploy"
    (published,) = api.get("/v1/reactions", query_string={"listener": listener}).json["items"]
    assert api.get(f"/v1/reactions/{published['id']}").json == {**published, "held_back_by": None}
    assert api.get("/v1/reactions?state=dead").json == {"items": [], "next": None}
    refused(api.get("/v1/reactions?state=lost"), 422, "request_invalid")
    refused(api.get("/v1/reactions/unknown"), 404, "reaction_not_found")
    refused(api.get("/v1/flows/unknown"), 404, "flow_not_found")


def test_a_rollback_answers_with_its_flow_and_goes_back(api: Api, drain: Callable[..., int]) -> None:
    first = api.deploy()
    drain()
    second = api.deploy(archive=zip_of([("index.html", b"second")]))
    drain()
    answer = api.post("/v1/sites/hello/rollback", {"reason": "It was better before"})
    assert (answer.status_code, answer.json["id"]) == (202, first["id"])
    assert answer.headers["Location"] == f"/v1/flows/{answer.json['flow']}"
    drain()
    assert api.get(answer.headers["Location"]).json["state"] == "succeeded"
    assert api.get("/v1/sites/hello").json["live_deploy"] == first["id"]
    assert api.get(f"/v1/deploys/{second['id']}").json["status"] == "archived"
    assert api.post("/v1/sites/hello/rollback", {"deploy": second["id"]}).status_code == 202


def test_a_rollback_that_cannot_be_is_refused(api: Api, drain: Callable[..., int]) -> None:
    refused(api.post("/v1/sites/hello/rollback"), 409, "nothing_to_roll_back")
    refused(api.post("/v1/sites/hello/rollback", {"deploy": "x"}), 404, "deploy_not_found")
    deploy = api.deploy()
    wish = {"deploy": deploy["id"]}
    refused(api.post("/v1/sites/hello/rollback", wish), 409, "deploy_never_published")
    drain()
    refused(api.post("/v1/sites/hello/rollback", wish), 409, "deploy_already_live")
    refused(api.post("/v1/sites/hello/rollback", {"deploy": 3}), 422, "request_invalid")
    refused(api.post("/v1/sites/hello/rollback", {"reason": "x" * 501}), 422, "request_invalid")


def test_an_unchanged_deploy_is_skipped_and_succeeds(api: Api, drain: Callable[..., int]) -> None:
    api.deploy()
    drain()
    again = api.deploy()
    drain()
    deploy = api.get(f"/v1/deploys/{again['id']}").json
    assert deploy["status"] == "skipped"
    assert api.get(f"/v1/flows/{deploy['flow']}").json["state"] == "succeeded"


def test_the_graph_names_what_leads_to_what(sqlite_api: Api) -> None:
    graph = sqlite_api.get("/v1/graph").json
    assert "site.deploy.requested" in {event["type"] for event in graph["events"]}
    assert "sites.fetch_source" in {action["name"] for action in graph["actions"]}
    drawn = sqlite_api.get("/v1/graph?format=mermaid")
    assert drawn.mimetype == "text/vnd.mermaid"
    assert drawn.text.startswith("flowchart")
    refused(sqlite_api.get("/v1/graph?format=gif"), 422, "request_invalid")


def test_a_users_own_command_is_told_from_a_tokens(sqlite_api: Api) -> None:
    with recording("cli:alice") as work:
        site = recorded("site.created")[0].data["site_id"]
        work.record(SiteUpdated(site_id=site, site="hello", changed={}))
    with recording("system") as work:
        work.record(SiteUpdated(site_id=site, site="hello", changed={}))
    told = sqlite_api.get("/v1/events?type=site.updated").json["items"]
    assert [(event["authtype"], event.get("authid")) for event in told] == [
        ("user", "alice"),
        ("system", None),
    ]
