"""Watching a deploy to its end: which lines are shown, and with which code the command exits."""

import json
from collections.abc import Iterator
from typing import Any

import click
import httpx2
import pytest
from click.exceptions import Exit

from app.cli.output import Output
from app.cli.platform import Platform
from app.cli.timeline import Timeline
from app.cli.watching import see_through
from app.signals import deploys as declared  # noqa: F401 - so that the ends of flows are known

STARTED = {"id": "d1", "flow": "f1", "site": "hello", "number": 3, "status": "requested"}
FAILURE = {"code": "source_not_found", "message": "It is gone.", "hint": "Upload it again."}


def event(type_: str, second: int = 0, **data: Any) -> dict[str, Any]:
    return {"id": type_, "type": type_, "time": f"2026-01-01T00:00:{second:02}Z", "data": data}


class Far:
    """A platform that tells a story, and at its end what has become of the deploy."""

    def __init__(self, status: str, *story: dict[str, Any] | str, **deploy: Any) -> None:
        self.story = story
        shown = {"failure": None, "warnings": [], "targets": [], "url": "http://hello/", "cid": "bafy"}
        self.deploy = STARTED | shown | {"status": status} | deploy
        self.flow: dict[str, Any] = {"id": "f1", "ended_at": None}

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        if request.url.path.endswith("/stream"):
            assert request.url.params["flow"] == "f1"
            return httpx2.Response(200, content=self.lines())
        return httpx2.Response(200, json=self.flow if "flows" in request.url.path else self.deploy)

    def lines(self) -> Iterator[bytes]:
        for place, told in enumerate(self.story, start=1):
            yield (told if isinstance(told, str) else f"id: {place}\ndata: {json.dumps(told)}\n\n").encode()
        raise AssertionError("it was watched on after its end")

    def seen(self, capsys: pytest.CaptureFixture[str], *, as_json: bool = False) -> tuple[int, str]:
        platform = Platform(httpx2.Client(transport=httpx2.MockTransport(self), base_url="http://x"))
        with pytest.raises(Exit) as left:
            see_through(platform, Output(as_json=as_json), STARTED)
        return left.value.exit_code, click.unstyle(capsys.readouterr().out)


END = event("site.deploy.completed", 2, status="ok")


@pytest.mark.parametrize(
    ("status", "last", "code", "words"),
    [
        ("live", "site.deploy.completed", 0, "Live: http://hello/"),
        ("skipped", "site.deploy.skipped", 0, "Unchanged"),
        ("archived", "site.deploy.completed", 0, "Replaced"),
        ("failed", "site.deploy.failed", 1, "It is gone. [source_not_found]"),
        ("superseded", "site.deploy.superseded", 3, "Superseded"),
        ("cancelled", "site.deploy.cancelled", 3, "Cancelled"),
    ],
)
def test_each_end_has_its_words_and_its_exit_code(status, last, code, words, capsys):
    far = Far(status, event("site.deploy.requested"), event(last, 1), failure=FAILURE if code == 1 else None)
    assert far.seen(capsys)[0] == code
    found = Far(status, event(last), failure=FAILURE if code == 1 else None).seen(capsys)[1]
    assert words in found


def test_events_are_lines_with_the_time_since_the_first(capsys):
    _, said = Far(
        "live", event("site.deploy.requested"), event("site.deploy.uploaded", 1, files=2), END
    ).seen(capsys)
    lines = said.splitlines()
    assert lines[0].split() == ["+0", "ms", "site.deploy.requested"]
    assert lines[1].split() == ["+1.00", "s", "site.deploy.uploaded", "2", "files"]
    assert lines[2].split()[:3] == ["+2.00", "s", "site.deploy.completed"]


def test_a_type_that_is_not_known_here_may_be_the_end(capsys):
    assert Far("live", event("site.deploy.enchanted")).seen(capsys)[0] == 0


def test_a_target_that_was_not_reached_is_named(capsys):
    missing = [{"kind": "host", "id": "hello.localhost", "status": "failed"}]
    assert "Not reached: hello.localhost" in Far("live", END, targets=missing).seen(capsys)[1]


def test_what_people_should_look_at_is_noted(capsys):
    found = [{"code": "index_missing", "message": "There is no index.html.", "hint": "Make one."}]
    assert "Note: There is no index.html. Make one." in Far("live", END, warnings=found).seen(capsys)[1]


def test_a_silent_stream_is_left_when_the_flow_has_ended_meanwhile(capsys):
    far = Far("live", ": nothing new\n\n")
    far.flow["ended_at"] = "2026-01-01T00:00:00Z"
    assert far.seen(capsys)[0] == 0


def test_a_silent_stream_is_watched_on_while_the_flow_goes_on(capsys):
    assert Far("live", ": nothing new\n\n", END).seen(capsys)[0] == 0


def test_as_json_there_is_nothing_but_the_deploy(capsys):
    code, said = Far("failed", event("site.deploy.failed"), failure=FAILURE).seen(capsys, as_json=True)
    assert code == 1
    assert json.loads(said)["failure"] == FAILURE


def test_who_leaves_early_is_told_that_it_goes_on(capsys, monkeypatch):
    def interrupt(_self: Timeline, _event: object) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr(Timeline, "line", interrupt)
    code, said = Far("live", event("site.deploy.requested")).seen(capsys)
    assert code == 130
    assert "flask flows show f1" in said


def test_a_failure_is_a_line_with_its_code(capsys):
    line = Timeline().line(event("site.deploy.failed", failure=FAILURE, site="hello"))
    assert click.unstyle(line).endswith("source_not_found: It is gone.")
    assert line != click.unstyle(line)


def test_a_clock_that_went_back_does_no_harm():
    timeline = Timeline()
    timeline.line(event("a.b", 5))
    assert "-" not in timeline.line(event("a.c", 4)).split()[0]
