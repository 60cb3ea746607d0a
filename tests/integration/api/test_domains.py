"""Host names of people's own: set up step by step, with a zone that changes while nobody is there."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import Engine

from app.dns.observed import Answer, NameServer, Observation, Zone
from app.dns.records import Expected, asked_types
from app.engine.rebuild import verify
from tasks import names
from tests.fixtures.api import Api, hello, recorded, refused, started
from tests.fixtures.working_off import later as later
from tests.fixtures.working_off import work as work
from tests.integration.api.test_gateway_process import get as visit
from tests.unit.content.forge import SITE

HOST = "docs.example.com"
PATH = f"/v1/domains/{HOST}"
STEPS = ["claim", "prove", "point", "certify", "live"]
Drain = Callable[[], None]


class Zones:
    """What name servers say: records by name and type, for all to see at once."""

    def __init__(self) -> None:
        self.records: dict[tuple[str, str], tuple[str, ...]] = {}
        self.looks = 0
        self.silent = False

    def apex(self, host: str) -> bool:
        return host == "example.com"

    def observe(self, host: str, records: list[Expected]) -> Observation:
        self.looks += 1
        asked = [(record.name, kind) for record in records for kind in asked_types(record)]
        sources = ("authoritative", "resolver")
        answers = [self._answer(name, kind, source) for name, kind in asked for source in sources]
        return Observation(host, Zone("example.com", (NameServer("ns1", "192.0.2.1", "ok"),)), tuple(answers))

    def _answer(self, name: str, kind: str, source: Any) -> Answer:
        if self.silent:
            return Answer(name=name, type=kind, source=source, trouble="timeout")
        values, chain = self.records.get((name, kind), ()), self.records.get((name, "CNAME"), ())
        rcode = "NOERROR" if values or chain else "NXDOMAIN"
        said = {"values": values, "chain": chain, "ttl": 300, "rcode": rcode}
        return Answer(name=name, type=kind, source=source, server="ns1", authoritative=True, **said)

    def enter(self, record: dict[str, Any]) -> None:
        self.records[record["name"], record["type"]] = tuple(record["expected"])


@pytest.fixture
def api(engine: Engine, configure: Callable[..., None]) -> Api:
    """An administrator's API of an installation that is known in the world, with site `hello`."""
    return hello(started(configure, GATEWAY_URL="https://sites.example.net"))


@pytest.fixture
def zones(monkeypatch: pytest.MonkeyPatch) -> Iterator[Zones]:
    found = Zones()
    monkeypatch.setattr(names, "observer", lambda: found)
    return found


def add(api: Api, typed: str = HOST, site: str = "hello") -> Any:
    answer = api.post(f"/v1/sites/{site}/domains", {"hostname": typed})
    assert answer.status_code == 201, answer.text
    return answer.json


def needed(api: Api, purpose: str) -> dict[str, Any]:
    return next(each for each in api.get(PATH).json["records"] if each["purpose"] == purpose)


def states(api: Api) -> tuple[str, str, str, str]:
    found = api.get(PATH).json
    return found["ownership"], found["routing"], found["tls"], found["setup"]["step"]


def test_a_name_is_set_up_step_by_step_however_long_somebody_takes(
    api: Api, zones: Zones, work: Drain, later: Callable[..., None]
) -> None:
    api.deploy()
    work()
    made = add(api, " Docs.Example.COM. ")
    assert (made["hostname"], made["badge"], made["setup"]["step"]) == (HOST, "unproven", "prove")
    assert made["setup"]["waiting_for"]["type"] == "TXT"
    work()
    assert states(api) == ("unproven", "unset", "none", "prove")
    assert api.get(f"/v1/flows/{made['flow']}").json["state"] == "waiting"
    assert needed(api, "ownership")["code"] == "nxdomain"
    later(days=4)
    zones.enter(needed(api, "ownership"))
    later(hours=7)
    assert states(api) == ("proven", "unset", "none", "point")
    assert api.get(PATH).json["setup"]["waiting_for"]["purpose"] == "routing"
    assert api.get("/v1/tls/ask?domain=docs.example.com").status_code == 404
    assert visit("/", HOST).status_code == 404
    later(days=30)
    zones.enter(needed(api, "routing"))
    later(hours=7)
    assert states(api) == ("proven", "configured", "handed_over", "")
    assert api.get(PATH).json["badge"] == "live"
    assert api.get("/v1/tls/ask?domain=Docs.example.com").json["site"] == "hello"
    assert visit("/", f"{HOST}.:8080").data == SITE["index.html"]
    flow = api.get(f"/v1/flows/{made['flow']}").json
    assert (flow["kind"], flow["state"]) == ("domain", "succeeded")
    done = [event.data["step"] for event in recorded("domain.setup.advanced")]
    assert done == STEPS
    synced = recorded("domain.target.updated")[-1]
    assert (synced.data["hostname"], synced.data["number"]) == (HOST, 1)
    assert verify() == []


def test_a_person_who_wants_a_look_gets_it_at_once(api: Api, zones: Zones, work: Drain) -> None:
    add(api)
    work()
    zones.enter(needed(api, "ownership"))
    zones.enter(needed(api, "routing"))
    assert api.post(f"{PATH}/verify", {}).status_code == 202
    assert api.post(f"{PATH}/verify", {}).status_code == 202
    work()
    assert states(api) == ("proven", "configured", "handed_over", "")
    assert len(recorded("domain.verification.requested")) == 1


