"""Certificates over months, against an authority of the test's own: preflight, failures, limits, renewal."""

import stat
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from werkzeug.test import Client

from app.dns.observed import Signing
from app.dns.preflight import PortProbe
from app.engine import now
from app.engine.rebuild import verify
from app.errors import PermanentError, RetryableError
from app.services.acme.port import Window
from tests.fixtures.api import Api, recorded
from tests.integration.api.certifying import DAY, Authority, World
from tests.integration.api.certifying import api as api
from tests.integration.api.certifying import authority as authority
from tests.integration.api.certifying import engine as engine
from tests.integration.api.certifying import zones as zones
from tests.integration.api.test_domains import HOST, PATH, add
from tests.integration.api.test_domains import later as later
from tests.integration.api.test_domains import work as work
from tests.integration.api.test_gateway_process import gateway

Later = Callable[..., None]
CERT = "domain.certificate."


def set_up(api: Api, zones: World, work: Callable[[], None]) -> None:
    """A name whose records are all right."""
    for record in add(api)["records"]:
        zones.enter(record)
    work()


def page(api: Api) -> Any:
    return api.get(PATH).json


def certified(*types: str) -> list[dict[str, Any]]:
    return [each.data for each in recorded(*(f"{CERT}{type_}" for type_ in types))]


def pass_days(later: Later, days: float, hours: float = 6) -> None:
    for _ in range(round(days * 24 / hours)):
        later(hours=hours)


def test_without_a_window_a_certificate_is_renewed_when_two_thirds_of_its_life_are_over(
    api: Api, zones: World, authority: Authority, work: Callable[[], None], later: Later, tmp_path: Path
) -> None:
    set_up(api, zones, work)
    first = page(api)
    assert (first["badge"], first["tls"]) == ("live", "active")
    assert first["certificate"]["renew_at"].startswith("2026-03-02")
    later(days=59)
    work()
    assert len(authority.orders) == 1
    later(days=2)
    after = page(api)["certificate"]
    assert (len(authority.orders), after["state"]) == (2, "active")
    assert after["serial"] != first["certificate"]["serial"]
    [renewed] = recorded(f"{CERT}renewed")
    assert renewed.data["was"] == first["certificate"]["serial"]
    flow = api.get(f"/v1/flows/{renewed.flow}").json
    assert (flow["kind"], flow["state"]) == ("certificate", "succeeded")
    kept = tmp_path / "var" / "certs" / ".kept" / HOST
    assert [each.name for each in kept.iterdir()] == [after["serial"]]
    assert verify() == []


def test_the_authority_says_when_to_renew_and_is_asked_again_as_it_wants(
    api: Api, zones: World, authority: Authority, work: Callable[[], None], later: Later
) -> None:
    authority.window = Window(start=now() + 40 * DAY, end=now() + 42 * DAY, check_s=6 * 3600)
    set_up(api, zones, work)
    [scheduled] = certified("renewal_scheduled")
    assert scheduled["ari"]["start"] <= scheduled["renew_at"] <= scheduled["ari"]["end"]
    pass_days(later, 2)
    assert len(certified("review.requested")) == 8
    assert certified("renewal_scheduled") == [scheduled]  # nothing new was said, nothing was drawn anew
    authority.window = Window(start=now() - 2 * DAY, end=now() - DAY, check_s=6 * 3600)  # it was revoked
    later(hours=6)
    later(seconds=1)
    assert len(authority.orders) == 2
    assert len(certified("renewed")) == 1


def test_an_authority_that_is_away_is_asked_again_and_its_last_window_holds(
    api: Api, zones: World, authority: Authority, work: Callable[[], None], later: Later
) -> None:
    authority.window = Window(start=now() + 40 * DAY, end=now() + 42 * DAY, check_s=3 * 3600)
    set_up(api, zones, work)
    authority.trouble = RetryableError("acme_unreachable", "Away.", "Wait.")
    pass_days(later, 1)
    assert len(certified("renewal_scheduled")) == 1
    authority.trouble = None
    later(days=42)
    assert len(certified("renewed")) == 1


