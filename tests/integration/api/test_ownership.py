"""Whose a name is: it must stay proven, what nobody proves is free for others, and who returns is told so."""

from collections.abc import Callable
from typing import Any

import pytest

from app.engine.rebuild import verify
from tests.fixtures.api import Api, recorded, refused
from tests.integration.api.test_domains import HOST, PATH, Drain, Zones, add, needed, states
from tests.integration.api.test_domains import api as api
from tests.integration.api.test_domains import later as later
from tests.integration.api.test_domains import work as work
from tests.integration.api.test_domains import zones as zones
from tests.integration.api.test_gateway_process import get as visit

Later = Callable[..., None]
TOKEN = (f"_antiphon-challenge.{HOST}", "TXT")


@pytest.fixture
def live(api: Api, zones: Zones, work: Drain, later: Later) -> dict[str, Any]:
    """A name that is set up, and a second site."""
    api.deploy()
    api.post("/v1/sites", {"slug": "other"})
    made = add(api)
    work()
    for purpose in ("ownership", "routing"):
        zones.enter(needed(api, purpose))
    later(minutes=2)
    assert api.get(PATH).json["badge"] == "live"
    return dict(made)


def told(type_: str) -> list[str]:
    sent = (each.data for each in recorded("notification.sent"))
    return [each["title"] + each["text"] for each in sent if each["event_type"] == type_]


@pytest.mark.parametrize("there", [(), ("antiphon-verify=other",)])
def test_a_proof_that_is_gone_is_told_at_once_lapses_after_three_days_and_comes_back(
    live: dict[str, Any], api: Api, zones: Zones, later: Later, there: tuple[str, ...]
) -> None:
    proof, zones.records[TOKEN] = zones.records[TOKEN], there
    later(hours=7)
    [failed] = recorded("domain.verification.failed")
    assert failed.data["failure"]["code"] == ("wrong_value" if there else "nxdomain")
    assert "72 hours" in failed.data["failure"]["hint"]
    for _ in range(9):
        later(hours=7)
    assert (states(api)[0], len(recorded("domain.verification.failed"))) == ("proven", 1)
    refused(api.post("/v1/sites/other/domains", {"hostname": HOST}), 409, "hostname_taken")
    later(hours=14)
    assert (states(api)[0], api.get(PATH).json["badge"]) == ("lapsed", "lapsed")
    [lapsed] = recorded("domain.ownership.lapsed")
    assert 72 * 3600 <= lapsed.data["gone_s"] < 90 * 3600
    assert visit("/", HOST).status_code == 200  # it is served as before
    assert HOST in told("domain.verification.failed")[0]
    assert "domains show" in told("domain.ownership.lapsed")[0]
    zones.records[TOKEN] = proof
    later(hours=7)
    assert states(api) == ("proven", "configured", "handed_over", "")
    assert len(recorded("domain.verified")) == 2
    assert verify() == []


def test_a_proof_that_cannot_be_looked_at_or_comes_back_in_time_does_not_lapse(
    live: dict[str, Any], api: Api, zones: Zones, later: Later
) -> None:
    zones.silent = True
    for _ in range(12):
        later(hours=7)
    zones.silent = False
    assert (states(api)[0], recorded("domain.verification.failed")) == ("proven", [])
    for _ in range(2):  # gone for 49 hours, and later again
        proof = zones.records.pop(TOKEN)
        for _ in range(7):
            later(hours=7)
        zones.records[TOKEN] = proof
        later(hours=7)
    assert (states(api)[0], recorded("domain.ownership.lapsed")) == ("proven", [])


def test_a_lapsed_name_is_taken_by_who_adds_it_and_has_to_prove_it_anew(
    live: dict[str, Any], api: Api, zones: Zones, work: Drain, later: Later
) -> None:
    old = zones.records.pop(TOKEN)
    for _ in range(13):
        later(hours=7)
    taken = add(api, site="other")
    work()
    zones.records[TOKEN] = old
    later(hours=7)
    assert (api.get(PATH).json["site"], states(api)[0]) == ("other", "unproven")
    assert visit("/", HOST).status_code == 404
    [removed] = recorded("domain.removed")
    assert (removed.data["site"], removed.data["reason"]) == ("hello", "taken")
    assert "taken" in told("domain.removed")[0]
    zones.enter(needed(api, "ownership"))
    later(hours=7)
    assert (api.get(PATH).json["ownership"], taken["flow"]) == ("proven", api.get(PATH).json["flow"])
    assert verify() == []


def test_a_name_that_nobody_proves_is_held_for_three_days_and_no_longer(
    api: Api, zones: Zones, work: Drain, later: Later
) -> None:
    first = add(api)
    api.post("/v1/sites", {"slug": "other"})
    later(hours=70)
    hint = refused(api.post("/v1/sites/other/domains", {"hostname": HOST}), 409, "hostname_taken")["hint"]
    assert "72 hours after it was added" in hint
    later(hours=3)
    assert add(api)["flow"] == first["flow"]  # to its own site it still belongs
    assert add(api, site="other")["site"] == "other"
    work()
    assert api.get(f"/v1/flows/{first['flow']}").json["state"] == "cancelled"
    assert verify() == []


@pytest.mark.parametrize("by", ["user", "dns"])
def test_who_comes_back_after_a_reminder_is_told_that_it_goes_on_and_is_reminded_anew(
    api: Api, zones: Zones, work: Drain, later: Later, by: str
) -> None:
    add(api)
    work()
    for wait in (16, 4 * 60, 20 * 60):
        later(minutes=wait)
    assert len(recorded("domain.setup.stalled")) == 3
    assert api.get(PATH).json["setup"]["stalled_at"]
    later(hours=30)
    if by == "user":
        assert api.post(f"{PATH}/verify", {}).status_code == 202
        work()
    else:
        zones.records[TOKEN] = ("antiphon-verify=mistyped",)
        later(hours=7)
    [resumed] = recorded("domain.setup.resumed")
    assert (resumed.data["step"], resumed.data["by"]) == ("prove", by)
    assert resumed.data["waited_s"] > 48 * 3600
    assert api.get(PATH).json["setup"]["stalled_at"] is None
    later(minutes=16)
    later(hours=4)
    later(hours=24)  # in which the last reminder of the first row falls
    stalled = recorded("domain.setup.stalled")
    assert len(stalled) == 6
    zones.enter(needed(api, "ownership"))
    later(hours=7)
    assert [each.data["by"] for each in recorded("domain.setup.resumed")] == [by, "dns"]
    assert states(api)[3] == "point"
    assert verify() == []


def test_who_wants_a_look_gets_an_answer_though_nothing_has_changed(
    api: Api, zones: Zones, work: Drain, later: Later
) -> None:
    add(api)
    work()
    later(hours=1)
    before = len(recorded("domain.records.observed"))
    asked = api.post(f"{PATH}/verify", {}).json
    assert asked["asked_at"] > asked["observed_at"]
    work()
    found = api.get(PATH).json
    assert found["observed_at"] >= found["asked_at"]
    assert len(recorded("domain.records.observed")) == before + 1
