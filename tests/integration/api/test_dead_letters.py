"""Dead letters over HTTP and on the command line: shown with their cause, tried again, given up."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import update

from app.engine import recording
from app.engine.database import writing
from app.engine.tables import reactions
from app.services.storage.memory import MemoryStorage, shared_memory
from tests.fixtures.api import Api, recorded, refused
from tests.fixtures.simulation import Simulation

UPLOAD = "storage.upload_artifact"
UNKNOWN = "00000000-0000-7000-8000-000000000000"
ALL = {"all": True}


@pytest.fixture
def mend(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Storing anything is a bug until the returned function is called."""

    def bug(*_: object) -> None:
        raise ZeroDivisionError("nobody thought of this")

    good = MemoryStorage.put
    monkeypatch.setattr(MemoryStorage, "put", bug)
    return lambda: monkeypatch.setattr(MemoryStorage, "put", good)


@pytest.fixture
def dead(simulation: Simulation, api: Api, mend: Callable[[], None]) -> dict[str, Any]:
    """The reaction that could not store a deploy of `hello`."""
    shared_memory.cache_clear()
    api.deploy()
    simulation.drain()
    (found,) = api.get("/v1/reactions?state=dead").json["items"]
    return dict(found)


def test_a_dead_letter_shows_its_cause_and_attempts(api: Api, dead: dict[str, Any]) -> None:
    assert (dead["action"], dead["attempt"], dead["outcome"]) == (UPLOAD, 8, "dead")
    failure = dead["failure"]
    assert (failure["code"], failure["stage"]) == ("internal", "upload")
    assert "nobody thought of this" in failure["message"]
    assert failure["hint"]


def test_a_traceback_is_for_those_who_may_do_something_about_it(api: Api, dead: dict[str, Any]) -> None:
    path = f"/v1/reactions/{dead['id']}"
    for one in (api, api.bearing("deploy", site="hello")):
        assert "ZeroDivisionError" in "".join(one.get(path).json["failure"]["traceback"])
    assert api.bearing("read").get(path).json == {**dead, "held_back_by": None}
    flow = api.get(f"/v1/flows/{dead['flow']}").text
    assert "traceback" not in flow + api.get("/v1/reactions").text


def test_a_dead_letter_is_tried_again_once(
    api: Api, dead: dict[str, Any], mend: Callable[[], None], drain: Callable[..., int]
) -> None:
    mend()
    path = f"/v1/reactions/{dead['id']}/retry"
    answer = api.post(path, key="once")
    assert (answer.status_code, answer.headers["Location"]) == (202, f"/v1/reactions/{dead['id']}")
    assert (answer.json["state"], answer.json["attempt"], answer.json["ended_at"]) == ("ready", 0, None)
    assert answer.json["failure"] == dead["failure"]
    repeat = api.post(path, key="once")
    assert (repeat.json, repeat.headers["Idempotency-Replayed"]) == (answer.json, "true")
    problem = refused(api.post(path), 409, "reaction_not_dead")
    assert "ready" in problem["detail"]
    assert api.get(f"/v1/flows/{dead['flow']}").json["state"] == "running"
    drain()
    assert api.get(f"/v1/reactions/{dead['id']}").json["state"] == "done"
    (told,) = recorded("platform.reaction.redriven")
    assert (told.flow, told.data["by"]) == (dead["flow"], f"token:{api.token_id}")


def test_many_are_tried_again_by_what_they_have_in_common(
    api: Api, dead: dict[str, Any], mend: Callable[[], None], drain: Callable[..., int]
) -> None:
    api.deploy()
    drain()
    mend()

    def count(**wanted: Any) -> int:
        answer = api.post("/v1/reactions/retry", wanted)
        assert answer.status_code == 202, answer.text
        return int(answer.json["count"])

    assert count(code="backend_full") == count(since="2100-01-01T00:00:00+02:00") == count(listener="x") == 0
    assert count(since="2100-01-01") == 0
    assert count(flow=UNKNOWN) == count(action="sites.fetch_source") == 0
    part = api.post("/v1/reactions/retry", {"limit": 1, "listener": dead["listener"]}).json
    assert part == {"count": 1, "next": dead["id"]}
    rest = {"limit": 9999, "since": dead["ended_at"][:10], "code": "internal", "after": part["next"]}
    assert count(**rest) == 1
    assert count(all=True) == 0
    drain()
    assert api.get("/v1/reactions?state=dead").json["items"] == []


def test_nobody_tries_all_again_by_leaving_the_body_out(api: Api, dead: dict[str, Any]) -> None:
    problem = refused(api.post("/v1/reactions/retry"), 422, "request_invalid")
    assert '"all": true' in problem["detail"]
    assert all(name in problem["detail"] for name in ("listener", "action", "code", "flow", "since"))
    assert api.get(f"/v1/reactions/{dead['id']}").json["state"] == "dead"


