"""Listeners that wait for several events: so many, one after another, one that stays away."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from app.engine import Signal, conditions, now, reading, recording
from app.engine.configured import newest
from app.engine.rebuild import verify
from app.engine.signal import Event
from app.engine.tables import condition_matches
from app.signals.sites import SiteDeleted, SiteUpdated
from tests.fixtures.api import Api, recorded, refused
from tests.fixtures.simulation import Simulation

HOUR = 3600.0
#: Something harmless to do.
DO = {"action": "deploys.cancel", "with": {"site": "hello"}}


@pytest.fixture
def wait_for(api: Api, simulation: Simulation) -> Callable[..., str]:
    def configure(*on: str, **more: Any) -> str:
        wish = {"name": f"watch {more}"[:60], "on": list(on), "do": DO, "for_each": "data.site", **more}
        answer = api.post("/v1/listeners", wish)
        assert answer.status_code == 201, answer.text
        assert {name: answer.json[name] for name in more} == _whole(more)
        return str(answer.json["id"])

    return configure


def _whole(more: dict[str, Any]) -> dict[str, Any]:
    return {
        name: {"when": None, **value} if isinstance(value, dict) and "on" in value else value
        for name, value in more.items()
    }


def happens(signal: type[Signal], site: str = "a", **more: Any) -> Event:
    fields = {"changed": {}} if signal is SiteUpdated else {}
    with recording("test") as work:
        return work.record(signal(site_id=f"id-{site}", site=site, **fields, **more))


def updated(site: str = "a") -> str:
    return happens(SiteUpdated, site).id


def wait(simulation: Simulation, seconds: float) -> None:
    """Let time pass, and work off what is due then."""
    simulation.wait(timedelta(seconds=seconds))
    simulation.sweep()
    while simulation.messages:
        simulation.deliver()


def met() -> list[tuple[str, list[str]]]:
    """Of what, and by which events."""
    return [(event.data["entity"], event.data["events"]) for event in recorded("listener.condition_met")]


def kept() -> int:
    with reading() as db:
        return len(db.execute(select(condition_matches)).all())


def test_so_many_of_one_entity_within_the_time(
    wait_for: Callable[..., str], api: Api, simulation: Simulation, work: Callable[[], None]
) -> None:
    listener = wait_for("site.updated", count={"times": 3, "within": HOUR})
    first = [updated(), updated()]
    updated("b")
    work()
    assert met() == []
    wait(simulation, HOUR + 1)
    late = [updated(), updated(), updated()]
    work()
    assert met() == [("a", late)]
    assert first[0] not in late
    [told] = recorded("listener.condition_met")
    assert (told.data["listener_id"], told.data["kind"], told.data["within_s"]) == (listener, "count", HOUR)
    assert told.cause == late[-1]
    done = api.get(f"/v1/reactions?listener={listener}&limit=100").json["items"]
    assert sorted(each["action"] for each in done) == ["deploys.cancel", *["listeners.note"] * 6]
    more = [updated(), updated()]
    work()
    assert len(met()) == 1
    more.append(updated())
    work()
    assert met()[1:] == [("a", more)]
    assert api.get("/v1/coverage").json["items"] == []
    again = api.post("/v1/replays", {"listener": listener})
    assert "cannot be given" in refused(again, 409, "listener_has_condition")["hint"]
    assert verify() == []


def test_events_without_an_entity_are_not_counted(
    wait_for: Callable[..., str], api: Api, simulation: Simulation, work: Callable[[], None]
) -> None:
    wait_for("site.updated", "listener.*", count={"times": 2, "within": HOUR})
    updated()
    for name in ("one", "two"):
        wait_for("site.deleted", name=name, count={"times": 9, "within": HOUR})
    work()
    assert met() == []
    updated()
    work()
    assert [entity for entity, _ in met()] == ["a"]


def test_one_after_another_in_time_and_not_the_other_way_round(
    wait_for: Callable[..., str], simulation: Simulation, work: Callable[[], None]
) -> None:
    wait_for("site.updated", then={"on": ["site.deleted"], "within": HOUR})
    happens(SiteDeleted)
    one, two = updated(), updated()
    updated("b")
    work()
    assert met() == []
    then = happens(SiteDeleted).id
    work()
    assert met() == [("a", [two, then])]
    wait(simulation, HOUR + 1)
    happens(SiteDeleted, "b")
    work()
    assert len(met()) == 1
    assert one


def test_what_is_noted_late_and_out_of_order_counts_as_it_happened(
    wait_for: Callable[..., str], simulation: Simulation, work: Callable[[], None]
) -> None:
    listener = wait_for("site.updated", then={"on": ["site.deleted"], "within": HOUR})
    first, then = happens(SiteUpdated), happens(SiteDeleted)
    with recording("test") as asked:
        assert conditions.note(asked.db, listener, then) is None
        assert conditions.note(asked.db, listener, then) is None
        found = conditions.note(asked.db, listener, first)
    assert found is not None
    assert found.events == (first.id, then.id)
    work()


def test_what_stays_away_is_told_at_its_time_and_only_then(
    wait_for: Callable[..., str], simulation: Simulation, work: Callable[[], None]
) -> None:
    wait_for("site.updated", unless={"on": ["site.deleted"], "within": 600})
    missed = updated()
    updated("b")
    happens(SiteDeleted, "b")
    happens(SiteDeleted, "c")
    work()
    wait(simulation, 590)
    assert met() == []
    wait(simulation, 20)
    assert met() == [("a", [missed])]
    happens(SiteDeleted)
    work()
    assert len(met()) == 1
    assert verify() == []


def test_what_a_condition_is_about_survives_pauses_changes_and_removal(
    wait_for: Callable[..., str], api: Api, simulation: Simulation, work: Callable[[], None]
) -> None:
    listener = wait_for("site.updated", count={"times": 2, "within": HOUR})
    updated()
    work()
    api.post(f"/v1/listeners/{listener}/pause", {})
    updated()
    work()
    assert met() == []
    api.post(f"/v1/listeners/{listener}/resume", {})
    wait(simulation, 5)
    assert len(met()) == 1
    wider = {"count": None, "then": {"on": ["site.deleted"], "within": 5}}
    assert api.patch(f"/v1/listeners/{listener}", wider).json["count"] is None
    updated()
    happens(SiteDeleted)
    work()
    assert len(met()) == 2
    updated()
    assert api.delete(f"/v1/listeners/{listener}").status_code == 204
    happens(SiteDeleted)
    work()
    assert len(met()) == 2
    with reading() as db:
        row = newest(db, listener)
    assert row is not None
    assert row.until is not None


def test_what_nothing_can_count_any_more_is_forgotten(
    wait_for: Callable[..., str], simulation: Simulation, work: Callable[[], None]
) -> None:
    wait_for("site.updated", count={"times": 3, "within": HOUR})
    for site in "abc":
        updated(site)
    work()
    assert kept() == 3
    assert not conditions.forget_old()
    assert kept() == 3
    wait(simulation, 2 * HOUR + 1)
    assert not conditions.forget_old()
    assert kept() == 0


def test_many_at_once_from_several_flows_meet_it_once_for_each(
    wait_for: Callable[..., str], simulation: Simulation, work: Callable[[], None]
) -> None:
    wait_for("site.updated", count={"times": 4, "within": HOUR}, for_each=None)
    for number in range(12):
        updated(f"site-{number % 5}")
    work()
    found = met()
    assert [entity for entity, _ in found] == ["", "", ""]
    assert len({event for _, events in found for event in events}) == 12


def test_one_that_hears_everything_does_not_count_itself(
    wait_for: Callable[..., str], simulation: Simulation, work: Callable[[], None]
) -> None:
    wait_for("**", count={"times": 2, "within": HOUR}, for_each=None)
    updated()
    work()
    updated()
    work()
    assert len(met()) == 1


def test_explain_says_what_a_condition_has_to_do_with_an_event(
    wait_for: Callable[..., str], api: Api, simulation: Simulation
) -> None:
    listener = wait_for("site.updated", unless={"on": ["site.deleted"], "within": 600})
    event, other = updated(), happens(SiteDeleted).id

    def why(which: str) -> tuple[str, str]:
        [found] = api.get(f"/v1/events/{which}/explain?listener={listener}").json["items"]
        return found["code"], found["reason"]

    assert why(event)[0] == "waiting"
    assert why(other)[0] == "type_differs"


@pytest.mark.parametrize(
    ("more", "code", "told"),
    [
        (
            {"count": {"times": 2, "within": 9}, "unless": {"on": ["**"], "within": 9}},
            "condition_invalid",
            "one",
        ),
        ({"for_each": "data.site"}, "condition_invalid", "for_each alone"),
        ({"count": {"times": 1, "within": 9}}, "request_invalid", "times"),
        ({"count": {"times": 2, "within": 0}}, "request_invalid", "within"),
        ({"count": {"times": 2, "within": 1e9}}, "request_invalid", "within"),
        ({"then": {"on": ["no.such"], "within": 9}}, "type_unknown", "no.such"),
        (
            {"then": {"on": ["site.updated"], "when": {"data": {"cid": ["a"]}}, "within": 9}},
            "pattern_never",
            "cid",
        ),
        ({"count": {"times": 2, "within": 9}, "for_each": "data.sight"}, "for_each_unknown", "data.site"),
        (
            {"unless": {"on": ["listener.paused"], "within": 9}, "for_each": "data.site"},
            "for_each_unknown",
            "listener.paused",
        ),
    ],
)
def test_what_can_never_be_met_is_refused(api: Api, more: dict[str, Any], code: str, told: str) -> None:
    wish = {"name": "watch", "on": ["site.updated"], "do": DO, **more}
    answer = api.post("/v1/listeners", wish)
    problem = refused(answer, 422, answer.json["code"])
    assert problem["code"].startswith(code)
    assert told in str(answer.json)


def test_parameters_are_those_of_what_is_met(
    wait_for: Callable[..., str], api: Api, simulation: Simulation, work: Callable[[], None]
) -> None:
    do = {"action": "deploys.cancel", "with": {"site": "$.data.entity"}}
    wait_for("site.created", count={"times": 2, "within": HOUR}, for_each="data.name", do=do)
    at_begin = now()
    for slug in ("one", "two"):
        api.post("/v1/sites", {"slug": slug, "name": "hello"})
    work()
    [told] = recorded("listener.condition_met")
    assert told.data["entity"] == "hello"
    assert told.time - at_begin < timedelta(minutes=1)
    assert api.get("/v1/reactions?state=dead").json["items"] == []
    refused(
        api.post("/v1/listeners", {"name": "x", "on": ["site.created"], "do": do}),
        422,
        "parameter_never_fits",
    )
