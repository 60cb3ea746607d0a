"""Listeners and the past: what one would have answered, and letting it answer what came before it."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from app.engine import now
from app.engine.rebuild import verify
from app.engine.sweep import sweep
from tests.fixtures.api import Api, recorded, refused
from tests.fixtures.receivers import Receiver, answering
from tests.fixtures.simulation import Simulation
from tests.integration.api.calls import api as api
from tests.integration.api.calls import listen
from tests.integration.domain.running import zip_of

NOWHERE = "http://127.0.0.1:9/"
COMPLETED = "site.deploy.completed"


def deploys(api: Api, simulation: Simulation, count: int) -> list[str]:
    """Deploys that have gone live; their last events."""
    for _ in range(count):
        number = len(recorded(COMPLETED))
        api.deploy(archive=zip_of({"index.html": f"page {number}".encode()}))
        simulation.drain()
    return [event.id for event in recorded(COMPLETED)]


def test_a_preview_tells_how_often_it_would_have_answered_and_stores_nothing(
    api: Api, simulation: Simulation
) -> None:
    deploys(api, simulation, 1)
    simulation.clock.shift(timedelta(days=8))
    mine = deploys(api, simulation, 2)[1:]
    before = recorded()
    when = {"data": {"status": ["ok"]}}
    wish = {
        "on": ["site.deploy.*", "storage.**"],
        "when": {"$or": [when, {"type": [{"prefix": "storage."}]}]},
    }
    answer = api.post("/v1/listeners/preview", {**wish, "limit": 2})
    assert answer.status_code == 200, answer.text
    found = answer.json
    assert found["by_type"] == {"storage.upload.completed": 2, COMPLETED: 2}
    assert (found["matched"], found["capped"], len(found["samples"])) == (4, False, 2)
    assert found["looked_at"] >= 4
    assert found["samples"][0]["id"] == mine[-1]
    assert found["looked_from"][:10] == str((now() - timedelta(days=7)).date())
    assert api.post("/v1/listeners/preview", {**wish, "from": 1}).json["matched"] == 6
    assert api.post("/v1/listeners/preview", {**wish, "to": "2000-01-01", "from": 1}).json["matched"] == 0
    every = {"on": ["**", "usage.**", "notification.**"], "from": 1, "do": {"webhook": {"url": NOWHERE}}}
    assert api.post("/v1/listeners/preview", every).json["matched"] == len(before)
    assert recorded() == before
    assert api.get("/v1/replays").json["items"] == []


def test_a_backfill_tells_the_past_in_order_up_to_its_limit(
    api: Api, receiver: Callable[..., Receiver], simulation: Simulation
) -> None:
    past = deploys(api, simulation, 3)
    there = receiver(answering())
    listener = listen(api, there.url, on=["site.deploy.*"], when={"data": {"status": ["ok"]}}, key="site")
    address = f"/v1/listeners/{listener['id']}/backfill"
    answer = api.post(address, {"from": 1, "limit": 2, "rate": 50}, key="once")
    assert answer.status_code == 202, answer.text
    replay = answer.json
    assert (replay["limit"], replay["left_after"], replay["listener"]) == (2, None, listener["id"])
    assert api.post(address, {"from": 1, "limit": 2, "rate": 50}, key="once").json == replay
    simulation.drain()
    done = api.get(answer.headers["Location"]).json
    assert (done["state"], done["made"], done["reactions"]) == ("done", 2, {"done": 2})
    assert done["left_after"] < replay["until"]
    assert told_of(there) == past[:2]
    api.post(address, {"from": done["left_after"] + 1})
    simulation.drain()
    deploys(api, simulation, 1)
    assert told_of(there)[:3] == past
    again = api.post(address, {"from": "2020-01-01", "to": "2030-01-01"}).json
    simulation.drain()
    assert api.get(f"/v1/replays/{again['id']}").json["suppressed"] == 4
    assert len(there.requests) == 4
    assert verify() == []


def told_of(there: Receiver) -> list[str]:
    """The events that a receiver was told of, in the order of the calls."""
    return [request.split(b"webhook-id: ")[1][:36].decode() for request in there.requests]


def test_a_backfill_is_cancelled(api: Api, simulation: Simulation) -> None:
    deploys(api, simulation, 2)
    listener = listen(api, NOWHERE, on=[COMPLETED])
    replay = api.post(f"/v1/listeners/{listener['id']}/backfill", {"from": 1, "rate": 0.1}).json
    sweep()
    answer = api.post(f"/v1/replays/{replay['id']}/cancel")
    assert (answer.json["state"], answer.json["made"]) == ("cancelled", 1)
    simulation.drain()
    assert api.get(f"/v1/replays/{replay['id']}").json["reactions"] == {"cancelled": 1}


def test_a_built_in_listener_is_backfilled_too(api: Api, simulation: Simulation) -> None:
    deploys(api, simulation, 1)
    answer = api.post("/v1/listeners/metering:usage.measure_deploy/backfill", {"from": 1})
    simulation.drain()
    assert api.get(answer.headers["Location"]).json["suppressed"] == 1


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"on": []}, "request_invalid"),
        ({"on": ["site.deploi.*"]}, "type_unknown"),
        ({"on": ["usage.measured"], "when": {"data": {"cid": ["x"]}}}, "pattern_never_matches"),
        ({"on": ["site.*"], "when": {"data": {"site": "hello"}}}, "pattern_invalid"),
        ({"on": ["webhook.*"], "do": {"webhook": {"url": NOWHERE}}}, "pattern_never_matches"),
        ({"on": ["site.*"], "do": {"sing": {}}}, "request_invalid"),
        ({"on": ["site.*"], "from": "yesterday"}, "request_invalid"),
        ({"on": ["site.*"], "from": 5, "to": 4}, "range_invalid"),
        ({"on": ["site.*"], "limit": -1}, "request_invalid"),
    ],
    ids=repr,
)
def test_a_preview_of_what_means_nothing_is_refused(sqlite_api: Api, body: dict[str, Any], code: str) -> None:
    refused(sqlite_api.post("/v1/listeners/preview", body), 422, code)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "request_invalid"),
        ({"from": 1, "limit": 0}, "request_invalid"),
        ({"from": 1, "limit": 100_001}, "request_invalid"),
        ({"from": 1, "limit": "many"}, "request_invalid"),
        ({"from": 1, "rate": 0}, "rate_invalid"),
        ({"from": 1, "again": True}, "request_invalid"),
        ({"from": "2100-01-01"}, "range_empty"),
    ],
    ids=repr,
)
def test_a_backfill_that_means_nothing_is_refused(api: Api, body: dict[str, Any], code: str) -> None:
    listener = listen(api, NOWHERE)["id"]
    refused(api.post(f"/v1/listeners/{listener}/backfill", body), 422, code)
    assert api.get("/v1/replays").json["items"] == []


def test_nobody_and_the_disabled_are_not_backfilled(api: Api) -> None:
    refused(api.post("/v1/listeners/nobody/backfill", {"from": 1}), 404, "listener_not_found")
    listener = listen(api, NOWHERE)["id"]
    api.patch(f"/v1/listeners/{listener}", {"enabled": False})
    refused(api.post(f"/v1/listeners/{listener}/backfill", {"from": 1}), 409, "listener_disabled")
    api.delete(f"/v1/listeners/{listener}")
    refused(api.post(f"/v1/listeners/{listener}/backfill", {"from": 1}), 404, "listener_not_found")
    for path in ("preview", f"{listener}/backfill"):
        body = {"on": ["site.*"]} if path == "preview" else {"from": 1}
        refused(api.bearing("deploy").post(f"/v1/listeners/{path}", body), 403, "scope_missing")
