"""Usage over the API: totals that lead to their events, quotas that tell, and gates that listeners close."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Engine

from app.engine import now
from app.engine.rebuild import verify
from app.services.traffic import open_traffic
from app.services.traffic.port import Answered
from tasks.quotas import watch_quotas
from tasks.traffic import count_traffic
from tests.fixtures.api import Api, hello, recorded, refused, started
from tests.fixtures.receivers import Receiver, answering
from tests.fixtures.simulation import Simulation
from tests.integration.api.test_gateway_process import get as visit

DAY = "2026-01-01"
TOLD = ("usage.threshold_reached", "usage.quota_exceeded", "usage.quota_restored")


def serve(site: str, *sizes: int) -> None:
    """What the gateway does, and the one who counts."""
    journal = open_traffic()
    for size in sizes:
        journal.note(Answered(round(now().timestamp() * 1000), site, 200, size))
    count_traffic()


def site_of(api: Api, slug: str = "hello") -> str:
    [made] = [event for event in recorded("site.created") if event.data["site"] == slug]
    return str(made.data["site_id"])


def usage(api: Api, **query: Any) -> dict[str, Any]:
    answer = api.get("/v1/usage", query_string=query)
    assert answer.status_code == 200, answer.text
    return {each["meter"]: each for each in answer.json["meters"]}


def quota(api: Api, **wish: Any) -> dict[str, Any]:
    answer = api.post("/v1/quotas", {"meter": "bandwidth", "limit": 100, "window": "day", **wish})
    assert answer.status_code == 201, answer.text
    return dict(answer.json)


def told() -> list[tuple[str, Any]]:
    """What was told of quotas: how, and the percentage or the reason."""
    return [
        (event.type.partition(".")[2], event.data.get("percent") or event.data.get("reason"))
        for event in recorded(*TOLD)
    ]


def test_each_total_leads_to_the_events_that_make_it(api: Api, simulation: Simulation) -> None:
    api.deploy()
    simulation.drain()
    serve(site_of(api), 70, 30)
    serve("", 1000)
    ever = {"from": "2025-12-31"}
    everything, of_site = usage(api, **ever), usage(api, site="hello", **ever)
    assert {name: each["total"] for name, each in of_site.items()} == {
        "deploys": 1,
        "storage_bytes": of_site["published_bytes"]["total"],
        "storage_bytes_deduplicated": recorded("storage.upload.completed")[0].data["new_bytes"],
        "bandwidth": 100,
        "requests": 2,
        "webhooks": 0,
        "ens_gas": 0,
        "notifications": 1,
        "published_bytes": recorded("storage.upload.completed")[0].data["bytes"],
        "published_files": recorded("storage.upload.completed")[0].data["files"],
    }
    assert (everything["bandwidth"]["total"], everything["requests"]["total"]) == (1100, 3)
    for each in of_site.values():
        for day in each["by_day"]:
            found = api.get(day["measurements"]).json["items"]
            assert (len(found), sum(x["quantity"] for x in found)) == (day["count"], day["quantity"])
            assert {x["day"] for x in found} == {day["day"]}
            for one in found:
                event = api.get(f"/v1/events/{one['id']}").json
                assert (event["type"], event["causationid"]) == ("usage.measured", one["cause"])
                assert event["data"]["quantity"] == one["quantity"]
        assert sum(day["quantity"] for day in each["by_day"]) == each["total"]


def test_calls_are_counted_as_their_receiver_counts_them_but_not_those_that_tell_of_usage(
    engine: Engine, configure: Callable[..., None], receiver: Callable[..., Receiver], simulation: Simulation
) -> None:
    api, moods = hello(started(configure, WEBHOOK_ALLOW_NETWORKS="127.0.0.0/8")), iter(["503 Busy"])
    taken: list[str] = []

    def moody(visit: Any) -> None:
        mood = next(moods, "204 No Content")
        answering(mood)(visit)
        taken.extend([mood] * mood.startswith("204"))

    do = {"webhook": {"url": receiver(moody).url}}
    for name, on in (("sites", ["site.deploy.*"]), ("usage", ["usage.measured"])):
        assert api.post("/v1/listeners", {"name": name, "on": on, "do": do}).status_code == 201
    api.deploy()
    simulation.drain()
    delivered = [event.data["event_type"] for event in recorded("webhook.delivered")]
    of_usage = delivered.count("usage.measured")
    assert len(delivered) == len(taken)
    assert usage(api, site="hello", **{"from": DAY})["webhooks"]["total"] == len(taken) - of_usage > 3
    assert of_usage == len(recorded("usage.measured"))  # it has an end
    assert verify() == []


def test_only_the_days_that_are_asked_for_count(api: Api, simulation: Simulation) -> None:
    serve(site_of(api), 5)
    assert usage(api, **{"from": DAY, "to": DAY})["bandwidth"]["total"] == 5
    assert usage(api, **{"from": "2026-01-02"})["bandwidth"]["total"] == 0
    assert usage(api, to="2025-12-31T23:59:59Z")["bandwidth"]["total"] == 0
    assert list(usage(api, meter="requests")) == ["requests"]


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ({"meter": "electricity"}, 422, "meter_unknown"),
        ({"from": "2026-02-01", "to": "2026-01-31"}, 422, "range_reversed"),
        ({"from": "yesterday"}, 422, "request_invalid"),
        ({"until": DAY}, 422, "request_invalid"),
        ({"site": "nobody"}, 404, "site_not_found"),
    ],
)
@pytest.mark.parametrize("path", ["/v1/usage", "/v1/usage/measurements"])
def test_a_question_that_means_nothing_is_refused(
    sqlite_api: Api, path: str, query: dict[str, str], status: int, code: str
) -> None:
    asked = query if path == "/v1/usage" else {"meter": "requests", **query}
    refused(sqlite_api.get(path, query_string=asked), status, code)


def test_a_token_of_one_site_sees_only_what_is_its_own(api: Api, simulation: Simulation) -> None:
    api.post("/v1/sites", {"slug": "other"})
    serve(site_of(api), 5)
    serve(site_of(api, "other"), 70)
    mine, others = quota(api, site="hello"), quota(api, site="other", meter="requests")
    bound = api.bearing("admin", site="hello")
    assert usage(bound)["bandwidth"]["total"] == 5
    assert len(bound.get("/v1/usage/measurements?meter=bandwidth").json["items"]) == 1
    refused(bound.get("/v1/usage?site=other"), 403, "token_of_another_site")
    assert [each["id"] for each in bound.get("/v1/quotas").json["items"]] == [mine["id"]]
    assert bound.get(f"/v1/quotas/{mine['id']}").json["used"] == 5
    refused(bound.get(f"/v1/quotas/{others['id']}"), 403, "token_of_another_site")
    for answer in (
        bound.post("/v1/quotas", {"meter": "requests", "limit": 1, "window": "day"}),
        bound.patch(f"/v1/quotas/{mine['id']}", {"limit": 10**9}),
        bound.delete(f"/v1/quotas/{mine['id']}"),
        bound.ask("PUT", "/v1/sites/other/lock", json={}),
    ):
        refused(answer, 403, "token_of_another_site")


def test_each_threshold_and_the_limit_are_told_once_in_a_window(api: Api, simulation: Simulation) -> None:
    site = site_of(api)
    made = quota(api, site="hello", thresholds=[50, 80])
    serve(site, 49)
    watch_quotas()
    assert told() == []
    serve(site, 11)
    for _ in range(3):
        watch_quotas()
    assert told() == [("threshold_reached", 50)]
    serve(site, 500)
    for _ in range(2):
        watch_quotas()
    assert told() == [("threshold_reached", 50), ("threshold_reached", 80), ("quota_exceeded", None)]
    [exceeded] = recorded("usage.quota_exceeded")
    assert exceeded.data["used"] == 560
    cause = api.get(f"/v1/events/{exceeded.cause}").json
    assert (cause["type"], cause["data"]["meter"], cause["data"]["site"]) == (
        "usage.measured",
        "bandwidth",
        "hello",
    )
    assert cause["correlationid"] == exceeded.flow
    found = api.get(f"/v1/quotas/{made['id']}").json
    assert (found["used"], found["percent"], found["exceeded"]) == (560, 560, True)
    assert verify() == []


def test_a_quota_is_restored_when_its_window_turns_and_begins_anew(api: Api, simulation: Simulation) -> None:
    site = site_of(api)
    quota(api, site="hello")
    serve(site, 100)
    watch_quotas()
    simulation.clock.shift(24 * 3600)
    for _ in range(2):
        watch_quotas()
    before = [("threshold_reached", 80), ("quota_exceeded", None), ("quota_restored", "window")]
    assert told() == before
    serve(site, 90)
    watch_quotas()
    assert told() == [*before, ("threshold_reached", 80)]
    assert verify() == []


def test_a_limit_that_is_raised_restores_and_one_that_is_lowered_exceeds(
    api: Api, simulation: Simulation
) -> None:
    site = site_of(api)
    address = f"/v1/quotas/{quota(api)['id']}"
    serve(site, 120)
    watch_quotas()
    assert api.patch(address, {"limit": 130}).json["exceeded"] is False
    crossed = [("threshold_reached", 80), ("quota_exceeded", None), ("quota_restored", "limit")]
    assert told() == crossed  # 120 of 130 are more than 80 percent still: nobody is told again
    assert api.patch(address, {"limit": 110}).json["exceeded"] is True
    api.patch(address, {"limit": 1000})
    assert told()[3:] == [("quota_exceeded", None), ("quota_restored", "limit")]
    serve(site, 700)
    watch_quotas()
    assert told()[5:] == [("threshold_reached", 80)]
    api.patch(address, {"limit": 10})
    assert api.delete(address).status_code == 204
    assert told()[6:] == [("quota_exceeded", None), ("quota_restored", "deleted")]
    refused(api.get(address), 404, "quota_not_found")
    assert verify() == []


@pytest.mark.parametrize(
    ("wish", "status", "code"),
    [
        ({"meter": "electricity"}, 422, "meter_unknown"),
        ({"limit": 0}, 422, "request_invalid"),
        ({"limit": 10**30}, 422, "request_invalid"),
        ({"limit": "much"}, 422, "request_invalid"),
        ({"window": "hour"}, 422, "request_invalid"),
        ({"thresholds": [0]}, 422, "request_invalid"),
        ({"thresholds": [120]}, 422, "request_invalid"),
        ({"site": "nobody"}, 404, "site_not_found"),
        ({}, 409, "quota_exists"),
    ],
    ids=repr,
)
def test_a_quota_that_means_nothing_is_refused(
    sqlite_api: Api, wish: dict[str, Any], status: int, code: str
) -> None:
    quota(sqlite_api)
    body = {"meter": "bandwidth", "limit": 5, "window": "day", **wish}
    refused(sqlite_api.post("/v1/quotas", body), status, code)


def test_quotas_go_with_their_site(api: Api) -> None:
    quota(api, site="hello")
    api.delete("/v1/sites/hello")
    assert api.get("/v1/quotas").json["items"] == []
    watch_quotas()
    assert verify() == []


def listener(api: Api, name: str, on: str, action: str, **with_: str) -> None:
    wish = {"name": name, "on": [on], "do": {"action": action, "with": with_}}
    answer = api.post("/v1/listeners", wish)
    assert answer.status_code == 201, answer.text


def test_listeners_refuse_deploys_over_a_quota_and_take_them_on_again(
    api: Api, simulation: Simulation
) -> None:
    listener(api, "block", "usage.quota_exceeded", "gates.block_deploys", reason="over its traffic")
    listener(api, "allow", "usage.quota_restored", "gates.allow_deploys")
    made = quota(api, site="hello")
    serve(site_of(api), 100)
    watch_quotas()
    simulation.drain()
    found = api.get("/v1/sites/hello").json
    assert (found["locked"], found["gates"]["lock"]["quota_id"]) == (True, made["id"])
    problem = refused(api.upload("/v1/sites/hello/deploys"), 409, "quota_exceeded")
    assert "over its traffic" in problem["detail"]
    bound = api.bearing("admin", site="hello")
    refused(bound.delete("/v1/sites/hello/lock"), 403, "token_of_another_site")
    api.patch(f"/v1/quotas/{made['id']}", {"limit": 200})
    simulation.drain()
    assert api.get("/v1/sites/hello").json["locked"] is False
    api.deploy()
    assert verify() == []


def test_what_a_person_has_locked_no_listener_unlocks(api: Api, simulation: Simulation) -> None:
    listener(api, "allow", "usage.quota_restored", "gates.allow_deploys")
    made = quota(api, site="hello")
    serve(site_of(api), 100)
    watch_quotas()
    for _ in range(2):
        answer = api.ask("PUT", "/v1/sites/hello/lock", json={"reason": "release freeze"})
        assert answer.json["gates"]["lock"]["reason"] == "release freeze"
    assert len(recorded("site.publishing_locked")) == 1
    api.delete(f"/v1/quotas/{made['id']}")
    simulation.drain()
    problem = refused(api.upload("/v1/sites/hello/deploys"), 409, "site_locked")
    assert "release freeze" in problem["detail"]
    for _ in range(2):
        assert api.delete("/v1/sites/hello/lock").status_code == 204
    assert len(recorded("site.publishing_unlocked")) == 1
    api.deploy()


def test_a_quota_on_everything_may_pause_a_site_that_is_named(api: Api, simulation: Simulation) -> None:
    listener(api, "pause", "usage.quota_exceeded", "gates.pause_site", site="hello")
    listener(api, "resume", "usage.quota_restored", "gates.resume_site", site="hello")
    api.deploy()
    simulation.drain()
    assert visit().status_code == 200
    made = quota(api)
    serve("", 100)
    watch_quotas()
    simulation.drain()
    assert api.get("/v1/sites/hello").json["paused"] is True
    answer = visit()
    assert (answer.status_code, "paused" in answer.text) == (503, True)
    api.delete(f"/v1/quotas/{made['id']}")
    simulation.drain()
    assert visit().status_code == 200
    api.ask("PUT", "/v1/sites/hello/pause", json={})
    assert visit().status_code == 503
    assert api.delete("/v1/sites/hello/pause").status_code == 204
    assert visit().status_code == 200
    assert verify() == []


def test_a_listener_that_names_no_site_is_told_of_as_dead(api: Api, simulation: Simulation) -> None:
    listener(api, "pause", "usage.quota_exceeded", "gates.pause_site")
    quota(api)
    serve("", 100)
    watch_quotas()
    simulation.drain()
    [dead] = recorded("platform.reaction.dead_lettered")
    assert dead.data["failure"]["code"] == "site_missing"
