"""A flow as its page shows it, from events and reactions alone."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.engine import Event
from app.engine.views import Reaction
from app.signals import deploys as declared  # noqa: F401 - so that types have descriptions
from app.web.looks import ago, kind, look, short
from app.web.timeline import SHORTEST, WIDTH, about, timeline

START = datetime(2026, 1, 1, tzinfo=UTC)


def at(milliseconds: float) -> datetime:
    return START + timedelta(milliseconds=milliseconds)


def event(name: str = "e1", type_: str = "site.deploy.requested", after: float = 0, **more: Any) -> Event:
    values = {
        "serial": 1, "id": name, "position": 1, "type": type_, "stream": "/sites/s", "sequence": 1,
        "time": at(after), "subject": "d", "label": "hello #1", "flow": "f", "cause": None,
        "actor": "action:sites.fetch_source", "follower": False, "depth": 0, "data": {"files": 2},
    }  # fmt: skip
    return Event(**(values | more))


def reaction(to: str = "e1", started: float | None = 0, ended: float | None = 10, **more: Any) -> Reaction:
    values = {
        "id": f"r{to}{started}", "event": to, "listener": "deploy:x", "generation": 0, "action": "sites.x",
        "flow": "f", "stream": "/sites/s", "label": "hello #1", "follower": False, "state": "done",
        "outcome": "ok", "attempt": 1, "due_at": None, "failure": None, "created_at": START,
        "started_at": None if started is None else at(started),
        "ended_at": None if ended is None else at(ended),
    }  # fmt: skip
    return Reaction(**(values | more))


def test_a_flow_without_events_has_no_timeline():
    assert timeline([], [], START) == []


def test_moments_say_when_what_and_by_whom():
    first, second = timeline([event(), event("e2", after=1500)], [], at(2000))
    assert (first.after, second.after) == ("0 ms", "1.50 s")
    assert first.about == "Somebody asked for a deploy."
    assert first.by == "sites.fetch_source"
    assert first.facts == ["2 files"]
    assert '"files": 2' in first.data


def test_reactions_stand_with_the_event_that_they_answer():
    first, second = timeline([event(), event("e2")], [reaction("e2"), reaction("e1")], at(20))
    assert [answer.reaction.event for answer in first.answers + second.answers] == ["e1", "e2"]


def test_a_bar_has_its_place_in_the_whole_time():
    events = [event(), event("e2", after=100)]
    moments = timeline(events, [reaction(started=25, ended=75), reaction("e2", 75, 100)], at(9999))
    assert [(bar.start, bar.width) for moment in moments for bar in moment.answers] == [
        (250, 500),
        (750, 250),
    ]
    assert moments[0].answers[0].took == "50 ms"


@pytest.mark.parametrize(("started", "ended"), [(100, 100), (0, 0), (99.99, 100)])
def test_the_shortest_reaction_can_still_be_seen(started, ended):
    (bar,) = timeline([event(), event("e2", after=100)], [reaction(started=started, ended=ended)], at(100))[
        0
    ].answers
    assert bar.width == SHORTEST
    assert 0 <= bar.start <= WIDTH - SHORTEST


def test_a_reaction_that_goes_on_reaches_until_now():
    (bar,) = timeline([event()], [reaction(started=50, ended=None, state="running")], at(100))[0].answers
    assert (bar.start, bar.start + bar.width) == (500, WIDTH)
    assert bar.took is None


def test_a_reaction_that_has_not_begun_has_no_bar():
    (bar,) = timeline([event()], [reaction(started=None, ended=None, state="ready")], at(100))[0].answers
    assert (bar.width, bar.took) == (0, None)


def test_a_clock_that_goes_back_draws_nothing_outside():
    (bar,) = timeline([event()], [reaction(started=-50, ended=-20)], at(-30))[0].answers
    assert bar.start >= 0
    assert bar.start + bar.width <= WIDTH


def test_ends_failures_and_followers_look_different():
    failure = {"code": "x", "message": "y"}
    looks = [
        timeline([each], [], START)[0].look
        for each in (
            event(),
            event(type_="site.deploy.completed"),
            event(type_="site.deploy.failed", data={"failure": failure}),
            event(follower=True),
            event(type_="site.deploy.enchanted"),
        )
    ]
    assert looks == ["", "good", "bad", "beside", ""]


def test_a_type_is_described_by_the_first_words_of_its_signal():
    assert about("site.deploy.published") == "The site now serves this deploy."
    assert about("site.deploy.artifact_ready") == "What will be served is known."
    assert about("site.deploy.enchanted") == ""


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (-5, "just now"),
        (3, "just now"),
        (59, "59 s ago"),
        (3599, "59 min ago"),
        (7200, "2 h ago"),
        (864000, "10 d ago"),
    ],
)
def test_how_long_ago_is_said_roughly(seconds, said, monkeypatch):
    monkeypatch.setattr("app.web.looks.now", lambda: START)
    assert ago(START - timedelta(seconds=seconds)) == said


def test_what_is_long_ago_has_a_date(monkeypatch):
    monkeypatch.setattr("app.web.looks.now", lambda: START)
    assert ago(START - timedelta(days=40)) == "2025-11-22"


def test_words_for_kinds_states_and_cids():
    assert [kind(name) for name in ("deploy", "identity.token.created")] == ["Deploy", "Token created"]
    assert [look(state) for state in ("live", "dead", "ready", "skipped")] == ["good", "bad", "busy", ""]
    assert short("bafybeihkmddvk64xynj7un4udd5xhrrmlrmi7ajrryt3vnhqvlpvhutjsm") == "bafybeihkmddvk…pvhutjsm"
