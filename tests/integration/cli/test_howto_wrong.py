"""Every command of `docs/howto/when-something-is-wrong.md` does what the page says."""

import re
from pathlib import Path

import pytest

from app.services.storage.memory import MemoryStorage

PAGE = (Path(__file__).parents[3] / "docs" / "howto" / "when-something-is-wrong.md").read_text()
COMMANDS = [words.split()[1:] for words in re.findall(r"`(flask [^`]+)`", PAGE)]
OPTIONS = re.findall(r"`(--[^`]+)`", PAGE)
LISTENER = "metering:usage.measure_deploy"


@pytest.fixture
def died(terminal, folder, drain, monkeypatch):
    """`died(words)` is what a command prints when a deploy has just died of a bug."""

    def bug(*_):
        raise ZeroDivisionError("nobody thought of this")

    monkeypatch.setattr(MemoryStorage, "put", bug)

    def run(words):
        terminal("deploy", folder, "--site", "hello", "--no-watch")
        drain()
        dead, *_ = terminal.json("reactions", "dead")
        known = {"FLOW": dead["flow"], "EVENT": dead["event"], "ID": dead["id"]}
        return terminal(*(known.get(word, word) for word in words))

    return run


def of(*noun: str) -> list[list[str]]:
    """The commands of the page that begin like this."""
    found = [words for words in COMMANDS if tuple(words[: len(noun)]) == noun]
    assert found
    return found


@pytest.mark.parametrize(("noun", "said"), [
    (("flows", "show"), "storage.upload_artifact dead"),
    (("events", "explain"), "It answered, and died"),
    (("reactions", "dead"), "storage.upload_artifact"),
    (("reactions", "show"), "nobody thought of this"),
    (("reactions", "retry"), "again"),
    (("events", "tail"), "platform.reaction.dead_lettered"),
    (("events", "missing"), "Nothing is missing"),
    (("flows", "list"), "No flow is like that."),
    (("reactions", "skip"), "Gave up storage.upload_artifact for hello #1."),
    (("events", "verify"), "The tables are what the log leads to."),
])  # fmt: skip
def test_what_died_is_found_and_tried_again_or_given_up(died, noun, said):
    for words in of(*noun):
        assert said in died(words)


@pytest.mark.parametrize("noun", ["deploys", "flows"])
def test_what_should_end_ends(terminal, folder, noun):
    deploy = terminal.json("deploy", folder, "--site", "hello", "--no-watch")
    for words in of(noun, "cancel"):
        terminal(*words[:-1], deploy["id" if noun == "deploys" else "flow"])
    assert terminal.json("deploys", "show", deploy["id"])["status"] == "cancelled"


def test_a_listener_answers_past_events(terminal, folder, drain):
    terminal("deploy", folder, "--site", "hello", "--no-watch")
    drain()
    (start,) = of("replays", "start")
    begun = [LISTENER if word == "LISTENER" else word for word in start]
    assert terminal(*begun).startswith("Would make 0 reactions of 1 events")
    assert OPTIONS[0] == begun.pop()
    replay = terminal.json(*begun, *" ".join(OPTIONS[1:]).split())
    assert (replay["again"], replay["rate"]) == (True, 5.0)
    (cancel,) = of("replays", "cancel")
    assert terminal(*cancel[:-1], replay["id"]).startswith("Cancelled")


def test_the_doctor_sees_what_died(died, terminal):
    (doctor,) = of("doctor")
    died(["reactions", "dead"])
    assert "1 dead: flask reactions dead" in terminal(*doctor, code=1)


def test_the_tables_are_made_anew(terminal):
    (rebuild,) = of("events", "rebuild")
    assert terminal(*rebuild, "--yes").startswith("Folded ")


def test_no_command_of_the_page_is_left_out():
    tried = {"flows show", "flows list", "events tail", "events explain", "events missing", "reactions dead",
             "reactions show", "reactions retry", "reactions skip", "events verify", "deploys cancel",
             "flows cancel", "replays start", "replays cancel", "events rebuild", "doctor"}  # fmt: skip
    assert {" ".join(words[:2]) for words in COMMANDS} == tried
