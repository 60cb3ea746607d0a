"""`flask reactions` about the dead: what is shown of them, and what can be done."""

import pytest

from app.services.storage.memory import MemoryStorage

NO_ID = "00000000-0000-7000-8000-000000000000"


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


def test_one_is_given_up(terminal, dead):
    assert terminal("reactions", "skip", dead[0]) == "Gave up storage.upload_artifact for hello #2.\n"
    assert [each["id"] for each in terminal.json("reactions", "dead")] == dead[1:]
    assert "[reaction_not_dead]" in terminal.error("reactions", "skip", dead[0])


@pytest.mark.parametrize(("words", "said"), [
    (("retry",), "Name reactions by their ids"),
    (("retry", NO_ID, "--all"), "Name reactions by their ids"),
    (("skip",), "Missing argument"),
])  # fmt: skip
def test_what_is_not_said_clearly_is_a_mistake_in_use(terminal, words, said):
    assert said in terminal.error("reactions", *words, code=2)


@pytest.mark.parametrize("words", [("retry",), ("skip",)])
def test_who_is_not_there_cannot_be_acted_on(terminal, words):
    assert "[reaction_not_found]" in terminal.error("reactions", *words, NO_ID)