def test_reminders_name_the_one_record_that_is_missing(
    api: Api, zones: Zones, work: Drain, later: Callable[..., None]
) -> None:
    add(api)
    work()
    zones.enter(needed(api, "ownership"))
    for wait in ({"minutes": 2}, {"minutes": 16}, {"hours": 4}, {"hours": 21}, {"hours": 72}, {"hours": 72}):
        later(**wait)
    told = recorded("domain.setup.stalled")
    assert [each.data["step"] for each in told] == ["point"] * 4
    assert [round(each.data["since_s"] / 3600) for each in told] == pytest.approx([0, 4, 25, 97], abs=2)
    for each in told:
        failure = each.data["failure"]
        assert (failure["code"], failure["evidence"]["record"]) == ("nxdomain", HOST)
        assert "sites.example.net" in failure["hint"]
    assert all(each.data["waiting_for"]["subject"] == "routing" for each in told)


def test_looks_become_rarer_while_nothing_changes_and_tell_only_what_is_new(
    api: Api, zones: Zones, work: Drain, later: Callable[..., None]
) -> None:
    add(api)
    work()
    for _ in range(40):
        later(minutes=10)
    assert zones.looks < 15
    assert len(recorded("domain.records.observed")) == 1
    zones.records[HOST, "A"] = ("203.0.113.9",)
    later(hours=7)
    assert len(recorded("domain.records.observed")) == 2
    assert needed(api, "routing")["code"] == "wrong_value"


def test_what_is_undone_after_going_live_is_told_and_what_is_mended_as_well(
    api: Api, zones: Zones, work: Drain, later: Callable[..., None]
) -> None:
    add(api)
    work()
    for purpose in ("ownership", "routing"):
        zones.enter(needed(api, purpose))
    later(minutes=2)
    assert api.get(PATH).json["badge"] == "live"
    zones.silent = True
    later(hours=7)
    assert api.get(PATH).json["badge"] == "live"
    zones.silent = False
    right = zones.records.pop((HOST, "CNAME"))
    later(hours=7)
    [told] = recorded("domain.misconfigured")
    assert told.data["issues"][0]["code"] == "nxdomain"
    assert told.flow not in {event.flow for event in recorded("domain.added")}
    assert (api.get(PATH).json["badge"], api.get("/v1/tls/ask?domain=" + HOST).status_code) == ("broken", 200)
    zones.records[HOST, "CNAME"] = right
    later(hours=7)
    assert len(recorded("domain.reconfigured")) == 1
    assert api.get(PATH).json["badge"] == "live"
    assert verify() == []


def test_a_name_that_is_removed_tells_what_can_be_removed_and_is_free(
    api: Api, zones: Zones, work: Drain
) -> None:
    made = add(api)
    work()
    assert {each["type"] for each in api.delete(PATH).json["records"]} == {"TXT", "CNAME"}
    work()
    refused(api.get(PATH), 404, "domain_not_found")
    assert api.get(f"/v1/flows/{made['flow']}").json["state"] == "cancelled"
    api.post("/v1/sites", {"slug": "other"})
    assert add(api, site="other")["site"] == "other"
    api.delete("/v1/sites/other")
    work()
    assert add(api)["site"] == "hello"
    assert verify() == []


def test_a_name_belongs_to_one_site_and_added_again_it_goes_on(api: Api, zones: Zones, work: Drain) -> None:
    first = add(api)
    assert add(api)["flow"] == first["flow"]
    api.post("/v1/sites", {"slug": "other"})
    refused(api.post("/v1/sites/other/domains", {"hostname": HOST}), 409, "hostname_taken")
    assert [each["hostname"] for each in api.get("/v1/sites/hello/domains").json["items"]] == [HOST]


def test_internationalised_names_are_shown_both_ways(api: Api, zones: Zones) -> None:
    made = add(api, "münchen.example.com")
    assert (made["hostname"], made["unicode"]) == ("xn--mnchen-3ya.example.com", "münchen.example.com")
    assert api.get("/v1/domains/MÜNCHEN.example.com").json["hostname"] == made["hostname"]


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        ("", "hostname_empty"),
        ("*.example.com", "hostname_wildcard"),
        ("192.0.2.1", "hostname_is_address"),
        ("https://docs.example.com/", "hostname_is_url"),
        ("a.sites.example.net", "hostname"),
        ("_x.example.com", "hostname"),
    ],
)
def test_what_is_no_host_name_is_refused(api: Api, typed: str, code: str) -> None:
    answer = api.post("/v1/sites/hello/domains", {"hostname": typed})
    problem = refused(answer, 422, answer.json["code"])
    assert problem["code"].startswith(code)


def test_a_gateway_that_nobody_reaches_is_told_before_anybody_waits(sqlite_api: Api) -> None:
    answer = sqlite_api.post("/v1/sites/hello/domains", {"hostname": HOST})
    assert "GATEWAY_URL" in refused(answer, 409, "gateway_is_local")["hint"]


def test_only_those_of_the_site_see_and_change_its_names(api: Api) -> None:
    add(api)
    api.post("/v1/sites", {"slug": "other"})
    stranger = api.bearing("admin", site="other")
    for answer in (
        stranger.get(PATH),
        stranger.delete(PATH),
        stranger.post(f"{PATH}/verify", {}),
        stranger.get("/v1/sites/hello/domains"),
        stranger.post("/v1/sites/hello/domains", {"hostname": "a.example.com"}),
    ):
        refused(answer, 403, "token_of_another_site")