def test_a_certificate_that_cannot_be_renewed_is_told_of_once_a_day_until_it_can(
    api: Api, zones: World, authority: Authority, work: Callable[[], None], later: Later
) -> None:
    authority.lifetime = 6 * DAY
    set_up(api, zones, work)
    zones.caa = ('0 issue "other.test"',)
    pass_days(later, 4.2)
    assert {each["failure"]["code"] for each in certified("failed")} == {"caa_forbids"}
    assert (page(api)["tls"], page(api)["badge"]) == ("active", "live")  # the old one serves
    pass_days(later, 3)
    assert [each["days_left"] for each in certified("expiring")] == [1, 0, -1, -2]
    assert (page(api)["tls"], page(api)["badge"]) == ("expired", "certificate_expired")
    assert "caa_forbids" in str(page(api)["certificate"]["failure"])
    told = [each.data for each in recorded("notification.sent") if "ends" in each.data["title"]]
    assert len(told) == len(certified("expiring"))
    zones.caa = ()
    pass_days(later, 0.5)
    assert (page(api)["tls"], page(api)["badge"]) == ("active", "live")
    assert page(api)["certificate"]["failure"] is None
    assert verify() == []


def _caa(world: World) -> None:
    world.caa = ('0 issue ";"',)


def _bogus(world: World) -> None:
    world.signing = Signing("bogus", "its signatures expired on 2025-12-01")


def _closed(world: World) -> None:
    world.probe = PortProbe(address="192.0.2.80", trouble="no answer within 5 s")


def _redirected(world: World) -> None:
    world.probe = PortProbe(address="192.0.2.80", status=301, location="https://docs.example.com/")


@pytest.mark.parametrize(
    ("broken", "code"),
    [
        (_caa, "caa_forbids"),
        (_bogus, "dnssec_bogus"),
        (_closed, "port80_blocked"),
        (_redirected, "challenge_redirected"),
    ],
)
def test_what_an_authority_would_stumble_over_is_told_before_it_is_asked(
    api: Api,
    zones: World,
    authority: Authority,
    work: Callable[[], None],
    later: Later,
    broken: Callable[[World], None],
    code: str,
) -> None:
    broken(zones)
    set_up(api, zones, work)
    found = page(api)
    assert (found["tls"], found["badge"], found["setup"]["step"]) == ("failed", "no_certificate", "certify")
    failure = found["certificate"]["failure"]
    assert (failure["code"], failure["stage"], bool(failure["hint"])) == (code, "preflight", True)
    assert found["certificate"]["next_try_at"]
    assert authority.orders == []
    later(minutes=15, seconds=1)
    stalled = recorded("domain.setup.stalled")[-1].data
    assert (stalled["step"], stalled["failure"]["code"]) == ("certify", code)
    zones.caa, zones.signing, zones.probe = (), Signing("unsigned"), World.probe
    api.post(f"{PATH}/verify", {})
    work()
    assert (page(api)["badge"], len(authority.orders)) == ("live", 1)
    assert [each["failure"]["code"] for each in certified("failed")] == [code] * len(certified("failed"))
    assert verify() == []


def test_where_only_we_cannot_reach_port_80_the_authority_is_asked_in_the_end(
    api: Api, zones: World, authority: Authority, work: Callable[[], None], later: Later
) -> None:
    _closed(zones)
    set_up(api, zones, work)
    for _ in range(2):
        later(minutes=31)
    assert authority.orders == []
    later(minutes=61)
    assert page(api)["badge"] == "live"


def test_an_authority_is_never_asked_more_often_than_it_allows(
    api: Api, zones: World, authority: Authority, work: Callable[[], None], later: Later
) -> None:
    authority.trouble = PermanentError("acme_unauthorized", "No.", "See.")
    set_up(api, zones, work)
    for _ in range(12):  # a person who cannot wait
        later(minutes=10)
        api.post(f"{PATH}/verify", {})
        work()
    eager = len(authority.orders)
    pass_days(later, 1, hours=1)
    assert (eager > 4, len(authority.orders) - eager) == (True, 4)
    for first, fifth in zip(authority.orders, authority.orders[4:], strict=False):
        assert fifth - first >= timedelta(hours=1)
    assert len({each["failure"]["code"] for each in certified("failed")}) == 1
    told = [each for each in recorded("notification.sent") if each.data["event_type"] == f"{CERT}failed"]
    assert len(told) == 1


def test_the_time_that_an_authority_asks_for_is_waited(
    api: Api, zones: World, authority: Authority, work: Callable[[], None], later: Later
) -> None:
    limited = {"retry_after": 30 * 3600, "problem": {"type": "urn:ietf:params:acme:error:rateLimited"}}
    authority.trouble = PermanentError("acme_rate_limited", "Too many.", "Wait.", evidence=limited)
    set_up(api, zones, work)
    assert page(api)["certificate"]["next_try_at"].startswith("2026-01-02T06:00")
    authority.trouble = None
    pass_days(later, 1)
    api.post(f"{PATH}/verify", {})
    work()
    assert len(authority.orders) == 1
    later(hours=7)
    assert (page(api)["badge"], len(authority.orders)) == ("live", 2)


