"""The event stream: live, resumed from any place, and ended when it should be."""

import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import Engine
from werkzeug.test import TestResponse

from app.api import stream
from app.engine import Event, recording
from app.signals.sites import SiteUpdated
from tests.fixtures.api import Api, recorded, refused


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "POLL", 0.01)


@dataclass
class Message:
    place: int
    type: str
    event: dict[str, Any]


class Reader:
    """What arrives, message by message; a comment arrives as its text."""

    def __init__(self, answer: TestResponse) -> None:
        assert answer.status_code == 200, answer.text
        self.answer = answer
        self._pieces: Iterator[bytes] = iter(answer.iter_encoded())
        assert next(self._pieces) == b"retry: 1000\n\n"

    def next(self) -> Message | str | None:
        piece = next(self._pieces, None)
        if piece is None:
            return None
        text = piece.decode()
        assert text.endswith("\n\n")
        if text.startswith(":"):
            return text[1:].strip()
        fields = dict(line.split(": ", 1) for line in text.strip().split("\n"))
        return Message(int(fields["id"]), fields["event"], json.loads(fields["data"]))

    def take(self, count: int) -> list[Message]:
        found = [self.next() for _ in range(count)]
        assert all(isinstance(each, Message) for each in found)
        return found  # type: ignore[return-value]

    def close(self) -> None:
        self.answer.close()


def read(api: Api, **options: Any) -> Any:
    return closing(Reader(api.get("/v1/events/stream", **options)))


def touch(api: Api, name: str = "x") -> Event:
    """Let one thing happen at site hello."""
    site = recorded("site.created")[0].data["site_id"]
    with recording("test") as work:
        return work.record(SiteUpdated(site_id=site, site="hello", changed={"name": ("a", name)}))


def test_a_stream_begins_now_and_carries_what_happens(api: Api) -> None:
    with read(api) as reader:
        happened = [touch(api, name) for name in ("b", "c")]
        messages = reader.take(2)
    assert [message.event["id"] for message in messages] == [event.id for event in happened]
    assert [message.type for message in messages] == ["site.updated", "site.updated"]
    first = messages[0]
    assert first.event == api.get("/v1/events", query_string={"after": first.place - 1}).json["items"][0]
    assert first.place == first.event["position"]


def test_a_stream_says_what_it_is_and_is_not_kept(sqlite_api: Api) -> None:
    with read(sqlite_api) as reader:
        headers = reader.answer.headers
    assert reader.answer.mimetype == "text/event-stream"
    assert headers["Cache-Control"] == "no-store"
    assert headers["X-Accel-Buffering"] == "no"


@pytest.mark.parametrize("form", ["header", "query"])
def test_a_stream_is_resumed_without_a_gap_or_a_repeat(api: Api, form: str) -> None:
    for number in range(5):
        touch(api, str(number))
    everything = recorded()
    last = everything[1].position
    resumed = (
        {"headers": {"Last-Event-ID": str(last)}} if form == "header" else {"query_string": {"after": last}}
    )
    with read(api, **resumed) as reader:
        messages = reader.take(len(everything) - 2)
        late = touch(api, "late")
        messages += reader.take(1)
    assert [message.event["id"] for message in messages] == [*(event.id for event in everything[2:]), late.id]


def test_what_commits_late_arrives_behind_what_was_read(api: Api, engine: Engine) -> None:
    """On PostgreSQL it has the lower number; a reader that goes by numbers would never see it."""
    if engine.dialect.name == "sqlite":
        pytest.skip("there is one writer at a time: nothing can commit late")
    last = recorded()[-1].position
    with read(api) as reader:
        with recording("test") as late:
            held = late.record(SiteUpdated(site_id="other", site="other", changed={"name": ("a", "late")}))
            early = touch(api)
            messages = reader.take(1)
            assert len(api.get("/v1/events", query_string={"after": last}).json["items"]) == 1
        messages += reader.take(1)
    assert early.serial > held.serial
    assert [(message.event["id"], message.place) for message in messages] == [
        (early.id, last + 1),
        (held.id, last + 2),
    ]
    listed = api.get("/v1/events", query_string={"after": last}).json["items"]
    assert [each["id"] for each in listed] == [early.id, held.id]


def test_a_long_history_is_read_batch_by_batch(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "AT_ONCE", 3)
    for number in range(8):
        touch(api, str(number))
    everything = recorded()
    with read(api, query_string={"after": "0"}) as reader:
        messages = reader.take(len(everything))
    assert [message.place for message in messages] == [event.position for event in everything]


def test_the_header_goes_before_the_query(sqlite_api: Api) -> None:
    touch(sqlite_api)
    last = recorded()[-1].position
    both = {"headers": {"Last-Event-ID": str(last)}, "query_string": {"after": "0"}}
    with read(sqlite_api, **both) as reader:
        late = touch(sqlite_api, "late")
        assert reader.take(1)[0].event["id"] == late.id


def test_a_flows_stream_begins_with_the_flow(api: Api) -> None:
    flow = api.deploy()["flow"]
    touch(api)
    api.deploy()
    with read(api, query_string={"flow": flow}) as reader:
        (message,) = reader.take(1)
    assert (message.type, message.event["correlationid"]) == ("site.deploy.requested", flow)


def test_a_stream_carries_the_types_that_were_asked_for(api: Api) -> None:
    asked = {"type": ["site.deploy.*", "**.revoked"], "after": "0"}
    with read(api, query_string=asked) as reader:
        touch(api)
        api.deploy()
        other = api.bearing("read")
        other.revoke()
        messages = reader.take(2)
    assert [message.type for message in messages] == ["site.deploy.requested", "identity.token.revoked"]


def test_a_bound_tokens_stream_is_about_its_site(api: Api) -> None:
    api.post("/v1/sites", {"slug": "other"})
    bound = api.bearing("read", site="other")
    with read(bound, query_string={"after": "0"}) as reader:
        touch(api)
        api.ask("PATCH", "/v1/sites/other", json={"name": "Another"})
        messages = reader.take(2)
    assert [message.event["data"]["site"] for message in messages] == ["other", "other"]


def test_a_silent_stream_shows_that_it_lives(sqlite_api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "HEARTBEAT", 0.02)
    with read(sqlite_api) as reader:
        assert [reader.next(), reader.next()] == ["nothing new", "nothing new"]
        touch(sqlite_api)
        found = next(each for each in iter(reader.next, None) if isinstance(each, Message))
    assert found.type == "site.updated"


def test_a_stream_ends_when_its_token_is_revoked(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "HEARTBEAT", 0.02)
    reader_token = api.bearing("read")
    with read(reader_token, query_string={"type": "nothing"}) as reader:
        assert reader.next() == "nothing new"
        reader_token.revoke()
        assert reader.next() is None


def test_a_place_that_is_still_to_come_means_now(sqlite_api: Api) -> None:
    with read(sqlite_api, headers={"Last-Event-ID": "9" * 30}) as reader:
        late = touch(sqlite_api)
        assert reader.take(1)[0].event["id"] == late.id


@pytest.mark.parametrize("place", ["x", "-1", "1.5", "٣"])
def test_what_is_no_place_in_the_log_is_refused(sqlite_api: Api, place: str) -> None:
    sent = {"Last-Event-ID": place.encode().decode("latin-1")}
    refused(sqlite_api.get("/v1/events/stream", headers=sent), 422, "last_event_id_invalid")
    refused(sqlite_api.get("/v1/events/stream", query_string={"after": place}), 422, "request_invalid")
    refused(sqlite_api.get("/v1/events/stream?type=A"), 422, "request_invalid")
