"""Messages that are held back: for a digest, in quiet hours, and what becomes of them."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine

from app.engine import now, recording
from app.engine.rebuild import verify
from app.engine.sweep import sweep
from app.services.storage.memory import shared_memory
from app.signals.quiet import quiet_hours
from app.signals.sites import SiteUpdated
from tests.fixtures.api import Api, hello, made, recorded, refused
from tests.fixtures.mailboxes import Mailboxes
from tests.fixtures.simulation import Simulation

HOUR = 3600
NIGHT = {"from": "22:00", "to": "07:00", "tz": "Europe/Berlin"}
ME = "me@example.org"


#: What says the same on any database.
on_one = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)


@pytest.fixture
def mail(mailboxes: Callable[..., Mailboxes]) -> Mailboxes:
    return mailboxes()


@pytest.fixture
def api(engine: Engine, configure: Callable[..., None], simulation: Simulation, mail: Mailboxes) -> Api:
    """An administrator's API whose mail goes to `mail`; the simulation begins at one o'clock in Berlin."""
    shared_memory.cache_clear()
    configure(SMTP_URL=mail.url, NOTIFY_TO="ops@example.org", WEBHOOK_ALLOW_NETWORKS="127.0.0.0/8")
    hello(api := Api(made()).bearing("admin"))
    simulation.drain()
    return api


def listen(api: Api, on: str = "site.updated", to: str = ME, **how: Any) -> str:
    wish = {"name": f"tell {to}", "on": [on], "do": {"notify": {"to": to, **how}}}
    answer = api.post("/v1/listeners", wish)
    assert answer.status_code == 201, answer.text
    assert answer.json["do"] == wish["do"]
    return str(answer.json["id"])


def rename(api: Api, *names: str) -> None:
    for name in names:
        assert api.patch("/v1/sites/hello", {"name": name}).status_code == 200


def work(simulation: Simulation) -> None:
    """Work off what is there to be done now, without letting time pass."""
    while simulation.messages:
        simulation.deliver()


def pass_by(simulation: Simulation, seconds: float) -> None:
    """Let time pass, then sweep and work off what is there."""
    simulation.wait(timedelta(seconds=seconds))
    sweep()
    work(simulation)


def ledger(api: Api, **which: str) -> list[Any]:
    return list(api.get("/v1/notifications", query_string=which).json["items"])


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_what_comes_within_a_digest_is_told_in_one_message(
    api: Api, mail: Mailboxes, simulation: Simulation
) -> None:
    listener = listen(api, digest=HOUR)
    rename(api, "a")
    work(simulation)
    opened = now()
    pass_by(simulation, HOUR - 60)
    rename(api, "b", "c")
    work(simulation)
    assert mail.taken == []
    held = ledger(api, state="suppressed", site="hello")
    assert {(each["reason"], each["listener"], each["recipient"]) for each in held} == {
        ("digest", listener, ME)
    }
    [until] = {datetime.fromisoformat(each["until"]) for each in held}
    assert abs(until - opened - timedelta(hours=1)) < timedelta(seconds=5)
    pass_by(simulation, 61)
    [(_, recipients, message)] = mail.taken
    assert (recipients, message["Subject"]) == ([ME], "3 messages held back for you")
    listed = message.get_content().strip().splitlines()
    assert listed == [
        f"2026-01-01 {each} UTC  Site hello was changed" for each in ("00:00", "00:59", "00:59")
    ]
    [line] = ledger(api, state="sent")
    assert (line["event_type"], line["listener"]) == ("notification.digest.due", listener)
    assert recorded("notification.sent")[0].data["template"] == "digest"
    assert recorded("notification.digest.due")[0].data["message"] is None
    rename(api, "d")
    simulation.drain()
    assert mail.titles[1:] == ["Site hello was changed"]  # the next digest has one message, which is as ever
    single = recorded("notification.sent")[-1]
    assert single.stream == recorded("site.created")[0].stream
    assert (single.data["listener_id"], single.data["event_type"]) == (listener, "site.updated")
    assert verify() == []


def test_nobody_is_told_in_quiet_hours_but_after_them(
    api: Api, mail: Mailboxes, simulation: Simulation
) -> None:
    listen(api, quiet=NIGHT)
    listen(api, to="both@example.org", digest=2 * HOUR, quiet=NIGHT)
    rename(api, "a", "b")
    work(simulation)
    held = ledger(api, state="suppressed")
    assert {(each["reason"], each["until"]) for each in held if each["recipient"] == ME} == {
        ("quiet_hours", "2026-01-01T06:00:00.000000Z")
    }
    pass_by(simulation, 6 * HOUR - 60)
    assert mail.taken == []
    pass_by(simulation, 120)
    assert sorted(mail.titles) == ["2 messages held back for you"] * 2
    assert "01:00 CET  Site hello" in mail.taken[0][2].get_content()
    pass_by(simulation, 13.5 * HOUR)  # 20:31 in Berlin: the digest would be due at 22:31
    rename(api, "c")
    work(simulation)
    assert mail.titles[2:] == ["Site hello was changed"]
    assert [(each["reason"], each["until"]) for each in ledger(api, state="suppressed")][:1] == [
        ("digest", "2026-01-02T06:00:00.000000Z")
    ]
    assert verify() == []


@on_one
def test_a_digest_that_becomes_due_in_quiet_hours_waits_for_their_end(
    api: Api, mail: Mailboxes, simulation: Simulation
) -> None:
    listener = listen(api, digest=HOUR)
    rename(api, "a", "b")
    work(simulation)
    do = {"notify": {"to": ME, "digest": HOUR, "quiet": NIGHT}}
    assert api.patch(f"/v1/listeners/{listener}", {"do": do}).status_code == 200
    pass_by(simulation, HOUR + 60)
    assert mail.taken == []
    [put_off] = recorded("notification.digest.put_off")
    assert put_off.data["until"] == "2026-01-01T06:00:00Z"
    simulation.drain()
    assert (now().hour, mail.titles) == (6, ["2 messages held back for you"])
    assert verify() == []


@on_one
def test_a_hundred_messages_are_listed_and_the_others_are_counted(
    api: Api, mail: Mailboxes, simulation: Simulation
) -> None:
    listen(api, digest=HOUR)
    site = recorded("site.created")[0].data
    with recording("test") as log:
        for _ in range(103):
            log.record(SiteUpdated(site_id=site["site_id"], site="hello", name="x", changed={}))
    pass_by(simulation, 60)  # as many as that are not handed over at once
    pass_by(simulation, HOUR)
    listed = mail.taken[0][2].get_content().strip().splitlines()
    assert (len(listed), listed[-1], mail.titles) == (101, "and 3 more", ["103 messages held back for you"])


@on_one
def test_a_digest_that_cannot_be_sent_is_tried_again_and_then_told_as_failed(
    api: Api, mail: Mailboxes, simulation: Simulation
) -> None:
    mail.replies += ["451 later"]
    listener = listen(api, digest=HOUR)
    rename(api, "a", "b")
    simulation.drain()
    assert mail.titles == ["2 messages held back for you"]
    mail.refuses[ME] = "550 nobody"
    rename(api, "c", "d")
    simulation.drain()
    rename(api, "e")
    simulation.drain()
    single, line = ledger(api, state="failed")
    assert (line["title"], line["listener"]) == ("2 messages held back for you", listener)
    assert line["failure"]["code"] == "recipient_refused"
    assert line["failure"]["evidence"].keys().isdisjoint({"listener_id", "title", "of_stream"})
    assert (single["event_type"], single["site"]) == ("site.updated", "hello")
    assert verify() == []


def test_a_deleted_listener_drops_its_digest_and_a_paused_one_keeps_it(
    api: Api, mail: Mailboxes, simulation: Simulation
) -> None:
    gone, kept = listen(api, digest=HOUR, to="gone@example.org"), listen(api, digest=HOUR)
    rename(api, "a", "b")
    work(simulation)
    assert api.delete(f"/v1/listeners/{gone}").status_code == 204
    api.post(f"/v1/listeners/{kept}/pause")
    simulation.drain()
    assert mail.taken == []
    [dropped] = recorded("notification.digest.dropped")
    assert (dropped.data["listener_id"], dropped.data["count"]) == (gone, 2)
    assert recorded("notification.digest.due") == []
    pass_by(simulation, 24 * HOUR)
    api.post(f"/v1/listeners/{kept}/resume")
    simulation.drain()
    assert [recipients for _, recipients, _ in mail.taken] == [[ME]]
    assert verify() == []


@on_one
def test_a_backfill_is_told_at_once(api: Api, mail: Mailboxes, simulation: Simulation) -> None:
    rename(api, "a", "b")
    simulation.drain()
    listener = listen(api, digest=HOUR)
    simulation.wait(timedelta(seconds=5))
    answer = api.post(f"/v1/listeners/{listener}/backfill", {"from": "2025-12-31T00:00:00Z"})
    assert answer.status_code == 202, answer.text
    simulation.drain()
    assert mail.titles == ["Site hello was changed"] * 2
    assert ledger(api, state="suppressed") == []


@pytest.mark.parametrize("seed", range(2))
def test_nothing_is_lost_or_told_twice_when_processes_die(
    api: Api, mail: Mailboxes, simulation: Simulation, seed: int
) -> None:
    listen(api, digest=HOUR)
    arrivals = [(each * 1500, lambda each=each: rename(api, str(each))) for each in range(6)]
    simulation.drain(seed, arrivals=arrivals)
    assert simulation.crashes
    held = [event.data["cause_event_id"] for event in recorded("notification.suppressed")]
    assert sorted(held) == sorted(event.id for event in recorded("site.updated"))
    dues = recorded("notification.digest.due")
    assert sum(event.data["count"] for event in dues) == len(held)
    assert len(recorded("notification.sent")) == len(dues)
    assert len({message["Message-ID"] for _, _, message in mail.taken}) == len(dues)
    assert verify() == []


@pytest.mark.parametrize(
    ("moment", "end", "hours"),
    [
        ("2026-01-15T20:59", None, NIGHT),  # 21:59
        ("2026-01-15T21:00", "2026-01-16T06:00", NIGHT),
        ("2026-01-16T05:59", "2026-01-16T06:00", NIGHT),
        ("2026-01-16T06:00", None, NIGHT),
        ("2026-03-28T21:30", "2026-03-29T05:00", NIGHT),  # a night of eight hours
        ("2026-10-24T20:30", "2026-10-25T06:00", NIGHT),  # and of ten
        ("2026-03-29T00:45", "2026-03-29T01:30", {**NIGHT, "to": "02:30"}),  # which no clock shows
        ("2026-10-25T00:15", "2026-10-25T00:30", {**NIGHT, "to": "02:30"}),  # shown twice: the first
        ("2026-10-25T01:15", None, {**NIGHT, "to": "02:30"}),
        ("2026-07-01T10:30", "2026-07-01T11:00", {**NIGHT, "from": "12:00", "to": "13:00"}),
        ("2026-07-01T11:00", None, {**NIGHT, "from": "12:00", "to": "13:00"}),
        ("2026-07-01T12:00", "2026-07-01T12:15", {"from": "17:30", "to": "18:00", "tz": "Asia/Kathmandu"}),
    ],
)
def test_quiet_hours_follow_the_clocks_of_their_zone(moment: str, end: str | None, hours: Any) -> None:
    assert quiet_hours(hours).over(at(moment)) == at(end or moment)


@pytest.mark.parametrize(
    ("how", "code"),
    [
        ({"digest": 59}, "digest_invalid"),
        ({"digest": 7 * 24 * HOUR + 1}, "digest_invalid"),
        ({"digest": "soon"}, "request_invalid"),
        ({"quiet": {**NIGHT, "to": "22:00"}}, "quiet_invalid"),
        ({"quiet": {**NIGHT, "to": "24:00"}}, "quiet_invalid"),
        ({"quiet": {**NIGHT, "from": "9pm"}}, "quiet_invalid"),
        ({"quiet": {**NIGHT, "from": "22:00\n"}}, "quiet_invalid"),
        ({"quiet": {"from": "22:00", "to": "07:00"}}, "request_invalid"),
        ({"quiet": {**NIGHT, "days": "all"}}, "request_invalid"),
        ({"quiet": {**NIGHT, "tz": "Europe/Atlantis"}}, "timezone_unknown"),
        ({"quiet": {**NIGHT, "tz": "Europe"}}, "timezone_unknown"),
        ({"quiet": {**NIGHT, "tz": "../../etc/passwd"}}, "timezone_unknown"),
        ({"quiet": {**NIGHT, "tz": ""}}, "timezone_unknown"),
    ],
)
def test_what_cannot_be_kept_is_refused(sqlite_api: Api, how: dict[str, Any], code: str) -> None:
    wish = {"name": "tell", "on": ["site.updated"], "do": {"notify": {"to": ME, **how}}}
    refused(sqlite_api.post("/v1/listeners", wish), 422, code)
    assert recorded("listener.created") == []
