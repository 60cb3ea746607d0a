"""Who is told what: by listeners that people configure and by built-in ones, again and again, or once."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Engine

from app.engine import recording
from app.engine.rebuild import verify
from app.engine.signal import Failure
from app.services.storage.memory import shared_memory
from app.signals.quotas import QuotaExceeded
from app.signals.storage import IntegrityFailed
from tests.fixtures.api import Api, hello, made, recorded, refused
from tests.fixtures.mailboxes import Mailboxes, nobody
from tests.fixtures.receivers import Receiver, answering
from tests.fixtures.simulation import Simulation
from tests.integration.api.calls import heard

Start = Callable[..., Mailboxes]
BROKEN = b"no archive at all"


@pytest.fixture
def mail(mailboxes: Start) -> Mailboxes:
    return mailboxes()


@pytest.fixture
def api(engine: Engine, configure: Callable[..., None], simulation: Simulation, mail: Mailboxes) -> Api:
    """An administrator's API whose mail goes to `mail`."""
    shared_memory.cache_clear()
    configure(SMTP_URL=mail.url, NOTIFY_TO="ops@example.org", WEBHOOK_ALLOW_NETWORKS="127.0.0.0/8")
    return hello(Api(made()).bearing("admin"))


def listen(api: Api, *on: str, to: str = "me@example.org", **how: Any) -> Any:
    wish = {"name": f"tell {' '.join(on)}", "on": list(on), "do": {"notify": {"to": to, **how}}}
    answer = api.post("/v1/listeners", wish)
    assert answer.status_code == 201, answer.text
    assert answer.json["do"] == wish["do"]
    return answer.json


def ledger(api: Api, **which: str) -> list[Any]:
    return list(api.get("/v1/notifications", query_string=which).json["items"])


def sent_to(mail: Mailboxes, recipient: str) -> list[Any]:
    return [message for _, recipients, message in mail.taken if recipients == [recipient]]


def test_two_that_are_told_of_everything_do_not_tell_of_each_other_unless_asked(
    api: Api, mail: Mailboxes, simulation: Simulation, receiver: Callable[..., Receiver]
) -> None:
    there = receiver(answering())
    everything = {"name": "all calls", "on": ["**"], "do": {"webhook": {"url": there.url}}}
    assert api.post("/v1/listeners", everything).status_code == 201
    listen(api, "**")
    listen(api, "**", "webhook.delivered", to="auditor@example.org", title="{type}")
    api.deploy()
    simulation.drain()
    assert recorded("platform.reaction.looped") == []
    told = [str(message["Subject"]) for message in sent_to(mail, "auditor@example.org")]
    assert {"webhook.delivered", "site.deploy.completed"} <= set(told)
    assert not [title for title in told if title.startswith(("notification.", "usage."))]
    # who was there first has heard that the auditor was configured
    assert len(sent_to(mail, "me@example.org")) == len(told) - told.count("webhook.delivered") + 1
    assert not [body for _, body in heard(there) if b'"type":"notification.' in body]


def test_those_who_ask_to_hear_each_other_end_after_two_turns_and_it_is_told(
    api: Api, mail: Mailboxes, simulation: Simulation, receiver: Callable[..., Receiver]
) -> None:
    there = receiver(answering())
    hears = ["site.created", "notification.**", "usage.**"]
    calls = {"name": "calls", "on": hears, "do": {"webhook": {"url": there.url}}}
    assert api.post("/v1/listeners", calls).status_code == 201
    listen(api, "site.created", "webhook.**", "usage.**")
    api.post("/v1/sites", {"slug": "echo"})
    simulation.drain()
    assert recorded("platform.reaction.looped")
    assert 0 < len(there.requests) + len(mail.taken) <= 40


def test_a_listener_tells_people_in_our_words_and_in_theirs(
    api: Api, mail: Mailboxes, simulation: Simulation
) -> None:
    listen(api, "site.deploy.completed")
    words = {"title": "{data.site}: {data.status}", "template": "{type} took {data.durations.total} ms {{ö}}"}
    theirs = listen(api, "site.deploy.complet*", to="you@example.org", **words)
    api.deploy(message="First\r\nBcc: all@example.org")
    simulation.drain()
    [ours] = sent_to(mail, "me@example.org")
    assert ours["Subject"] == "hello #1 is live"
    assert "http://hello.localhost:8080/" in ours.get_content()
    [other] = sent_to(mail, "you@example.org")
    assert other["Subject"] == "hello: ok"
    assert other.get_content().startswith("site.deploy.completed took ")
    assert other.get_content().strip().endswith("ms {ö}")
    assert len(sent_to(mail, "ops@example.org")) == 1
    [line] = [each for each in ledger(api, state="sent", site="hello") if each["listener"] == theirs["id"]]
    assert (line["channel"], line["recipient"], line["title"]) == ("email", "you@example.org", "hello: ok")
    assert line["event"] == recorded("site.deploy.completed")[0].id
    assert {event.stream for event in recorded("notification.sent")} == {recorded("site.created")[0].stream}
    assert verify() == []


