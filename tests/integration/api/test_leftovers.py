"""What a removed name leaves in our zone goes, however long the server is away, and nothing else does."""

from collections.abc import Callable

import pytest

from app.engine.rebuild import verify
from app.errors import PermanentError, RetryableError
from app.services.dns.port import Change, Written
from tasks import leftovers
from tests.fixtures.api import Api, recorded
from tests.integration.api.test_dnslinks import BLOG, DOCS, Drain, OwnZone, said, set_up
from tests.integration.api.test_dnslinks import own as own_zone
from tests.integration.api.test_domains import Zones, add
from tests.integration.api.test_domains import api as api
from tests.integration.api.test_domains import later as later
from tests.integration.api.test_domains import work as work
from tests.integration.api.test_domains import zones as zones

own_zone = own_zone
CLEANUP = "domain.dns_cleanup."


@pytest.fixture
def own(own_zone: OwnZone, monkeypatch: pytest.MonkeyPatch) -> OwnZone:
    monkeypatch.setattr(leftovers, "own_zone", lambda: own_zone)
    return own_zone


def test_what_was_written_for_a_removed_name_is_deleted_and_its_owner_told_of_theirs(
    own: OwnZone, api: Api, zones: Zones, work: Drain
) -> None:
    api.deploy()
    gone, stays = set_up(api, zones, work, DOCS, BLOG)
    challenge = gone.replace("_dnslink", "_acme-challenge")
    own.records[challenge, "TXT"] = ("left by an order",)
    told = api.delete(f"/v1/domains/{DOCS}").json
    assert {each["name"] for each in told["records"]} >= {
        DOCS,
        f"_dnslink.{DOCS}",
        f"_antiphon-challenge.{DOCS}",
    }
    assert [each["name"] for each in told["records_to_clean"]] == [gone, challenge]
    [removed] = recorded("domain.removed")
    assert removed.data["records_to_clean"] == told["records_to_clean"]
    work()
    assert (said(own, gone), own.read(challenge, "TXT")) == (None, ())
    assert said(own, stays) is not None
    [done] = recorded(f"{CLEANUP}completed")
    assert (done.flow, done.data["deleted"], done.data["kept"]) == (removed.flow, [gone, challenge], [])
    assert verify() == []


@pytest.mark.parametrize("code", ["update_badkey", "dns_unreachable"])
def test_a_server_that_is_away_holds_up_no_removal_is_told_of_once_and_asked_until_it_is_done(
    own: OwnZone, api: Api, zones: Zones, work: Drain, later: Callable[..., None], code: str
) -> None:
    api.deploy()
    [name] = set_up(api, zones, work, DOCS)
    kind = RetryableError if code == "dns_unreachable" else PermanentError
    own.trouble[name] = kind(code, "It will not.", "Look.")
    assert api.delete(f"/v1/domains/{DOCS}").status_code == 200
    for _ in range(4):
        later(seconds=25)
    assert api.get(f"/v1/domains/{DOCS}").status_code == 404
    assert add(api, DOCS)["hostname"] == DOCS  # the name is free at once
    for _ in range(8):
        later(hours=7)
    assert said(own, name) is not None
    failed = recorded(f"{CLEANUP}failed")
    assert len(failed) > 2
    assert ({each.data["failure"]["code"] for each in failed}, failed[0].data["again"]) == ({code}, False)
    told = [each for each in recorded("notification.sent") if each.data["event_type"] == f"{CLEANUP}failed"]
    assert len(told) == 1
    assert DOCS in told[0].data["title"]
    del own.trouble[name]
    later(hours=7)
    assert said(own, name) is None
    assert verify() == []


def test_what_says_something_else_than_we_wrote_is_left_alone_and_told(
    own: OwnZone, api: Api, zones: Zones, work: Drain
) -> None:
    api.deploy()
    [name] = set_up(api, zones, work, DOCS)
    own.records[name, "TXT"] = ("dnslink=/ipfs/foreign",)
    api.delete(f"/v1/domains/{DOCS}")
    work()
    assert said(own, name) == "foreign"
    [done] = recorded(f"{CLEANUP}completed")
    assert ([each["name"] for each in done.data["kept"]], done.data["deleted"]) == ([name], [])


@pytest.mark.parametrize("dies", [False, True])
def test_what_is_written_while_its_name_is_being_removed_goes_too(
    own: OwnZone,
    api: Api,
    zones: Zones,
    work: Drain,
    later: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    dies: bool,
) -> None:
    [name] = set_up(api, zones, work, DOCS)
    replace = own.replace

    def replace_late(change: Change) -> Written:
        monkeypatch.setattr(own, "replace", replace)
        api.delete(f"/v1/domains/{DOCS}")
        work()  # and the cleaning finds nothing yet
        written = replace(change)
        if dies:
            raise RetryableError("dns_unreachable", "The answer was lost.", "Look.")
        return written

    monkeypatch.setattr(own, "replace", replace_late)
    api.deploy()
    work()
    assert said(own, name) is not None
    later(seconds=30)
    assert said(own, name) is None
    assert verify() == []


def test_a_deleted_site_takes_its_names_along_and_leaves_nothing(
    own: OwnZone, api: Api, zones: Zones, work: Drain, later: Callable[..., None]
) -> None:
    api.deploy()
    [name] = set_up(api, zones, work, DOCS)
    waiting = add(api, BLOG)
    work()
    assert api.delete("/v1/sites/hello").status_code == 204
    work()
    assert said(own, name) is None
    assert {each.data["reason"] for each in recorded("domain.removed")} == {"site_deleted"}
    assert api.get(f"/v1/flows/{waiting['flow']}").json["state"] == "cancelled"
    assert verify() == []


def test_without_a_zone_of_our_own_nothing_is_cleared_and_nobody_waits(
    api: Api, zones: Zones, work: Drain
) -> None:
    made = api.deploy()
    work()
    add(api, DOCS)
    records = api.delete(f"/v1/domains/{DOCS}").json
    work()
    assert records["records_to_clean"] == []
    link = f"dnslink=/ipfs/{api.get('/v1/deploys/' + made['id']).json['cid']}"
    assert {"name": f"_dnslink.{DOCS}", "type": "TXT", "value": link} in records["records"]
    assert recorded(f"{CLEANUP}completed") == []
