"""Listeners that people configure: saved, heard, paused, changed and removed, and what is refused."""

from collections.abc import Callable
from typing import Any

import pytest
from standardwebhooks.webhooks import Webhook

from app.engine import reading
from app.engine.rebuild import verify
from app.engine.sweep import sweep
from app.engine.tables import reactions
from tests.fixtures.api import Api, recorded, refused
from tests.fixtures.receivers import Receiver, answering
from tests.fixtures.simulation import Simulation
from tests.integration.api.calls import api as api
from tests.integration.api.calls import heard, types, wish


def test_events_reach_a_receiver_signed_as_the_reference_library_wants_it(
    api: Api, receiver: Callable[..., Receiver], drain: Callable[..., int]
) -> None:
    there = receiver(answering("200 OK", b"thanks"))
    when = {"data": {"site": ["hello"]}, "type": ["site.deploy.requested", "site.deploy.completed"]}
    answer = api.post("/v1/listeners", wish(there.url, when=when))
    assert answer.status_code == 201, answer.text
    listener = answer.json
    assert listener["secret"].startswith("whsec_")
    assert (listener["state"], listener["enabled"], listener["when"]) == ("active", True, when)
    api.deploy()
    drain()
    assert types(there) == ["site.deploy.requested", "site.deploy.completed"]
    for headers, body in heard(there):
        told = Webhook(listener["secret"]).verify(body, headers)
        assert headers["webhook-id"] == told["id"]
        assert headers["content-type"].startswith("application/cloudevents+json")
        seen = api.get(f"/v1/events/{told['id']}").json
        assert told == {name: seen[name] for name in told}
    calls = api.get(f"/v1/listeners/{listener['id']}/attempts").json["items"]
    assert [(each["http_status"], each["snippet"], each["attempt"]) for each in calls] == [
        (200, "thanks", 1)
    ] * 2
    assert verify() == []


def test_a_receiver_that_fails_gets_it_again_and_in_the_end_once(
    api: Api, receiver: Callable[..., Receiver], simulation: Simulation
) -> None:
    moods = iter(["503 Busy", "500 Oops"])

    def moody(visit: Any) -> None:
        answering(next(moods, "204 No Content"))(visit)

    there = receiver(moody)
    listener = api.post("/v1/listeners", wish(there.url, on=["site.deploy.completed"])).json
    api.deploy()
    simulation.drain()
    calls = heard(there)
    assert len({headers["webhook-id"] for headers, _ in calls}) == 1
    assert len({body for _, body in calls}) == 1
    attempts = api.get(f"/v1/listeners/{listener['id']}/attempts").json["items"][::-1]
    assert [(each["attempt"], each["code"], each["http_status"]) for each in attempts] == [
        (1, "http_5xx", 503),
        (2, "http_5xx", 500),
        (3, None, 204),
    ]
    assert attempts[0]["next_attempt_at"] > attempts[0]["at"]
    assert recorded("site.deploy.completed")[0].data["status"] == "ok"
    assert verify() == []


def test_a_receiver_that_is_gone_is_not_called_any_more(
    api: Api, receiver: Callable[..., Receiver], simulation: Simulation
) -> None:
    there = receiver(answering("410 Gone"))
    listener = api.post("/v1/listeners", wish(there.url, on=["site.deploy.completed"])).json
    api.deploy()
    simulation.drain()
    found = api.get(f"/v1/listeners/{listener['id']}").json
    assert (found["state"], found["enabled"]) == ("disabled", False)
    assert recorded("listener.disabled")[0].data["reason"] == "gone_410"
    api.deploy()
    simulation.drain()
    assert len(there.requests) == 1
    assert api.post(f"/v1/listeners/{listener['id']}/resume").json == {"state": "active"}


def test_a_paused_listener_keeps_what_came_and_works_it_off_in_order(
    api: Api, receiver: Callable[..., Receiver], simulation: Simulation
) -> None:
    there = receiver(answering())
    listener = api.post("/v1/listeners", wish(there.url)).json
    assert api.post(f"/v1/listeners/{listener['id']}/pause").json == {"state": "paused"}
    api.deploy()
    simulation.drain()
    assert there.requests == []
    waiting = api.get("/v1/reactions", query_string={"listener": listener["id"]}).json["items"]
    assert {(each["state"], each["attempt"]) for each in waiting} == {("waiting", 0)}
    api.post(f"/v1/listeners/{listener['id']}/resume")
    assert sweep().resumed == len(waiting) > 3
    simulation.drain()
    happened = [event.type for event in recorded() if event.type.startswith("site.deploy.")]
    assert sorted(types(there)) == sorted(happened)


def test_a_built_in_listener_can_be_paused(api: Api, simulation: Simulation) -> None:
    name = "notices:notifications.tell"
    assert api.post(f"/v1/listeners/{name}/pause").status_code == 202
    api.deploy()
    simulation.drain()
    assert recorded("notification.sent") == []
    assert recorded("site.deploy.completed")
    api.post(f"/v1/listeners/{name}/resume")
    simulation.drain()
    assert len(recorded("notification.sent")) == 1