def test_a_refused_message_is_told_as_failed_with_the_servers_reply(
    api: Api, mail: Mailboxes, simulation: Simulation
) -> None:
    mail.replies += ["554 spam"]
    mail.refuses["me@example.org"] = "550 nobody"
    listen(api, "site.deploy.completed")
    deploy = api.deploy()
    simulation.drain()
    lines = {each["failure"]["code"]: each for each in ledger(api, state="failed", channel="email")}
    assert set(lines) == {"recipient_refused", "mail_refused"}
    line = lines["recipient_refused"]
    assert line["recipient"] == "me@example.org"
    assert "550 nobody" in line["failure"]["message"]
    assert line["failure"]["hint"]
    assert line["failure"]["evidence"]["smtp_code"] == 550
    assert api.get(f"/v1/deploys/{deploy['id']}").json["status"] == "live"
    assert ledger(api, state="sent") == []
    assert verify() == []


def test_a_message_that_is_put_off_twice_arrives_once(
    api: Api, mail: Mailboxes, simulation: Simulation
) -> None:
    mail.replies += ["451 later", "450 busy"]
    api.deploy()
    simulation.drain()
    [line] = ledger(api)
    assert line["state"] == "sent"
    assert len(mail.taken) == 1


def test_a_mail_server_that_is_down_never_touches_a_deploy(
    api: Api, configure: Callable[..., None], simulation: Simulation
) -> None:
    configure(SMTP_URL=f"smtp://127.0.0.1:{nobody()}")
    deploy = api.deploy()
    simulation.drain()
    assert api.get(f"/v1/deploys/{deploy['id']}").json["status"] == "live"
    flow = api.get(f"/v1/flows/{deploy['flow']}").json
    assert (flow["state"], flow["open"]) == ("succeeded", 0)
    [line] = ledger(api)
    assert (line["state"], line["failure"]["code"], line["failure"]["attempt"]) == (
        "failed",
        "connection_reset",
        8,
    )
    assert line["at"] > flow["ended_at"]
    hours = (
        recorded("notification.failed")[0].time - recorded("site.deploy.completed")[0].time
    ).seconds / 3600
    assert 7 < hours < 9


def test_the_same_message_is_held_back_for_a_while_and_counted(
    api: Api, mail: Mailboxes, simulation: Simulation, configure: Callable[..., None]
) -> None:
    to = {"webhook": {"url": f"http://127.0.0.1:{nobody()}/"}}
    api.post("/v1/listeners", {"name": "ci", "on": ["site.deploy.completed"], "do": to})
    listen(api, "webhook.failed")
    api.deploy()
    simulation.drain()
    failures = [event.time for event in recorded("webhook.failed")]
    messages = sent_to(mail, "me@example.org")
    held = ledger(api, state="suppressed")
    assert len(messages) + len(held) == len(failures) == 10
    assert len(held) == 2  # after 5 seconds, and after 5 minutes more; the next comes after half an hour
    assert {(each["reason"], each["title"]) for each in held} == {
        ("deduped", "A webhook could not be called")
    }
    assert "2 more messages that said the same" in messages[1].get_content()
    assert [
        each["suppressed"] for each in ledger(api, state="sent") if each["recipient"] == "me@example.org"
    ][::-1] == [0, 2, *[0] * 6]
    assert "connection_reset" in messages[0].get_content()
    configure(SMTP_URL=mail.url, NOTIFY_DEDUP_SECONDS="0")
    api.deploy()
    simulation.drain()
    assert ledger(api, state="suppressed") == held
    assert verify() == []


def test_a_message_that_is_on_its_way_holds_the_same_one_back(
    api: Api, mail: Mailboxes, simulation: Simulation
) -> None:
    mail.replies += ["451 later", "451 later"]
    listen(api, "storage.integrity.failed")
    for code in ("blob_missing", "blob_missing", "blob_hash_mismatch"):
        failure = Failure(code=code, stage="read", message="It is damaged.")
        with recording("test") as log:
            log.record(IntegrityFailed(digest="ab", cid="bafk", failure=failure))
    simulation.drain()
    assert sorted(each["state"] for each in ledger(api)) == ["sent", "sent", "suppressed"]
    texts = "".join(message.get_content() for message in sent_to(mail, "me@example.org"))
    assert texts.count("(blob_missing)") == texts.count("(blob_hash_mismatch)") == 1


def test_what_is_no_failure_is_never_held_back(api: Api, mail: Mailboxes, simulation: Simulation) -> None:
    listen(api, "site.updated")
    for name in ("a", "b", "a", "b"):
        api.patch("/v1/sites/hello", {"name": name})
    simulation.drain()
    assert len(sent_to(mail, "me@example.org")) == 4


