"""Channels over the API: added, tried, removed, and never shown with what they lead to."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Engine, select
from structlog.testing import capture_logs

from app.engine import reading
from app.engine.rebuild import verify
from app.engine.tables import events
from app.models import channels
from tests.fixtures.api import Api, hello, made, recorded, refused
from tests.fixtures.mailboxes import Mailboxes, nobody
from tests.fixtures.simulation import Simulation

PUBLIC = "mailtos://me:p4ss@192.0.43.8?from=a@example.org&to=me@example.org"
OPEN = {"WEBHOOK_ALLOW_NETWORKS": "127.0.0.0/8"}


@pytest.fixture
def api(engine: Engine, configure: Callable[..., None], simulation: Simulation) -> Api:
    """An administrator's API from which mail servers on loopback may be used."""
    configure(**OPEN)
    return hello(Api(made()).bearing("admin"))


def url_of(port: int) -> str:
    return f"mailto://me:p4ss@127.0.0.1:{port}?from=a@example.org&to=me@example.org"


@pytest.mark.filterwarnings("ignore:Requiring AUTH")  # on loopback nobody listens in
def test_a_channel_is_tried_and_says_nothing_of_where_it_leads(
    api: Api, mailboxes: Callable[..., Mailboxes], simulation: Simulation
) -> None:
    there = mailboxes(user=(b"me", b"p4ss"))
    with capture_logs() as lines:
        answer = api.post("/v1/channels", {"name": "ops", "url": url_of(there.port)}, key="once")
        assert answer.status_code == 201, answer.text
        assert (answer.json["name"], answer.json["scheme"]) == ("ops", "email")
        again = api.post("/v1/channels", {"name": "ops", "url": url_of(there.port)}, key="once")
        assert again.json == answer.json
        asked = api.post("/v1/channels/ops/test")
        assert asked.status_code == 202
        simulation.drain()
    [line] = api.get("/v1/notifications", query_string={"event": asked.json["event"]}).json["items"]
    assert (line["state"], line["channel"], line["recipient"]) == ("sent", "ops", "ops")
    assert there.titles == ["A test of ops"]
    shown = [api.get("/v1/channels").text, api.get("/v1/channels/ops").text, answer.text, repr(lines)]
    with reading() as db:
        shown += [repr(row) for row in db.execute(select(events))]
        [sealed] = db.execute(select(channels.urls.c.sealed)).scalars()
    for text in (*shown, sealed):
        assert "p4ss" not in text
        assert "me@example.org" not in text
    assert api.delete("/v1/channels/ops").status_code == 204
    refused(api.get("/v1/channels/ops"), 404, "channel_not_found")
    with reading() as db:
        assert db.execute(select(channels.urls)).all() == []
    assert verify() == []


def test_a_test_that_fails_is_tried_once_and_says_why(api: Api, simulation: Simulation) -> None:
    api.post("/v1/channels", {"name": "ops", "url": url_of(nobody())})
    api.post("/v1/channels/ops/test")
    simulation.drain()
    [line] = api.get("/v1/notifications", query_string={"state": "failed", "channel": "ops"}).json["items"]
    assert (line["failure"]["code"], line["failure"]["attempt"]) == ("connection_reset", 1)
    assert line["failure"]["hint"]
    assert "p4ss" not in repr(line)


def test_a_channel_that_a_listener_tells_by_stays(api: Api) -> None:
    api.post("/v1/channels", {"name": "ops", "url": url_of(9)})
    do = {"notify": {"to": "ops"}}
    listener = api.post("/v1/listeners", {"name": "tell", "on": ["site.deploy.failed"], "do": do}).json
    assert "tell" in refused(api.delete("/v1/channels/ops"), 409, "channel_in_use")["detail"]
    assert api.delete(f"/v1/listeners/{listener['id']}").status_code == 204
    assert api.delete("/v1/channels/ops").status_code == 204


@pytest.mark.parametrize(
    ("name", "url", "status", "code"),
    [
        ("ops", PUBLIC, 409, "channel_exists"),
        ("me@example.org", PUBLIC, 422, "name_invalid"),
        ("Ops", PUBLIC, 422, "name_invalid"),
        ("email", PUBLIC, 422, "name_invalid"),
        ("", PUBLIC, 422, "name_invalid"),
        ("x" * 64, PUBLIC, 422, "name_invalid"),
        ("new", "json://127.0.0.1/p4ss", 422, "channel_scheme_refused"),
        ("new", "mailtos://u:p4ss@10.0.0.1/", 422, "ssrf_blocked"),
        ("new", "mailtos://u:p4ss@example.org?verify=no", 422, "channel_url_invalid"),
        ("new", "mailtos://u:p4ss\u0000@example.org", 422, "channel_url_invalid"),
        ("new", "x" * 2001, 422, "request_invalid"),
        ("new", None, 422, "request_invalid"),
    ],
)
def test_what_is_no_channel_is_refused(sqlite_api: Api, name: str, url: Any, status: int, code: str) -> None:
    api = sqlite_api
    assert api.post("/v1/channels", {"name": "ops", "url": PUBLIC}).status_code == 201
    problem = refused(api.post("/v1/channels", {"name": name, "url": url}), status, code)
    assert "p4ss" not in repr(problem)
    assert [each["name"] for each in api.get("/v1/channels").json["items"]] == ["ops"]


def test_channels_are_for_administrators_of_everything(sqlite_api: Api) -> None:
    wish = {"name": "ops", "url": url_of(9)}
    for bearer, code in (
        (sqlite_api.bearing("deploy"), "scope_missing"),
        (sqlite_api.bearing("admin", site="hello"), "token_of_another_site"),
    ):
        refused(bearer.post("/v1/channels", wish), 403, code)
        refused(bearer.get("/v1/channels"), 403, code)
        refused(bearer.post("/v1/channels/ops/test"), 403, code)
        refused(bearer.delete("/v1/channels/ops"), 403, code)
    refused(sqlite_api.post("/v1/channels/ops/test"), 404, "channel_not_found")
    assert recorded("notification.channel.added") == []
