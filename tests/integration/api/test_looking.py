"""Looking for what is wrong: flows by what goes on in them, what holds a line back, what went unanswered."""

from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
from sqlalchemy import delete, update

from app.engine import tables
from app.engine.database import writing
from app.engine.sweep import sweep
from app.engine.tables import reactions
from app.errors import RetryableError
from app.factory import create_app
from app.services.storage.memory import MemoryStorage, shared_memory
from tests.fixtures.api import Api, refused
from tests.fixtures.simulation import Simulation
from tests.unit.content.forge import zip_of


@pytest.fixture
def stopped(simulation: Simulation, api: Api, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """A deploy that has gone live, one that waits, one that nobody works on and one that was cancelled."""
    shared_memory.cache_clear()
    found = {"succeeded": api.deploy()["flow"]}
    simulation.drain()

    def full(*_: object) -> None:
        raise RetryableError("backend_full", "The disk is full.", "Free some space.")

    monkeypatch.setattr(MemoryStorage, "put", full)
    found["waiting"] = api.deploy(archive=zip_of([("index.html", b"waits")]))["flow"]
    while simulation.messages:
        simulation.deliver()
    for state in ("cancelled", "running"):
        found[state] = api.deploy(archive=zip_of([("index.html", state.encode())]))["flow"]
    assert api.post(f"/v1/flows/{found['cancelled']}/cancel").status_code == 202
    return found


def stall(flow: str) -> None:
    """Leave a flow as the sweep does when nothing has happened in it for an hour."""
    with writing() as db:
        db.execute(update(tables.flows).where(tables.flows.c.id == flow).values(deadline_at=None))


def flows(api: Api, **query: Any) -> list[str]:
    return [flow["id"] for flow in api.get("/v1/flows", query_string=query).json["items"]]


def test_flows_are_found_by_state_and_kind(api: Api, stopped: dict[str, str]) -> None:
    for state, flow in stopped.items():
        assert flows(api, state=state, kind="deploy") == [flow]
        assert api.get(f"/v1/flows/{flow}").json["state"] == state
    assert flows(api, kind="deploy") == sorted(stopped.values(), reverse=True)
    assert flows(api, state="failed") == flows(api, kind="nothing") == flows(api, kind="") == []
    one_by_one = flows(api, state="succeeded", limit=1, after=stopped["succeeded"])
    assert stopped["succeeded"] not in one_by_one
    api.post("/v1/sites", {"slug": "other"})
    stranger = api.bearing("read", site="other")
    assert len(flows(stranger, state="running")) == 1
    assert flows(stranger, kind="deploy") == flows(stranger, state="succeeded") == []


@pytest.mark.parametrize("query", ["state=lost", "stalled=perhaps", "kind=%00", "state="])
def test_a_wish_that_means_nothing_is_refused(sqlite_api: Api, query: str) -> None:
    refused(sqlite_api.get(f"/v1/flows?{query}"), 422, "request_invalid")


def test_flows_that_have_stalled_are_found_and_say_so(api: Api, stopped: dict[str, str]) -> None:
    assert flows(api, stalled="true") == []
    stall(stopped["running"])
    assert flows(api, stalled="true", state="running", kind="deploy") == [stopped["running"]]
    shown = api.get(f"/v1/flows/{stopped['running']}").json
    assert (shown["stalled"], shown["cancel_forced_at"]) == (True, None)
    others = flows(api, stalled="false", kind="deploy")
    assert others == sorted({*stopped.values()} - set(flows(api, stalled="true")), reverse=True)
    assert not api.get(f"/v1/flows/{stopped['succeeded']}").json["stalled"]


def test_a_flow_that_is_being_cancelled_says_until_when(
    api: Api, simulation: Simulation, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared_memory.cache_clear()
    flow, said = api.deploy()["flow"], []

    def meanwhile(*_: object) -> None:
        assert api.post(f"/v1/flows/{flow}/cancel").status_code == 202
        said.append(api.get(f"/v1/flows/{flow}").json)
        raise RetryableError("backend_full", "The disk is full.", "Free some space.")

    monkeypatch.setattr(MemoryStorage, "put", meanwhile)
    simulation.drain()
    assert said[0]["state"] == "running"
    assert said[0]["cancel_forced_at"] > said[0]["started_at"]
    over = api.get(f"/v1/flows/{flow}").json
    assert (over["state"], over["cancel_forced_at"]) == ("cancelled", None)


def test_who_waits_in_a_line_learns_who_holds_it_back(
    play: Callable[[str], ModuleType], simulation: Simulation
) -> None:
    lines = play("tests.integration.engine.toy_lines")
    lines.forget()
    lines.in_line()
    api = Api(create_app()).bearing("read")
    lines.record(lines.Called(number=1), lines.Called(number=2), lines.Called(number=3))
    *behind, first = api.get("/v1/reactions").json["items"]
    assert [each["waits_for"] for each in (*behind, first)] == ["key", "key", None]
    for each in behind:
        assert api.get(f"/v1/reactions/{each['id']}").json == {**each, "held_back_by": first["id"]}
    assert api.get(f"/v1/reactions/{first['id']}").json["held_back_by"] is None
    simulation.deliver()
    assert api.get(f"/v1/reactions/{first['id']}").json["worker"]
    assert api.get(f"/v1/reactions/{behind[0]['id']}").json["held_back_by"] == behind[1]["id"]


def test_what_went_unanswered_is_listed_part_by_part(api: Api, drain: Callable[..., int]) -> None:
    drain()
    assert api.get("/v1/coverage").json == {"items": [], "next": None}
    events = [api.get(f"/v1/flows/{api.deploy(message=word)['flow']}").json["events"][0] for word in "ab"]
    with writing() as db:
        lost = db.execute(delete(reactions).where(reactions.c.state == "ready")).rowcount
    sweep()
    every = api.get("/v1/coverage").json["items"]
    assert len(every) == lost >= 2
    assert {gap["event"] for gap in every} == {event["id"] for event in events}
    assert set(every[0]) == {"event", "listener", "found_at"}
    for gap in every:
        path = f"/v1/events/{gap['event']}/explain"
        (why,) = api.get(path, query_string={"listener": gap["listener"]}).json["items"]
        assert why["code"] == "missing"
    found, after = [], ""
    while after is not None:
        part = api.get("/v1/coverage", query_string={"limit": 1, "after": after}).json
        found, after = found + part["items"], part["next"]
    assert found == every


def test_gaps_are_shown_to_those_who_may_see_their_events(api: Api, drain: Callable[..., int]) -> None:
    api.post("/v1/sites", {"slug": "other"})
    drain()
    api.deploy()
    with writing() as db:
        db.execute(delete(reactions).where(reactions.c.state == "ready"))
    sweep()
    assert api.bearing("read", site="hello").get("/v1/coverage").json["items"]
    assert api.bearing("admin", site="other").get("/v1/coverage").json["items"] == []
    refused(Api(api.app).get("/v1/coverage"), 401, "token_missing")
    for query in ("after=%00", "limit=0", "listener=a"):
        refused(api.get(f"/v1/coverage?{query}"), 422, "request_invalid")
    assert api.get("/v1/coverage?after=zzz").json["items"] == []
