"""What commands print: columns, fields, problems, and the same as JSON."""

import json

import click
import pytest

from app.cli.output import Output, Refused, fields, problem, table, text, when
from app.errors import Conflict


def plain(lines: list[str]) -> list[str]:
    return [click.unstyle(line) for line in lines]


def test_columns_are_as_wide_as_their_widest_word():
    lines = plain(table(("slug", "files"), [("a", 1), ("longer", None)], "nothing"))
    assert lines == ["SLUG    FILES", "a       1", "longer  -"]


def test_a_table_without_rows_says_what_to_do():
    assert table(("a",), [], "Make one.") == ["Make one."]


def test_fields_that_are_unknown_are_left_out():
    assert plain(fields({"id": "1", "cid": None, "targets": [], "partial": True})) == [
        "id       1", "partial  yes",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("value", "said"),
    [(None, "-"), ("", "-"), (0, "0"), (False, "no"), (["a", 1], "a, 1"), ([], "-"), ("ü 日本", "ü 日本")],
)
def test_values_are_said_for_people(value, said):
    assert text(value) == said


def test_nothing_that_was_typed_elsewhere_moves_the_cursor_here():
    assert "\x1b" not in text("evil\x1b[2J\r\nname")
    assert "\n" not in text("two\nlines")


def test_a_state_has_its_colour_and_still_its_column():
    (_, line, other) = table(("state", "id"), [("failed", 1), ("x", 2)], "")
    assert line != click.unstyle(line)
    assert click.unstyle(line).index("1") == other.index("2")


def test_a_time_that_is_not_known_is_a_dash():
    assert when(None) == "-"
    assert when("2026-01-01T12:00:00Z")[:10] in ("2026-01-01", "2025-12-31", "2026-01-02")


def test_a_problem_names_its_code_and_what_to_do():
    first, second = plain(problem("slug_taken", "It is taken.", "Choose another."))
    assert first == "Error: It is taken. [slug_taken]"
    assert second.strip() == "Choose another."
    assert len(problem("a", "b", "")) == 1


def test_what_is_said_on_the_way_is_for_people_only(capsys):
    for as_json in (False, True):
        out = Output(as_json=as_json)
        out.say("Packing.")
        out.answer({"name": "Zoë"}, ["Done."])
    said = capsys.readouterr().out
    assert said.startswith("Packing.\nDone.\n{")
    assert said.count("Packing.") == 1
    assert '"Zoë"' in said


def test_a_refusal_goes_to_the_other_stream(capsys):
    error = Conflict("slug_taken", "It is taken.", "Choose another.")
    Refused(error).show()
    Refused(error, as_json=True).show()
    said = capsys.readouterr()
    assert said.out == ""
    lines = said.err.splitlines()
    assert "slug_taken" in lines[0]
    assert json.loads(lines[-1]) == {
        "code": "slug_taken",
        "detail": "It is taken.",
        "hint": "Choose another.",
    }
    assert Refused(error).exit_code == 1