def test_what_is_called_no_more_is_told_to_the_operator(
    api: Api, mail: Mailboxes, receiver: Callable[..., Receiver], simulation: Simulation
) -> None:
    there = receiver(answering("410 Gone"))
    do = {"webhook": {"url": there.url}}
    listener = api.post("/v1/listeners", {"name": "ci", "on": ["site.deploy.completed"], "do": do}).json
    api.deploy()
    simulation.drain()
    told = [each for each in sent_to(mail, "ops@example.org") if "ci" in each["Subject"]]
    assert [each["Subject"] for each in told] == ["ci is not called any more"]
    assert f"flask listeners resume {listener['id']}" in told[0].get_content()
    [line] = [each for each in ledger(api) if each["event_type"] == "listener.disabled"]
    assert line["site"] is None
    api.post(f"/v1/listeners/{listener['id']}/resume")
    api.patch(f"/v1/listeners/{listener['id']}", {"enabled": False})
    simulation.drain()
    assert len([each for each in ledger(api) if each["event_type"] == "listener.disabled"]) == 1
    assert recorded("notification.sent")[-1].stream == "/listeners/told"
    assert verify() == []


def test_a_quota_that_is_used_up_is_told_to_the_operator(
    api: Api, mail: Mailboxes, simulation: Simulation
) -> None:
    about = {"quota_id": "q1", "meter": "bandwidth", "limit": 10, "window": "day", "used": 11}
    with recording("test") as log:
        log.record(QuotaExceeded.model_validate({**about, "since": "2026-01-01"}))
    simulation.drain()
    [told] = sent_to(mail, "ops@example.org")
    assert told["Subject"] == "bandwidth: the quota is used up"
    assert "11 of 10 in this day" in told.get_content()


def test_a_listener_to_everything_hears_nothing_of_what_is_told(
    api: Api, mail: Mailboxes, simulation: Simulation
) -> None:
    simulation.drain()
    listen(api, "**")
    api.patch("/v1/sites/hello", {"name": "new"})
    simulation.drain()
    mail.refuses["me@example.org"] = "550 nobody"
    api.patch("/v1/sites/hello", {"name": "newer"})
    api.post("/v1/channels", {"name": "ops", "url": "mailto://a:b@127.0.0.1:9?from=a@example.org"})
    simulation.drain()
    assert [each["event_type"] for each in ledger(api)] == ["site.updated"] * 2


def test_a_token_of_one_site_sees_what_was_told_of_that_site(api: Api, simulation: Simulation) -> None:
    api.post("/v1/sites", {"slug": "other"})
    for slug in ("hello", "other"):
        api.deploy(slug)
    simulation.drain()
    assert {line["site"] for line in ledger(api)} == {"hello", "other"}
    bound = api.bearing("read", site="hello")
    assert {line["site"] for line in ledger(bound)} == {"hello"}
    assert ledger(bound, site="other") == []
    first = api.get("/v1/notifications", query_string={"limit": 1}).json
    assert len(first["items"]) == 1
    assert first["items"][0]["site"] == "other"
    rest = api.get("/v1/notifications", query_string={"limit": 1, "after": first["next"]}).json
    assert (rest["items"][0]["site"], rest["next"]) == ("hello", None)
    refused(api.get("/v1/notifications", query_string={"state": "lost"}), 422, "request_invalid")


@pytest.mark.parametrize(
    ("on", "how", "code"),
    [
        ("site.deploy.failed", {"to": "ops"}, "channel_unknown"),
        ("site.deploy.failed", {"to": "ö@example.org"}, "address_invalid"),
        ("site.deploy.failed", {"to": "a@example.org\nBcc: b@example.org"}, "address_invalid"),
        ("site.deploy.failed", {"to": "a@example.org, b@example.org"}, "address_invalid"),
        ("site.deploy.failed", {"to": ""}, "request_invalid"),
        ("site.deploy.failed", {}, "request_invalid"),
        ("site.deploy.failed", {"to": "a@example.org", "cc": "b@example.org"}, "request_invalid"),
        (
            "site.deploy.*",
            {"to": "a@example.org", "template": "{data.failure.code}"},
            "template_unknown_field",
        ),
        ("site.deploy.failed", {"to": "a@example.org", "title": "{data.sites}"}, "template_unknown_field"),
        ("site.deploy.failed", {"to": "a@example.org", "template": "{data.site"}, "template_invalid"),
        ("site.deploy.failed", {"to": "a@example.org", "template": "x" * 4001}, "template_invalid"),
        ("site.deploy.failed", {"to": "a@example.org", "title": "x" * 201}, "template_invalid"),
        ("notification.**", {"to": "a@example.org"}, "pattern_never_matches"),
    ],
)
def test_what_cannot_be_told_is_refused(sqlite_api: Api, on: str, how: dict[str, str], code: str) -> None:
    answer = sqlite_api.post("/v1/listeners", {"name": "tell", "on": [on], "do": {"notify": how}})
    refused(answer, 422, code)
    assert recorded("listener.created") == []
