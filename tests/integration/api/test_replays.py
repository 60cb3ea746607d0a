"""Replays over HTTP: tried out, begun, watched and cancelled, by those who may."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from app.engine.sweep import sweep
from app.services.storage.memory import shared_memory
from tests.fixtures.api import Api, recorded, refused
from tests.fixtures.simulation import Simulation

LISTENER = "metering:usage.measure_deploy"
UNKNOWN = "00000000-0000-7000-8000-000000000000"
SHAPE = {
    "id", "listener", "state", "generation", "after", "until", "cursor", "rate", "again", "matched", "made",
    "suppressed", "started_at", "ended_at", "limit", "left_after",
}  # fmt: skip


@pytest.fixture
def api(simulation: Simulation, api: Api) -> Api:
    """One deploy has gone live, and everything is at rest."""
    shared_memory.cache_clear()
    api.deploy()
    simulation.drain()
    return api


def begin(api: Api, **wish: Any) -> Any:
    answer = api.post("/v1/replays", {"listener": LISTENER, **wish})
    assert answer.status_code == 202, answer.text
    return answer.json


def test_a_replay_is_begun_and_done(api: Api, drain: Callable[..., int]) -> None:
    last = recorded()[-1].position
    answer = api.post("/v1/replays", {"listener": LISTENER, "again": True}, key="once")
    replay = answer.json
    assert (answer.status_code, answer.headers["Location"]) == (202, f"/v1/replays/{replay['id']}")
    assert set(replay) == SHAPE
    assert (replay["state"], replay["generation"], replay["after"], replay["until"]) == (
        "running",
        1,
        0,
        last,
    )
    assert api.post("/v1/replays", {"listener": LISTENER, "again": True}, key="once").json == replay
    drain()
    done = api.get(answer.headers["Location"]).json
    assert (done["state"], done["made"], done["reactions"]) == ("done", 1, {"done": 1})
    reactions = api.get("/v1/reactions", query_string={"listener": LISTENER}).json["items"]
    assert sorted((each["generation"], each["state"], each["follower"]) for each in reactions) == [
        (0, "done", True), (1, "done", True)
    ]  # fmt: skip
    assert len(recorded("platform.replay.completed")) == 1


def test_a_dry_run_tells_what_would_happen_and_changes_nothing(api: Api) -> None:
    before = recorded()
    found = api.post("/v1/replays", {"listener": LISTENER, "dry_run": True})
    assert found.status_code == 200
    assert {name: found.json[name] for name in ("matched", "made", "suppressed", "samples")} == {
        "matched": 1, "made": 0, "suppressed": 1, "samples": []
    }  # fmt: skip
    again = api.post("/v1/replays", {"listener": LISTENER, "dry_run": True, "again": True}).json
    (synced,) = recorded("domain.sync.completed")
    assert (again["made"], [each["id"] for each in again["samples"]]) == (1, [synced.id])
    assert again["samples"][0]["type"] == "domain.sync.completed"
    assert recorded() == before
    assert api.get("/v1/replays").json["items"] == []


def test_a_range_is_given_in_positions_or_times(api: Api) -> None:
    (synced,) = recorded("domain.sync.completed")
    place, time = synced.position, synced.time.isoformat()

    def count(**bounds: Any) -> int:
        wish = {"listener": LISTENER, "again": True, "dry_run": True, **bounds}
        answer = api.post("/v1/replays", wish)
        assert answer.status_code == 200, answer.text
        return int(answer.json["made"])

    assert count(**{"from": place}) == count(after=place - 1) == count(until=place) == 1
    assert count(**{"from": time}) == count(until=time) == count(**{"from": time, "until": place}) == 1
    day = synced.time.date()
    assert count(**{"from": str(day)}) == count(until=str(day + timedelta(days=1))) == 1
    assert count(**{"from": place, "until": str(day + timedelta(days=1))}) == 1
    assert count(**{"from": place + 1}) == count(after=place) == count(until=place - 1) == 0


def test_a_replay_is_cancelled_once(api: Api, drain: Callable[..., int]) -> None:
    replay = begin(api, again=True, rate=0.5)
    sweep()
    path = f"/v1/replays/{replay['id']}/cancel"
    answer = api.post(path)
    assert (answer.status_code, answer.json["state"], answer.json["made"]) == (202, "cancelled", 1)
    refused(api.post(path), 409, "replay_ended")
    drain()
    assert api.get(f"/v1/replays/{replay['id']}").json["reactions"] == {"cancelled": 1}


def test_a_replay_ends_with_its_flow(api: Api) -> None:
    replay = begin(api, again=True)
    [flow] = api.get("/v1/flows", query_string={"kind": "replay", "state": "running"}).json["items"]
    assert (flow["state"], flow["open"]) == ("running", 1)
    for _ in range(2):
        assert api.post(f"/v1/flows/{flow['id']}/cancel").status_code == 202
    assert api.get(f"/v1/flows/{flow['id']}").json["state"] == "cancelled"
    assert api.get(f"/v1/replays/{replay['id']}").json["state"] == "cancelled"
    assert len(recorded("platform.replay.cancelled")) == 1


def test_no_place_in_a_list_is_too_far(api: Api) -> None:
    address = "/v1/sites/hello/deploys"
    assert len(api.get(address, query_string={"after": "99999999999"}).json["items"]) == 1


def test_replays_are_listed_newest_first(api: Api) -> None:
    first, second = begin(api, rate=2), begin(api)
    page = api.get("/v1/replays?limit=1").json
    assert [each["id"] for each in page["items"]] == [second["id"]]
    rest = api.get("/v1/replays", query_string={"after": page["next"]}).json
    assert rest == {"items": [first], "next": None}
    assert (first["rate"], second["rate"], second["generation"]) == (2.0, None, 2)


def test_a_listener_that_is_not_there_is_answered_with_the_closest(api: Api) -> None:
    problem = refused(api.post("/v1/replays", {"listener": "measure_deploy"}), 404, "listener_not_found")
    assert LISTENER in problem["hint"]
    refused(api.post("/v1/replays", {"listener": ""}), 404, "listener_not_found")
    refused(api.get(f"/v1/replays/{UNKNOWN}"), 404, "replay_not_found")
    refused(api.post(f"/v1/replays/{UNKNOWN}/cancel"), 404, "replay_not_found")


MEANINGLESS: tuple[tuple[dict[str, Any], str], ...] = (
    ({"rate": 0}, "rate_invalid"),
    ({"rate": -1}, "rate_invalid"),
    ({"rate": 1e300}, "rate_invalid"),
    ({"rate": 1e-300}, "rate_invalid"),
    ({"rate": "fast"}, "request_invalid"),
    ({"from": 5, "until": 4}, "range_invalid"),
    ({"from": "2026-01-02T00:00:00Z", "until": "2026-01-01T00:00:00Z"}, "range_invalid"),
    ({"from": "2100-01-01T00:00:00Z"}, "range_empty"),
    ({"after": 10**30}, "range_empty"),
    ({"until": 0}, "range_empty"),
    ({"from": 1, "after": 1}, "request_invalid"),
    ({"from": -1}, "request_invalid"),
    ({"from": "5"}, "request_invalid"),
    ({"from": True}, "request_invalid"),
    ({"from": "yesterday"}, "request_invalid"),
    ({"until": "2026-01-01T00:00:00"}, "request_invalid"),
    ({"until": "2026-13-01"}, "request_invalid"),
    ({"until": "1.5"}, "request_invalid"),
    ({"until": 1.0}, "request_invalid"),
    ({"until": [1]}, "request_invalid"),
    ({"until": "2000-01-01"}, "range_empty"),
    ({"limit": 5}, "request_invalid"),
    ({"begin": 5}, "request_invalid"),
    ({"listener": None}, "request_invalid"),
    ({"listener": "a\0"}, "request_invalid"),
)


@pytest.mark.parametrize("dry_run", [True, False])
@pytest.mark.parametrize(("wish", "code"), MEANINGLESS)
def test_a_wish_that_means_nothing_is_refused(
    sqlite_api: Api, wish: dict[str, Any], code: str, dry_run: bool
) -> None:
    refused(sqlite_api.post("/v1/replays", {"listener": LISTENER, "dry_run": dry_run, **wish}), 422, code)
    assert sqlite_api.get("/v1/replays").json["items"] == []


@pytest.mark.parametrize("wrong", ["yesterday", -1, True, 1.5, "2026-02-30", ["2026-01-01"], {}])
def test_a_bound_that_is_none_is_refused_in_one_sentence(sqlite_api: Api, wrong: object) -> None:
    answer = sqlite_api.post("/v1/replays", {"listener": LISTENER, "from": wrong})
    problem = refused(answer, 422, "request_invalid")
    assert problem["detail"] == (
        "from: is no position in the log (0, 1, 2, ...), no time like 2026-01-31T12:00:00Z"
        " and no date like 2026-01-31."
    )


@pytest.mark.parametrize(
    ("number", "status", "code"),
    [("NaN", 400, "json_invalid"), ("Infinity", 400, "json_invalid"), ("1e999", 422, "request_invalid")],
)
def test_a_rate_that_is_no_number_is_refused(sqlite_api: Api, number: str, status: int, code: str) -> None:
    wish = f'{{"listener": "{LISTENER}", "rate": {number}}}'
    refused(sqlite_api.post("/v1/replays", data=wish, content_type="application/json"), status, code)


def test_replays_are_for_administrators_of_all_sites(sqlite_api: Api) -> None:
    calls = [("GET", "/v1/replays"), ("GET", f"/v1/replays/{UNKNOWN}"), ("POST", "/v1/replays"),
             ("POST", f"/v1/replays/{UNKNOWN}/cancel")]  # fmt: skip
    deployer, of_one_site = sqlite_api.bearing("deploy"), sqlite_api.bearing("admin", site="hello")
    for method, path in calls:
        wish = {"json": {"listener": LISTENER}} if path == "/v1/replays" and method == "POST" else {}
        refused(Api(sqlite_api.app).ask(method, path, **wish), 401, "token_missing")
        refused(deployer.ask(method, path, **wish), 403, "scope_missing")
        refused(of_one_site.ask(method, path, **wish), 403, "token_of_another_site")
