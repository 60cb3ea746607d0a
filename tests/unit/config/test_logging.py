"""Log lines: sentences with fields, no secrets, one form for everybody's lines."""

import io
import json
import logging

import pytest
import structlog

from config.logging import HIDDEN, configure_logging


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def out():
    root = logging.getLogger()
    handlers, level, stream = root.handlers[:], root.level, io.StringIO()
    configure_logging("INFO", stream)
    yield stream
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def lines(out: io.StringIO) -> list[dict]:
    return [json.loads(line) for line in out.getvalue().splitlines()]


def test_a_line_is_a_sentence_with_fields(out):
    structlog.get_logger("app").info("A deploy went live.", flow="f1", event_id="e1")
    (line,) = lines(out)
    assert line["message"] == "A deploy went live."
    assert (line["flow"], line["event_id"], line["level"]) == ("f1", "e1", "info")
    assert line["timestamp"].endswith("Z")


def test_the_lines_of_libraries_have_the_same_form(out):
    logging.getLogger("a_library.part").warning("Lost %s of %d", "one", 2, extra={"queue": "inner"})
    (line,) = lines(out)
    assert (line["message"], line["level"], line["queue"]) == ("Lost one of 2", "warning", "inner")


def test_lines_below_the_level_are_not_written(out):
    structlog.get_logger("app").debug("Something small happened.")
    logging.getLogger("kombu").info("Something of the broker's happened.")
    assert lines(out) == []


def test_an_exception_is_part_of_its_line(out):
    try:
        raise ValueError("broken")
    except ValueError:
        structlog.get_logger("app").exception("An action failed.")
    (line,) = lines(out)
    assert "ValueError: broken" in line["exception"]


@pytest.mark.parametrize("name", ["secret", "admin_token", "Authorization", "DB_PASSWORD", "api_key"])
def test_a_field_with_a_secrets_name_is_hidden(out, name):
    deep = {"x": [{name: "hunter2"}]}
    structlog.get_logger("app").info("A request came.", **{name: "hunter2", "deep": deep})
    assert "hunter2" not in out.getvalue()
    assert HIDDEN in out.getvalue()


@pytest.mark.parametrize(
    "text",
    [
        "Authorization: Bearer hunter2",
        "postgresql+psycopg://antiphon:hunter2@db/antiphon",
        "redis://:hunter2@127.0.0.1:6379/0",
        "POST /hooks/deploy/hunter2",
        "signed with whsec_hunter2==",
    ],
)
def test_a_secret_inside_a_text_is_hidden_wherever_it_stands(out, text):
    logging.getLogger("any").warning("Said %s", text)
    structlog.get_logger("app").info("Something was said.", text=text, more=[text])
    assert "hunter2" not in out.getvalue()
    assert out.getvalue().count(HIDDEN) == 3


def test_an_address_without_a_secret_stays_readable(out):
    structlog.get_logger("app").info("A page was read.", url="http://127.0.0.1:8000/flows/1?after=2")
    assert lines(out)[0]["url"] == "http://127.0.0.1:8000/flows/1?after=2"


def test_setting_up_again_replaces_the_first(out):
    again = io.StringIO()
    configure_logging("INFO", again)
    logging.getLogger("any").warning("Once.")
    assert out.getvalue() == ""
    assert len(lines(again)) == 1


def test_on_a_terminal_a_line_is_for_people(out):
    terminal = Terminal()
    configure_logging("INFO", terminal)
    structlog.get_logger("app").info("A deploy went live.", flow="f1")
    assert "A deploy went live." in terminal.getvalue()
    assert not terminal.getvalue().startswith("{")
