"""What a webhook was told, or could not be told, it is told again: one event, all that failed, or a range."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from app.engine import now
from app.engine.cloudevents import spelt
from app.engine.rebuild import verify
from tests.fixtures.api import Api, recorded, refused
from tests.fixtures.receivers import Receiver, answering
from tests.fixtures.simulation import Simulation
from tests.integration.api.calls import api as api
from tests.integration.api.calls import heard, listen
from tests.integration.api.test_backfill import COMPLETED, NOWHERE, deploys, told_of


class Moody:
    """A receiver that says what it is told to say."""

    def __init__(self) -> None:
        self.says = "200 OK"

    def __call__(self, visit: Any) -> None:
        answering(self.says)(visit)


@pytest.fixture
def mood() -> Moody:
    return Moody()


@pytest.fixture
def there(receiver: Callable[..., Receiver], mood: Moody) -> Receiver:
    return receiver(mood)


def again(api: Api, listener: str, **what: Any) -> Any:
    answer = api.post(f"/v1/listeners/{listener}/redeliver", what)
    assert answer.status_code == 202, answer.text
    return answer.json


def deliver_all(simulation: Simulation) -> None:
    """Work off what can be worked off at this moment."""
    while simulation.messages:
        simulation.deliver()


def test_all_that_failed_is_told_again_in_order_once_the_receiver_is_well(
    api: Api, there: Receiver, mood: Moody, simulation: Simulation
) -> None:
    listener = listen(api, there.url, on=[COMPLETED], key="site")["id"]
    mood.says = "503 Busy"
    api.post(f"/v1/listeners/{listener}/pause")
    past = deploys(api, simulation, 2)
    began = spelt(now())
    api.post(f"/v1/listeners/{listener}/resume")
    simulation.drain()
    api.patch(f"/v1/listeners/{listener}", {"enabled": True})  # days have passed
    mood.says = "200 OK"
    fine = deploys(api, simulation, 3)[2:]
    assert len(fine) == 3
    before = len(there.requests)
    assert again(api, listener, failed_since=spelt(now() + timedelta(seconds=1)))["count"] == 0
    first = again(api, listener, failed_since=began, limit=1)
    assert (first["count"], first["next"] is None) == (1, False)
    again(api, listener, failed_since=began)
    simulation.drain()
    assert told_of(there)[before:] == past
    assert again(api, listener, failed_since=began)["count"] == 0
    simulation.drain()
    assert len({headers["webhook-id"] for headers, _ in heard(there)}) == 5
    assert len(recorded("platform.reaction.redriven")) == 2
    assert verify() == []


def test_one_event_is_told_again_whatever_became_of_it(
    api: Api, there: Receiver, mood: Moody, simulation: Simulation
) -> None:
    listener = listen(api, there.url, on=[COMPLETED])["id"]
    [fine] = deploys(api, simulation, 1)
    replay = again(api, listener, event=fine)["replay"]
    assert (replay["after"] + 1, replay["again"]) == (replay["until"], True)
    simulation.drain()
    assert told_of(there) == [fine] * 2
    mood.says = "503 Busy"
    api.deploy("hello")
    deliver_all(simulation)
    [waiting] = api.get("/v1/reactions", query_string={"listener": listener, "state": "waiting"}).json[
        "items"
    ]
    mood.says = "200 OK"
    assert again(api, listener, event=waiting["event"])["reaction"] == waiting["id"]
    refused(
        api.post(f"/v1/listeners/{listener}/redeliver", {"event": waiting["event"]}), 409, "reaction_open"
    )
    began = now()
    deliver_all(simulation)
    assert api.get(f"/v1/reactions/{waiting['id']}").json["state"] == "done"
    assert now() - began < timedelta(seconds=1)
    mood.says = "410 Gone"
    last = deploys(api, simulation, 1)[-1]
    refused(api.post(f"/v1/listeners/{listener}/redeliver", {"event": last}), 409, "listener_disabled")
    api.post(f"/v1/listeners/{listener}/resume")
    mood.says = "200 OK"
    reaction = again(api, listener, event=last)["reaction"]
    simulation.drain()
    assert api.get(f"/v1/reactions/{reaction}").json["outcome"] == "succeeded"
    assert verify() == []


def test_a_range_is_told_again_up_to_a_limit(api: Api, there: Receiver, simulation: Simulation) -> None:
    listener = listen(api, there.url, on=[COMPLETED], key="site")["id"]
    past = deploys(api, simulation, 3)
    again(api, listener, **{"from": 1, "limit": 2, "rate": 100})
    simulation.drain()
    assert told_of(there) == [*past, *past[:2]]


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({}, 422, "request_invalid"),
        ({"event": "x", "from": 1}, 422, "request_invalid"),
        ({"failed_since": "2026-01-01", "rate": 1}, 422, "request_invalid"),
        ({"to": 5}, 422, "request_invalid"),
        ({"limit": 5}, 422, "request_invalid"),
        ({"event": "nothing"}, 404, "event_not_found"),
        ({"failed_since": "yesterday"}, 422, "request_invalid"),
        ({"from": 5, "to": 4}, 422, "range_invalid"),
        ({"from": "2100-01-01"}, 422, "range_empty"),
        ({"from": 1, "rate": 0}, 422, "rate_invalid"),
    ],
    ids=repr,
)
def test_what_means_nothing_is_refused(api: Api, body: dict[str, Any], status: int, code: str) -> None:
    listener = listen(api, NOWHERE)["id"]
    refused(api.post(f"/v1/listeners/{listener}/redeliver", body), status, code)
    refused(api.post("/v1/listeners/nobody/redeliver", {"from": 1}), 404, "listener_not_found")


def test_an_event_that_it_does_not_hear_is_refused(api: Api) -> None:
    listener = listen(api, NOWHERE)["id"]
    created = recorded("site.created")[0].id
    refused(api.post(f"/v1/listeners/{listener}/redeliver", {"event": created}), 422, "event_not_heard")
