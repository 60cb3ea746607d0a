"""`/metrics`: figures in Prometheus' text format, for those with a token, true on both databases."""

import re
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families as parse
from sqlalchemy import delete, event, update

from app.engine import health, now, reading, recording
from app.engine.actions import ACTIONS
from app.engine.database import get_engine, writing
from app.engine.figures import figures
from app.engine.sweep import sweep
from app.engine.tables import flows, reactions
from tests.fixtures.api import Api, refused
from tests.fixtures.simulation import Simulation
from tests.integration.engine.looking import order

NAMES = {
    "antiphon_coverage_missing", "antiphon_listeners_unread", "antiphon_reactions",
    "antiphon_reactions_ready_age_seconds",
    "antiphon_flows_running", "antiphon_events", "antiphon_events_unsealed", "antiphon_events_unchecked",
    "antiphon_sweep_lag_seconds", "antiphon_broker_up", "antiphon_flows_stalled", "antiphon_backlog",
    "antiphon_backlog_limit",
}  # fmt: skip


def scraped(api: Api) -> dict[str, float]:
    answer = api.get("/metrics")
    assert answer.status_code == 200, answer.text
    assert answer.content_type == "text/plain; version=0.0.4; charset=utf-8"
    families = list(parse(answer.text))
    assert {family.name for family in families} == NAMES
    assert all(family.documentation.endswith(".") for family in families)
    samples = [sample for family in families for sample in family.samples]
    assert sum("coverage" in sample.name for sample in samples) == 1
    return {each.name + each.labels.get("state", ""): each.value for each in samples}


def test_a_deploy_that_runs_through_shows_in_the_figures(api: Api, drain: Callable[..., int]) -> None:
    drain()
    before = scraped(api)
    assert (before["antiphon_flows_running"], before["antiphon_reactionsready"]) == (0, 0)
    api.deploy()
    during = scraped(api)
    assert during["antiphon_flows_running"] == 1
    assert during["antiphon_reactionsready"] >= 1
    drain()
    sweep()
    after = scraped(api)
    assert after["antiphon_flows_running"] == 0
    assert after["antiphon_events_total"] > before["antiphon_events_total"] + 5
    zero = ("coverage_missing", "reactionsdead", "events_unsealed", "events_unchecked", "sweep_lag_seconds")
    assert [after[f"antiphon_{name}"] for name in zero] == [0] * len(zero)


def test_a_lost_reaction_shows_once_a_sweep_has_looked(api: Api, drain: Callable[..., int]) -> None:
    drain()
    api.deploy()
    with writing() as db:
        lost = db.execute(delete(reactions).where(reactions.c.state == "ready")).rowcount
    sweep()
    assert scraped(api)["antiphon_coverage_missing"] == lost > 0


def test_a_flow_that_stalls_and_work_that_waits_show(api: Api, drain: Callable[..., int]) -> None:
    drain()
    assert (scraped(api)["antiphon_flows_stalled"], scraped(api)["antiphon_backlog"]) == (0, 0)
    flow = api.deploy()["flow"]
    with writing() as db:  # as the sweep leaves it when nothing has happened for an hour
        db.execute(update(flows).where(flows.c.id == flow).values(deadline_at=None))
        db.execute(update(flows).where(flows.c.open == 0).values(deadline_at=None))
    found = scraped(api)
    assert found["antiphon_flows_stalled"] == 1 == len(api.get("/v1/flows?stalled=true").json["items"])
    assert found["antiphon_backlog"] == found["antiphon_reactionsready"]
    assert found["antiphon_backlog_limit"] == api.app.config["MAX_BACKLOG"] > 0


def test_a_replay_that_stalls_shows(api: Api, drain: Callable[..., int]) -> None:
    api.deploy()
    drain()
    wish = {"listener": "metering:usage.measure_deploy", "again": True, "rate": 0.001}
    assert api.post("/v1/replays", wish).status_code == 202
    assert scraped(api)["antiphon_flows_stalled"] == 0
    (flow,) = api.get("/v1/flows?kind=replay&state=running&stalled=false").json["items"]
    with writing() as db:
        db.execute(update(flows).where(flows.c.id == flow["id"]).values(deadline_at=None))
    assert scraped(api)["antiphon_flows_stalled"] == 1
    assert [each["id"] for each in api.get("/v1/flows?stalled=true").json["items"]] == [flow["id"]]


def test_the_broker_is_up_or_not(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    assert scraped(api)["antiphon_broker_up"] == 0  # tests have none
    monkeypatch.setattr(health, "broker_answers", lambda: True)
    assert scraped(api)["antiphon_broker_up"] == 1


def test_metrics_need_a_token_that_reads_and_is_bound_to_no_site(api: Api) -> None:
    refused(Api(api.app).get("/metrics"), 401, "token_missing")
    refused(Api(api.app, "wrong").get("/metrics"), 401, "token_unknown")
    refused(api.bearing("admin", site="hello").get("/metrics"), 403, "token_of_another_site")
    assert scraped(api.bearing("read"))["antiphon_coverage_missing"] == 0


def test_ages_and_lag_grow_while_nobody_works(toys: ModuleType, simulation: Simulation) -> None:
    flow = order(toys)
    simulation.clock.shift(60)
    with reading() as db:
        found = figures(db, now())
    assert (found.oldest_ready, found.lag) == (60, 55)  # it was to be sent again after 5 s
    assert (found.flows_running, found.events, found.unsealed + found.unchecked) == (1, 1, 1)
    simulation.clock.shift(-3600)  # a clock that is behind makes nothing negative
    with reading() as db:
        found = figures(db, now())
    assert (found.oldest_ready, found.lag) == (0, 0)
    assert flow


def test_reactions_are_counted_by_state_without_followers_in_flows(
    toys: ModuleType, simulation: Simulation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ACTIONS["toys.send"], "attempts", 1)
    toys.trouble["send"], toys.trouble["note"] = toys.bug, toys.retryable
    order(toys, "a")
    with recording() as work:
        work.record(toys.Arrived(parcel="b"))  # only a follower answers
    simulation.drain()
    order(toys, "c")
    with writing() as db:
        waiting = {"state": "waiting", "waits_for": "key", "wake_at": None}
        db.execute(update(reactions).where(reactions.c.state == "ready").values(**waiting))
    with reading() as db:
        found = figures(db, now())
    assert found.flows_running == 1
    assert found.reactions == {"waiting": 1, "ready": 0, "running": 0, "dead": 2}


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)  # PostgreSQL scans what fits on a page
def test_a_scrape_reads_what_is_open_and_not_what_has_been(toys: ModuleType, simulation: Simulation) -> None:
    asked: list[tuple[str, Any]] = []

    @event.listens_for(get_engine(), "before_cursor_execute")
    def note(_db: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        asked.append((statement, parameters))

    with reading() as db:
        figures(db, now())
        asked_by_us = [each for each in asked if each[0].startswith("SELECT")]
        found = [db.exec_driver_sql(f"EXPLAIN QUERY PLAN {query}", given) for query, given in asked_by_us]
        plans = [row[3] for rows in found for row in rows]
    tables = [plan for plan in plans if re.match(r"(SCAN|SEARCH) (events|reactions|flows|scopes)\b", plan)]
    indexes = r"autoindex_(events|flows)|ix_flows_kind|ix_\w+_(open|waiting|dead|unsealed)$"
    of_few = re.compile(rf"{indexes}|\(wake_at|\(\w+_at>")
    assert len(tables) >= 8
    assert not [plan for plan in tables if not of_few.search(plan)]