def test_each_event_is_matched_under_one_revision(
    api: Api, receiver: Callable[..., Receiver], simulation: Simulation
) -> None:
    there = receiver(answering())
    listener = api.post("/v1/listeners", wish(there.url, on=["site.deploy.requested"])).json
    api.deploy()
    address = f"/v1/listeners/{listener['id']}"
    assert api.patch(address, {"on": ["site.deploy.completed"]}).json["on"] == ["site.deploy.completed"]
    simulation.drain()
    assert types(there) == ["site.deploy.requested", "site.deploy.completed"]
    assert api.delete(address).status_code == 204
    api.deploy()
    simulation.drain()
    assert len(there.requests) == 2
    assert api.get(address).status_code == 404
    sweep()
    with reading() as db:
        made = db.execute(reactions.select().where(reactions.c.listener == listener["id"])).all()
    assert len(made) == 2
    assert "antiphon_coverage_missing 0" in api.get("/metrics").text
    assert verify() == []


def test_why_one_did_not_answer_is_explained_by_the_version_that_the_event_met(
    api: Api, simulation: Simulation
) -> None:
    api.deploy()
    simulation.drain()
    before = recorded("site.deploy.requested")[0].id
    when = {"data": {"site": ["other"]}}
    listener = api.post("/v1/listeners", wish("http://127.0.0.1:9/", when=when)).json["id"]
    api.deploy()
    simulation.drain()
    asked, uploaded = recorded("site.deploy.requested")[1].id, recorded("storage.upload.completed")[0].id

    def why(event: str) -> tuple[str, str]:
        [found] = api.get(f"/v1/events/{event}/explain", query_string={"listener": listener}).json["items"]
        return found["code"], found["reason"]

    assert why(before) == ("not_declared_then", "It was configured after the event was recorded.")
    assert why(asked) == ("condition_failed", "Its pattern wants data.site otherwise; it is 'hello'.")
    assert why(uploaded)[0] == ("not_declared_then")
    api.patch(f"/v1/listeners/{listener}", {"enabled": False})
    api.post("/v1/sites", {"slug": "other"})
    api.deploy("other")
    assert why(recorded("site.deploy.requested")[2].id)[0] == "disabled"
    api.delete(f"/v1/listeners/{listener}")
    assert why(asked)[1].endswith(" It is deleted now.")
    assert why(recorded("listener.deleted")[0].id)[0] == "disabled"


def test_a_secret_is_replaced_with_an_overlap(
    api: Api, receiver: Callable[..., Receiver], simulation: Simulation
) -> None:
    there = receiver(answering())
    listener = api.post("/v1/listeners", wish(there.url, on=["site.deploy.requested"])).json
    new = api.post(f"/v1/listeners/{listener['id']}/rotate-secret").json["secret"]
    assert new != listener["secret"]
    api.deploy()
    simulation.drain()
    [(headers, body)] = heard(there)
    for secret in (new, listener["secret"]):
        Webhook(secret).verify(body, headers)


def test_asking_twice_with_one_key_makes_one_listener_and_tells_its_secret_again(api: Api) -> None:
    asked = wish("http://127.0.0.1:9/")
    first, again = (api.post("/v1/listeners", asked, key="once").json for _ in range(2))
    assert first == again
    assert len(api.get("/v1/listeners?built_in=false").json["items"]) == 1


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"on": ["site.deploi.*"]}, 422, "type_unknown"),
        ({"when": {"data": {"cid": ["x"]}}, "on": ["usage.measured"]}, 422, "pattern_never_matches"),
        ({"when": {"data": {"site": "hello"}}}, 422, "pattern_invalid"),
        ({"on": ["webhook.*"]}, 422, "pattern_never_matches"),
        ({"key": "colour"}, 422, "key_unknown"),
        ({"name": " "}, 422, "name_invalid"),
        ({"do": {"webhook": {"url": "http://10.0.0.1/"}}}, 422, "ssrf_blocked"),
        ({"do": {"webhook": {"url": "http://2130706433/"}}}, 201, ""),
        ({"do": {"webhook": {"url": "https://[::ffff:10.0.0.1]/"}}}, 422, "ssrf_blocked"),
        ({"do": {"webhook": {"url": "ftp://127.0.0.1/"}}}, 422, "url_invalid"),
        ({"do": {}}, 422, "do_invalid"),
    ],
    ids=repr,
)
def test_what_means_nothing_is_refused(api: Api, change: dict[str, Any], status: int, code: str) -> None:
    answer = api.post("/v1/listeners", wish("http://127.0.0.1:9/") | change)
    if status == 201:
        assert answer.status_code == 201, answer.text
        return
    problem = refused(answer, status, code)
    assert problem["detail"]
    assert api.get("/v1/listeners?built_in=false").json["items"] == []


def test_two_listeners_cannot_have_one_name(api: Api) -> None:
    api.post("/v1/listeners", wish("http://127.0.0.1:9/"))
    refused(api.post("/v1/listeners", wish("http://127.0.0.1:9/")), 409, "listener_exists")