def test_an_order_is_gone_on_with_after_an_authority_was_away_and_not_made_again(
    api: Api, zones: World, authority: Authority, work: Callable[[], None], later: Later
) -> None:
    advance, away = authority.advance, RetryableError("acme_unreachable", "Away.", "Wait.")

    def gone(*_: Any, **__: Any) -> str:
        raise away

    authority.advance = gone
    set_up(api, zones, work)
    for _ in range(20):
        later(minutes=5)
    assert certified("failed")[0]["failure"]["stage"] == "validate"
    authority.advance = advance
    later(hours=1)
    assert (page(api)["badge"], len(authority.orders)) == ("live", 1)


def test_the_gateway_shows_what_is_asked_for_before_anything_is_live_and_nothing_else(
    api: Api, zones: World, authority: Authority, work: Callable[[], None]
) -> None:
    authority.advance = lambda *_, **__: None
    made = add(api)
    at = "/.well-known/acme-challenge/"
    for record in made["records"]:
        zones.enter(record)
    work()
    browser = Client(gateway()["app"])
    shown = browser.get(f"{at}token-1", base_url=f"http://{HOST.upper()}:8080")
    assert (shown.status_code, shown.data) == (200, b"token-1.thumb")
    [proof] = [each["expected"][0] for each in made["records"] if each["purpose"] == "ownership"]
    probe = browser.get(f"{at}antiphon", base_url=f"http://{HOST}")
    assert probe.text == proof.removeprefix("antiphon-verify=")
    for path, host in (("token-2", HOST), ("token-1", "other.example.com"), ("..%2Fx", HOST), ("", HOST)):
        assert browser.get(f"{at}{path}", base_url=f"http://{host}").status_code == 404
    assert browser.post(f"{at}token-1", base_url=f"http://{HOST}").status_code == 405


def test_a_name_that_is_removed_meanwhile_gets_no_files(
    api: Api, zones: World, authority: Authority, work: Callable[[], None], later: Later, tmp_path: Path
) -> None:
    authority.advance = lambda *_, **__: None
    set_up(api, zones, work)
    api.delete(PATH)
    work()
    later(days=1)
    folder = tmp_path / "var" / "certs"
    assert [each for each in folder.rglob("*") if each.is_file() or HOST in each.name] == []
    assert len(authority.orders) == 1
    assert verify() == []


def test_the_proxy_is_told_of_each_change_and_its_trouble_harms_no_certificate(
    api: Api,
    zones: World,
    authority: Authority,
    work: Callable[[], None],
    later: Later,
    tmp_path: Path,
    configure: Callable[..., None],
) -> None:
    program, log = tmp_path / "reload", tmp_path / "told"
    program.write_text(f'#!/bin/sh\necho "$1 $ANTIPHON_HOSTNAME" >> {log}\nexit "$(cat {tmp_path}/status)"\n')
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    (tmp_path / "status").write_text("3")
    configure(CERTS_RELOAD_COMMAND=f"{program} 'all of it'")
    set_up(api, zones, work)
    assert page(api)["badge"] == "live"
    for _ in range(3):
        later(minutes=15)
    [failed] = certified("reload.failed")
    assert (failed["failure"]["code"], failed["failure"]["attempt"]) == ("reload_failed", 4)
    (tmp_path / "status").write_text("0")
    api.delete(PATH)
    work()
    assert set(log.read_text().splitlines()) == {f"all of it {HOST}"}
    assert len(log.read_text().splitlines()) == 5
    assert len(certified("removed")) == 1


def test_a_name_that_was_left_to_the_proxy_gets_a_certificate_when_somebody_asks(
    api: Api,
    zones: World,
    authority: Authority,
    work: Callable[[], None],
    configure: Callable[..., None],
) -> None:
    configure(ACME_DIRECTORY="")
    set_up(api, zones, work)
    assert (page(api)["tls"], page(api)["certificate"]) == ("handed_over", None)
    configure(ACME_DIRECTORY="https://ca.test/dir")
    api.post(f"{PATH}/verify", {})
    work()
    assert (page(api)["tls"], page(api)["badge"]) == ("active", "live")
