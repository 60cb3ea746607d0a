"""`flask reactions` about the dead: what is shown of them, and what can be done."""

import json

import pytest
from sqlalchemy import Engine

from app.cli import reactions
from app.cli.platform import Platform
from app.engine import redrive
from app.errors import RetryableError
from app.services.storage.memory import MemoryStorage

NO_ID = "00000000-0000-7000-8000-000000000000"


@pytest.fixture
def engine(sqlite_database: Engine) -> Engine:
    """SQLite alone: this face speaks no SQL, and the API asks the same of both databases."""
    return sqlite_database


@pytest.fixture
def dead(terminal, folder, drain, monkeypatch):
    """The ids of two reactions that died of a bug which is mended."""

    def bug(*_):
        raise ZeroDivisionError("nobody thought of this")

    with monkeypatch.context() as broken:
        broken.setattr(MemoryStorage, "put", bug)
        for word in ("one", "two"):
            (folder / "index.html").write_text(word)
            terminal("deploy", folder, "--site", "hello", "--no-watch")
            drain()
    return [each["id"] for each in terminal.json("reactions", "dead")]


def test_the_dead_are_listed_and_shown_whole(terminal, dead):
    lines = terminal("reactions", "dead").splitlines()
    assert len(lines) == 3
    assert all(word in lines[1] for word in ("storage.upload_artifact", "dead", "8", "internal"))
    said = terminal("reactions", "show", dead[0])
    assert "nobody thought of this [internal]" in said
    assert "in bug" in said
    assert 'raise ZeroDivisionError("nobody thought of this")' in said


def test_named_ones_are_tried_again(terminal, dead, drain):
    said = terminal("reactions", "retry", *dead)
    assert said.splitlines() == [
        "Trying storage.upload_artifact again for hello #2.",
        "Trying storage.upload_artifact again for hello #1.",
    ]
    assert "[reaction_not_dead]" in terminal.error("reactions", "retry", dead[0])
    drain()
    assert terminal("reactions", "dead") == "Nothing was given up.\n"


def test_all_or_those_like_that_are_tried_again(terminal, dead):
    assert terminal("reactions", "retry", "--code", "other") == "Nothing dead is like that.\n"
    assert terminal.json("reactions", "retry", "--since", "2100-01-01T00:00:00Z") == {"count": 0}
    assert "[request_invalid]" in terminal.error("reactions", "retry", "--since", "yesterday")
    listener = terminal.json("reactions", "show", dead[0])["listener"]
    said = terminal("reactions", "retry", "--listener", listener, "--action", "storage.upload_artifact")
    assert said == "Trying 2 again.\n"
    assert terminal.json("reactions", "retry", "--all") == {"count": 0}
    assert "[request_invalid]" in terminal.error("reactions", "retry", "--all", "--listener", "")
    assert terminal("reactions", "retry", "--listener", "") == "Nothing dead is like that.\n"


def test_a_refusal_keeps_nobody_from_the_others_and_all_are_told(terminal, dead):
    words = ("reactions", "retry", dead[0], NO_ID, dead[1], dead[0])
    said, errors = terminal.run(words, 1, None, {})
    assert [line.split()[-1] for line in said.splitlines()] == ["#2.", "#1."]
    assert f"{NO_ID}: There is no such reaction. [reaction_not_found]" in errors
    assert f"{dead[0]}: The reaction is ready, not dead. [reaction_not_dead]" in errors
    said, errors = terminal.run(("reactions", "skip", NO_ID, "--json"), 1, None, {})
    assert (json.loads(said), json.loads(errors)["code"]) == ([], "reaction_not_found")


def test_what_was_done_is_told_also_when_the_line_breaks_then(terminal, dead, monkeypatch):
    post = Platform.post

    def breaks(platform, path, **fields):
        if dead[1] in path:
            raise RetryableError("server_unreachable", "It does not answer.")
        return post(platform, path, **fields)

    monkeypatch.setattr(Platform, "post", breaks)
    said, errors = terminal.run(("reactions", "retry", *dead, NO_ID), 1, None, {})
    assert said == "Trying storage.upload_artifact again for hello #2.\n"
    assert "[server_unreachable]" in errors
    assert NO_ID not in errors


def test_many_are_tried_again_part_by_part(terminal, dead, monkeypatch):
    parts, redrive_many = [], redrive.redrive_many

    def one_at_a_time(work, wanted, _limit):
        parts.append(wanted.after)
        return redrive_many(work, wanted, 1)

    monkeypatch.setattr(redrive, "redrive_many", one_at_a_time)
    assert terminal("reactions", "retry", "--all") == "Trying 2 again.\n"
    assert parts == [None, dead[1]]
    assert terminal("reactions", "dead") == "Nothing was given up.\n"


def test_what_would_be_tried_again_is_shown_first(terminal, dead, monkeypatch):
    said = terminal("reactions", "retry", "--all", "--dry-run").splitlines()
    assert said[0] == "Would try 2 again:"
    assert [line.split()[0] for line in said[2:]] == dead
    monkeypatch.setattr(reactions, "SHOWN", 1)
    assert terminal("reactions", "retry", "--code", "internal", "--dry-run").splitlines()[-1] == "..."
    assert terminal.json("reactions", "retry", "--since", "2100-01-01", "--dry-run") == {"count": 0}
    assert terminal("reactions", "retry", "--action", "x", "--dry-run") == "Nothing dead is like that.\n"
    assert [each["id"] for each in terminal.json("reactions", "dead")] == dead


def test_the_dead_are_found_by_what_they_have_in_common(terminal, dead):
    one, other = (terminal.json("reactions", "show", each) for each in dead)
    for noun in (("dead",), ("list", "--state", "dead")):
        assert [each["id"] for each in terminal.json("reactions", *noun, "--flow", one["flow"])] == dead[:1]
        found = terminal.json("reactions", *noun, "--since", other["ended_at"], "--action", other["action"])
        assert [each["id"] for each in found] == dead
        assert terminal.json("reactions", *noun, "--code", "other") == []
    assert terminal("reactions", "dead", "--listener", "x") == "Nothing dead is like that.\n"


def test_one_is_given_up(terminal, dead):
    assert terminal("reactions", "skip", dead[0]) == "Gave up storage.upload_artifact for hello #2.\n"
    assert [each["id"] for each in terminal.json("reactions", "dead")] == dead[1:]
    assert "[reaction_not_dead]" in terminal.error("reactions", "skip", dead[0])


@pytest.mark.parametrize(("words", "said"), [
    (("retry",), "Name reactions by their ids"),
    (("retry", NO_ID, "--all"), "Name reactions by their ids"),
    (("retry", "--dry-run"), "Name reactions by their ids"),
    (("retry", NO_ID, "--dry-run"), "Name reactions by their ids"),
    (("list", "--limit", "0"), "0 is not in the range x>=1"),
    (("dead", "--limit", "-3"), "-3 is not in the range x>=1"),
    (("skip",), "Missing argument"),
])  # fmt: skip
def test_what_is_not_said_clearly_is_a_mistake_in_use(terminal, words, said):
    assert said in terminal.error("reactions", *words, code=2)


@pytest.mark.parametrize("words", [("retry",), ("skip",)])
def test_who_is_not_there_cannot_be_acted_on(terminal, words):
    assert "[reaction_not_found]" in terminal.error("reactions", *words, NO_ID)
