"""The button that tests a webhook: one signed call, at once, whose outcome is answered."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from standardwebhooks.webhooks import Webhook

from app.api import trying
from app.engine.rebuild import verify
from tests.fixtures.api import Api, recorded, refused
from tests.fixtures.receivers import Receiver, answering
from tests.fixtures.simulation import Simulation
from tests.integration.api.calls import api as api
from tests.integration.api.calls import heard, listen

NOWHERE = "http://127.0.0.1:9/"


def test_it_makes_one_signed_call_that_says_that_it_is_a_test(
    api: Api, receiver: Callable[..., Receiver], at_once: None
) -> None:
    there = receiver(answering("202 Accepted", b"queued"))
    listener = listen(api, there.url)
    api.post(f"/v1/listeners/{listener['id']}/pause")
    answer = api.post(f"/v1/listeners/{listener['id']}/test", key="once")
    assert answer.status_code == 200, answer.text
    tested = answer.json
    assert (tested["verdict"], tested["http_status"], tested["snippet"]) == ("taken", 202, "queued")
    assert tested["message"] == f"It took the call: 202 after {tested['ms']} ms."
    [(headers, body)] = heard(there)
    told = Webhook(listener["secret"]).verify(body, headers)
    assert (told["id"], told["type"]) == (tested["event"], "webhook.test.requested")
    assert "test" in told["data"]["message"]
    [attempt] = api.get(f"/v1/listeners/{listener['id']}/attempts").json["items"]
    assert (attempt["event"], attempt["event_type"]) == (told["id"], told["type"])
    assert api.post(f"/v1/listeners/{listener['id']}/test", key="once").json == tested
    assert len(there.requests) == 1
    assert verify() == []


@pytest.mark.parametrize(
    ("says", "expected"),
    [
        ("503 Busy", ("refused", "http_5xx", "Look at its log")),
        ("404 Not Found", ("refused", "http_4xx", "Look at its log")),
        ("410 Gone", ("refused", "http_410", "does not want")),
        ("302 Found", ("refused", "http_3xx", "redirects are not followed")),
        ("", ("unreachable", "connection_reset", "whether the receiver runs")),
    ],
)
def test_what_went_wrong_is_answered_and_nothing_follows(
    api: Api, receiver: Callable[..., Receiver], at_once: None, says: str, expected: tuple[str, ...]
) -> None:
    verdict, code, advice = expected
    there = receiver(answering(says)).url if says else NOWHERE
    listener = listen(api, there)["id"]
    tested = api.post(f"/v1/listeners/{listener}/test").json
    assert (tested["verdict"], tested["code"]) == (verdict, code)
    assert advice in tested["advice"]
    assert tested["message"]
    assert api.get(f"/v1/listeners/{listener}").json["state"] == "active"
    assert len(api.get(f"/v1/listeners/{listener}/attempts").json["items"]) == 1


def test_a_page_in_place_of_an_answer_is_noticed(
    api: Api, receiver: Callable[..., Receiver], at_once: None
) -> None:
    there = receiver(answering("200 OK", b"<!doctype html><title>Welcome</title>"))
    tested = api.post(f"/v1/listeners/{listen(api, there.url)['id']}/test").json
    assert tested["verdict"] == "taken"
    assert "is this the address" in tested["advice"]


def test_it_is_told_when_no_worker_makes_the_call(
    api: Api, receiver: Callable[..., Receiver], simulation: Simulation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trying, "LOOKS", 1)
    there = receiver(answering())
    listener = listen(api, there.url)["id"]
    answer = api.post(f"/v1/listeners/{listener}/test")
    assert (answer.status_code, answer.json["verdict"]) == (202, "waiting")
    simulation.drain()
    [attempt] = api.get(f"/v1/listeners/{listener}/attempts").json["items"]
    assert attempt["event"] == answer.json["event"]


def test_other_webhooks_do_not_hear_of_it(api: Api, receiver: Callable[..., Receiver], at_once: None) -> None:
    there, other = receiver(answering()), receiver(answering())
    tested = listen(api, there.url)["id"]
    listen(api, other.url, name="all", on=["**"])
    other.requests.clear()
    api.post(f"/v1/listeners/{tested}/test")
    assert not [1 for _, body in heard(other) if json.loads(body)["type"].startswith("webhook.")]
    assert len(recorded("webhook.test.requested")) == 1


def test_only_webhooks_are_tested(api: Api) -> None:
    action: dict[str, Any] = {"action": "deploys.cancel", "with": {"site": "$.data.site"}}
    listener = api.post("/v1/listeners", {"name": "a", "on": ["site.created"], "do": action}).json["id"]
    refused(api.post(f"/v1/listeners/{listener}/test"), 422, "not_a_webhook")
    refused(api.post("/v1/listeners/nobody/test"), 404, "listener_not_found")
    refused(api.post("/v1/listeners/metering:usage.measure_deploy/test"), 409, "listener_built_in")
    refused(api.bearing("deploy").post(f"/v1/listeners/{listener}/test"), 403, "scope_missing")