def test_who_asks_first_learns_how_many_and_which_would_be_tried_again(
    api: Api, dead: dict[str, Any], drain: Callable[..., int]
) -> None:
    api.deploy()
    drain()

    def would(**wanted: Any) -> Any:
        answer = api.post("/v1/reactions/retry", {"dry_run": True, **wanted}, key="a")
        assert answer.status_code == 200, answer.text
        return answer.json

    newest = api.get("/v1/reactions?state=dead&limit=1").json["items"][0]
    assert would(all=True) == {"count": 2, "next": None}
    assert would(all=True, limit=1) == {"count": 1, "next": dead["id"]}
    assert would(all=True, limit=1, after=dead["id"]) == {"count": 1, "next": None}
    matching = ({"flow": dead["flow"]}, {"code": "internal", "since": newest["ended_at"]}, {"action": "x"},
                {"listener": dead["listener"]})  # fmt: skip
    for wanted, ids in zip(matching, ([dead], [newest], [], [newest, dead]), strict=True):
        assert would(**wanted)["count"] == len(ids)
        shown = api.get("/v1/reactions", query_string={"state": "dead", **wanted}).json["items"]
        assert [each["id"] for each in shown] == [each["id"] for each in ids]
    assert len(api.get("/v1/reactions?state=dead").json["items"]) == 2


MEANINGLESS: tuple[dict[str, Any], ...] = (
    {"limit": 0}, {"limit": "many"}, {"state": "dead"}, {"colour": "red"}, {"code": "\0"}, {"listener": 3},
    {}, {"limit": 5}, {"after": UNKNOWN}, {"all": False}, {"all": None}, {"all": "x"}, {"listener": None},
    {"all": True, "code": "internal"}, {"dry_run": True}, {"every": True}, {"all": True, "dry_run": "x"},
    {"since": "yesterday"}, {"since": "2026-01-01T00:00:00"}, {"since": "0001-01-01T00:00:00+10:00"},
    {"since": "2026-02-30"}, {"since": "2026-1-1"}, {"since": "2026-01-01 "}, {"since": "٢٠٢٦-01-01"},
    {"since": 2026},
)  # fmt: skip


@pytest.mark.parametrize("wanted", MEANINGLESS)
def test_a_wish_that_means_nothing_is_refused(sqlite_api: Api, wanted: dict[str, Any]) -> None:
    refused(sqlite_api.post("/v1/reactions/retry", wanted), 422, "request_invalid")


def test_a_dead_letter_is_given_up_once(api: Api, dead: dict[str, Any], drain: Callable[..., int]) -> None:
    path = f"/v1/reactions/{dead['id']}"
    answer = api.post(f"{path}/skip")
    assert (answer.status_code, answer.json["state"], answer.json["outcome"]) == (202, "skipped", "given_up")
    for act in ("skip", "retry"):
        refused(api.post(f"{path}/{act}"), 409, "reaction_not_dead")
        refused(api.post(f"/v1/reactions/{UNKNOWN}/{act}"), 404, "reaction_not_found")
    assert len(recorded("platform.reaction.skipped")) == 1


def test_who_may_act_on_a_dead_letter(api: Api, dead: dict[str, Any]) -> None:
    api.post("/v1/sites", {"slug": "other"})
    reader, stranger = api.bearing("read"), api.bearing("admin", site="other")
    for act in ("retry", "skip"):
        path = f"/v1/reactions/{dead['id']}/{act}"
        refused(Api(api.app).post(path), 401, "token_missing")
        refused(reader.post(path), 403, "scope_missing")
        refused(stranger.post(path), 403, "token_of_another_site")
    refused(reader.post("/v1/reactions/retry"), 403, "scope_missing")
    assert stranger.post("/v1/reactions/retry", ALL).json["count"] == 0
    assert api.bearing("deploy", site="hello").post("/v1/reactions/retry", ALL).json["count"] == 1


def test_what_is_not_about_a_site_needs_the_scope_admin(api: Api, dead: dict[str, Any]) -> None:
    with writing() as db:
        db.execute(update(reactions).where(reactions.c.id == dead["id"]).values(stream="/tokens/a"))
    with recording() as work:
        work.lock("/tokens/a")
    deployer = api.bearing("deploy")
    for act in ("retry", "skip"):
        refused(deployer.post(f"/v1/reactions/{dead['id']}/{act}"), 403, "scope_missing")
    assert deployer.post("/v1/reactions/retry", ALL | {"dry_run": True}).json["count"] == 0
    assert deployer.post("/v1/reactions/retry", ALL).json["count"] == 0
    assert api.post("/v1/reactions/retry", ALL).json["count"] == 1
