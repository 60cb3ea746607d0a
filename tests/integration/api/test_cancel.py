"""Cancelling deploys and flows over HTTP."""

from collections.abc import Callable
from typing import Any

import pytest

from app.engine import recording
from app.services.storage.memory import shared_memory
from app.signals.tokens import TokenRevoked
from tests.fixtures.api import Api, recorded, refused

UNKNOWN = "00000000-0000-7000-8000-000000000000"


@pytest.fixture
def deploy(drain: Callable[..., int], api: Api) -> dict[str, Any]:
    """A deploy of `hello` that nobody works on yet."""
    shared_memory.cache_clear()
    drain()
    return dict(api.deploy())


def test_a_deploy_is_cancelled(api: Api, deploy: dict[str, Any], drain: Callable[..., int]) -> None:
    path = f"/v1/deploys/{deploy['id']}"
    answer = api.post(f"{path}/cancel", key="once")
    assert (answer.status_code, answer.headers["Location"]) == (202, path)
    assert (answer.json["id"], answer.json["status"]) == (deploy["id"], "cancelled")
    assert answer.json == api.get(path).json
    repeat = api.post(f"{path}/cancel", key="once")
    assert (repeat.json, repeat.headers["Idempotency-Replayed"]) == (answer.json, "true")
    assert api.post(f"{path}/cancel").json == answer.json  # without a key it is harmless as well
    flow = api.get(f"/v1/flows/{deploy['flow']}").json
    assert (flow["state"], flow["open"]) == ("cancelled", 0)
    (reaction,) = (each for each in flow["reactions"] if not each["follower"])
    assert (reaction["state"], reaction["outcome"]) == ("cancelled", "cancelled")
    listed = api.get(f"/v1/reactions?state=cancelled&flow={deploy['flow']}").json["items"]
    assert [each["id"] for each in listed] == [reaction["id"]]
    (asked,) = recorded("site.deploy.cancel_requested")
    (told,) = recorded("site.deploy.cancelled")
    by = f"token:{api.token_id}"
    assert (asked.actor, asked.data["by"], asked.data["stage"]) == (by, by, "fetch")
    assert (told.data["by"], told.data["stage"], told.data["forced"]) == (by, "fetch", False)
    drain()
    assert api.get("/v1/sites/hello").json["live_deploy"] is None


def test_a_flow_is_cancelled_and_its_deploy_with_it(api: Api, deploy: dict[str, Any]) -> None:
    path = f"/v1/flows/{deploy['flow']}"
    answer = api.post(f"{path}/cancel", key="once")
    assert (answer.status_code, answer.headers["Location"]) == (202, path)
    assert (answer.json["id"], answer.json["kind"]) == (deploy["flow"], "deploy")
    assert api.post(f"{path}/cancel", key="once").headers["Idempotency-Replayed"] == "true"
    assert api.post(f"{path}/cancel").status_code == 202
    assert api.get(path).json["state"] == "cancelled"
    assert api.get(f"/v1/deploys/{deploy['id']}").json["status"] == "cancelled"
    assert len(recorded("site.deploy.cancelled")) == 1


def test_what_is_over_cannot_be_cancelled(
    api: Api, deploy: dict[str, Any], drain: Callable[..., int]
) -> None:
    drain()
    problem = refused(api.post(f"/v1/deploys/{deploy['id']}/cancel"), 409, "deploy_not_cancellable")
    assert "live" in problem["detail"]
    problem = refused(api.post(f"/v1/flows/{deploy['flow']}/cancel"), 409, "flow_ended")
    assert "succeeded" in problem["detail"]
    refused(api.post(f"/v1/deploys/{UNKNOWN}/cancel"), 404, "deploy_not_found")
    refused(api.post(f"/v1/flows/{UNKNOWN}/cancel"), 404, "flow_not_found")
    assert not recorded("site.deploy.cancel_requested", "platform.flow.cancel_requested")


def test_who_may_cancel(api: Api, deploy: dict[str, Any]) -> None:
    api.post("/v1/sites", {"slug": "other"})
    for path in (f"/v1/deploys/{deploy['id']}/cancel", f"/v1/flows/{deploy['flow']}/cancel"):
        refused(Api(api.app).post(path), 401, "token_missing")
        refused(api.bearing("read").post(path), 403, "scope_missing")
        refused(api.bearing("admin", site="other").post(path), 403, "token_of_another_site")
    own = api.bearing("deploy", site="hello")
    assert own.post(f"/v1/deploys/{deploy['id']}/cancel").status_code == 202
    assert own.post(f"/v1/flows/{deploy['flow']}/cancel").status_code == 202


def test_a_flow_that_is_not_about_a_site_needs_the_scope_admin(api: Api) -> None:
    with recording() as work:
        flow = work.record(TokenRevoked(token_id="t9", name="nine")).flow
    refused(api.bearing("deploy").post(f"/v1/flows/{flow}/cancel"), 403, "scope_missing")
    refused(api.post(f"/v1/flows/{flow}/cancel"), 409, "flow_ended")
