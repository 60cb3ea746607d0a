"""What the local start shows of its processes' lines."""

import io
import json

import pytest

from app.local.screen import Screen


@pytest.fixture
def out():
    return io.StringIO()


@pytest.fixture
def screen(out):
    return Screen(out)


def entry(level: str = "info", **more) -> str:
    return json.dumps({"level": level, "message": "A deploy went live.", **more})


def test_a_json_line_becomes_a_sentence_with_its_fields(screen, out):
    screen.open()
    screen.echo("worker", entry(flow="f1", timestamp="2026-01-02T03:04:05Z"))
    shown = out.getvalue()
    assert shown.startswith("worker  | ")
    assert shown.endswith(":04:05 A deploy went live. flow=f1\n")


def test_a_plain_line_is_shown_as_it_is(screen, out):
    screen.open()
    for line in ("Listening at 8000", "{not json", "[1, 2]", '{"no": "sentence"}'):
        screen.echo("web", line)
    assert out.getvalue().splitlines() == [
        "web     | Listening at 8000",
        "web     | {not json",
        "web     | [1, 2]",
        'web     | {"no": "sentence"}',
    ]


def test_until_the_banner_only_warnings_pass(screen, out):
    screen.echo("web", entry("info"))
    screen.echo("web", "chatter")
    screen.echo("web", entry("error", exception="Traceback:\nValueError"))
    assert out.getvalue().splitlines() == [
        "web     | ERROR: A deploy went live.",
        "web     | Traceback:",
        "web     | ValueError",
    ]


def test_a_terminal_that_has_gone_is_no_reason_to_fail(tmp_path):
    gone = (tmp_path / "terminal").open("w")
    gone.close()
    Screen(gone).say("nobody reads this")


def test_on_a_terminal_every_process_keeps_its_colour():
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    screen = Screen(terminal)
    screen.open()
    for name in ("web", "beat", "web"):
        screen.echo(name, "x")
    first, second, third = terminal.getvalue().splitlines()
    assert first == third
    assert first[:5] != second[:5]
