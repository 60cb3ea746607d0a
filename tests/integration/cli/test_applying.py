"""Listeners that people keep in a file: applied here and from far away, exported, and what is wrong in it."""

import json
from pathlib import Path
from typing import Any

import pytest

from app.engine import log, reading
from tests.fixtures.visitors import new_token

FILE = """
# what we want to hear of
listeners:
  - name: stop
    on: [site.created]
    when: {data: {site: [{prefix: no}]}}
    do: {action: deploys.cancel, with: {site: $.data.site}}
  - name: chat
    on:
      - site.deploy.*
    do: {webhook: {url: "http://127.0.0.1:9/"}}
"""


@pytest.fixture(autouse=True)
def open_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEBHOOK_ALLOW_NETWORKS", "127.0.0.0/8")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "listeners.yml"
    path.write_text(FILE)
    return path


def events() -> int:
    log.catch_up()
    with reading() as db:
        return log.last_position(db)


def test_a_file_is_shown_applied_and_applied_again(terminal: Any, file: Path) -> None:
    apply = ("listeners", "apply", file)
    assert terminal(*apply, "--dry-run").splitlines() == ["+ stop", "+ chat"]
    said = terminal(*apply, "--yes").splitlines()
    assert said[:2] == ["+ stop", "+ chat"]
    assert (said[2], said[4][:6]) == ("chat:", "whsec_")
    before = events()
    assert terminal(*apply, "--yes") == "Nothing to do: the listeners are as the file says.\n"
    assert events() == before
    file.write_text(FILE.replace("[site.created]", "[site.updated]").replace("chat", "talk"))
    said = terminal(*apply, typed="y\n")
    assert "+ talk\n~ stop\n" in said
    assert '    on: ["site.created"] -> ["site.updated"]' in said
    assert "Not in the file: 1 (chat)" in said
    assert terminal(*apply, "--yes", "--prune").startswith("- chat\n")
    assert terminal.json(*apply, "--yes")["unchanged"] == ["stop", "talk"]


def test_whoever_says_no_changes_nothing(terminal: Any, file: Path) -> None:
    terminal.run(("listeners", "apply", file), 1, "n\n", {})
    assert terminal.json("listeners", "list") == []


def test_what_is_exported_can_be_applied(terminal: Any, file: Path, tmp_path: Path) -> None:
    terminal("listeners", "apply", file, "--yes")
    exported = terminal("listeners", "export")
    assert exported.startswith("listeners:\n- name: chat\n  on:\n  - site.deploy.*\n  do:\n")
    assert "whsec_" not in exported
    (tmp_path / "mine.yml").write_text(exported)
    assert "Nothing to do" in terminal("listeners", "apply", tmp_path / "mine.yml")
    assert json.loads(terminal("listeners", "export", "--json"))["listeners"][1]["name"] == "stop"


def test_it_works_from_far_away(served: Any, file: Path) -> None:
    far = served.terminal(new_token("admin")[1])
    assert "Done." in far("listeners", "apply", file, "--yes")
    assert {each["name"] for each in far.json("listeners", "list")} == {"stop", "chat"}


def test_every_mistake_is_named_with_its_line(terminal: Any, file: Path) -> None:
    wrong = FILE.replace("site.deploy.*", "site.deploi.*").replace("prefix: no", "sounds: no")
    file.write_text(f"{wrong}  - name: more\n    onn: []\n    do: {{}}\n")
    said = terminal.error("listeners", "apply", file, "--yes").splitlines()
    assert said[0] == "Error: listeners.yml has 4 mistakes; nothing was changed. [listeners_invalid]"
    assert [line.split(":")[1] for line in said[1:]] == ["4", "8", "12", "13"], said
    assert said[1].strip().startswith("listeners.yml:4: stop: data.site has an object of 'sounds'")
    assert said[2].strip().startswith("listeners.yml:8: chat: No type of event is like 'site.deploi.*'")
    assert terminal.json("listeners", "list") == []


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "listeners.yml:1: it must hold `listeners:`"),
        ("- a\n", "it must hold `listeners:`"),
        ("listeners: {}\n", "it must hold `listeners:`"),
        ("listeners: []\nmore: 1\n", "it must hold `listeners:`"),
        ("listeners:\n  - stop\n", "listeners.yml:2: a listener has fields"),
        ("listeners:\n  - name: a\n    name: b\n", "listeners.yml:3: 'name' stands there twice"),
        ("listeners: !!python/name:os.system\n", "means nothing here"),
        ("listeners: [\n", "listeners.yml:2"),
    ],
)
def test_what_is_no_such_file_is_told(terminal: Any, file: Path, content: str, said: str) -> None:
    file.write_text(content)
    told = terminal.error("listeners", "apply", file, "--yes")
    assert said in told
    assert "[file_invalid]" in told
