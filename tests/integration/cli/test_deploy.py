"""`flask deploy` from a terminal of the platform's own machine, on both databases."""

import json
from typing import Any

import pytest

from app.api.backlog import Backlog
from app.cli.platform import Platform
from app.engine import log, reading
from app.errors import PermanentError
from app.services.storage.memory import MemoryStorage


def events(flow: str) -> list[Any]:
    with reading() as db:
        return log.read_flow(db, flow)


@pytest.mark.usefixtures("at_once")
def test_a_folder_goes_live_on_a_site_that_it_makes(terminal, folder):
    said = terminal("deploy", folder, "--site", "hello", "--ref", "main", "--message", "The first")
    lines = said.splitlines()
    assert lines[0].startswith("Packed 2 files, 28 B")
    assert lines[1] == "Created the site hello."
    types = [line.split()[2] for line in lines if line.strip().startswith("+")]
    assert types[0] == "site.deploy.requested"
    assert types[-1] == "site.deploy.completed"
    assert types.index("storage.upload.completed") < types.index("site.deploy.published")
    assert "Live: http://hello.localhost:8080/" in lines
    (site,) = terminal.json("sites", "list")
    assert terminal("verify", folder).strip() == site["live_cid"]
    (deploy,) = terminal.json("deploys", "list", "hello")
    assert (deploy["ref"], deploy["message"], deploy["trigger"]["kind"]) == ("main", "The first", "cli")


@pytest.mark.usefixtures("at_once")
def test_the_same_again_is_unchanged_and_no_failure(terminal, folder):
    terminal("deploy", folder, "--site", "hello")
    said = terminal("deploy", folder, "--site", "hello")
    assert "Unchanged: http://hello.localhost:8080/" in said
    assert "Created" not in said


@pytest.mark.usefixtures("at_once")
def test_a_deploy_that_fails_says_why_and_exits_1(terminal, folder, monkeypatch):
    def refuse(*_blocks: object) -> None:
        raise PermanentError("backend_broken", "The disk has had enough.", "Buy another.")

    monkeypatch.setattr(MemoryStorage, "put", refuse)
    said = terminal("deploy", folder, "--site", "hello", code=1)
    assert "The disk has had enough. [backend_broken]" in said
    assert "Buy another." in said
    assert terminal.json("deploy", folder, "--site", "hello", code=1)["failure"]["code"] == "backend_broken"


def test_who_does_not_watch_learns_where_to_look(terminal, folder, drain):
    said = terminal("deploy", folder, "--site", "hello", "--no-watch")
    flow = said.split()[-1]
    assert f"flask flows show {flow}" in said
    assert terminal.json("flows", "show", flow)["state"] == "running"
    drain()
    assert terminal.json("flows", "show", flow)["state"] == "succeeded"


@pytest.mark.usefixtures("at_once")
def test_as_json_the_answer_is_the_deploy_and_nothing_else(terminal, folder):
    deploy = terminal.json("deploy", folder, "--site", "hello")
    assert (deploy["status"], deploy["files"], deploy["site"]) == ("live", 2, "hello")


def test_a_site_is_not_made_when_that_is_not_wished(terminal, folder):
    said = terminal.error("deploy", folder, "--site", "hello", "--no-create-site")
    assert "There is no site called hello. [site_not_found]" in said
    assert terminal.json("sites", "list") == []


def test_a_slug_that_cannot_be_is_refused(terminal, folder):
    assert "[slug_invalid]" in terminal.error("deploy", folder, "--site", "Hello World!")
    assert "[name_invalid]" in terminal.error("deploy", folder, "--site", "../../tokens")


@pytest.mark.parametrize("name", ["missing", "public/index.html"])
def test_a_folder_that_is_none_is_refused_before_anything_is_asked(
    terminal, folder, name, tmp_path, monkeypatch
):
    monkeypatch.setattr(Platform, "_send", lambda *_request, **_options: pytest.fail("it asked"))
    said = terminal.error("deploy", tmp_path / name, "--site", "hello", code=2)
    assert name in "".join(said.split())  # the box that it stands in breaks lines


def test_an_empty_folder_makes_no_site(terminal, tmp_path):
    (tmp_path / "empty").mkdir()
    assert "[archive_empty]" in terminal.error("deploy", tmp_path / "empty", "--site", "hello")
    assert terminal.json("sites", "list") == []


def test_the_slug_must_be_given(terminal, folder):
    assert "--site" in terminal.error("deploy", folder, code=2)


def test_what_the_door_refuses_is_told_with_its_code(terminal, folder):
    (folder / "A.txt").touch()
    (folder / "a.txt").touch()
    assert "[path_collision]" in terminal.error("deploy", folder, "--site", "hello")


def test_an_error_for_machines_is_one_object_on_the_other_stream(terminal, folder):
    said = terminal.error("deploy", folder, "--site", "hello", "--no-create-site", "--json")
    assert json.loads(said)["code"] == "site_not_found"


def test_events_say_who_typed_it(terminal, folder):
    flow = terminal.json("deploy", folder, "--site", "hello", "--no-watch")["flow"]
    assert events(flow)[0].actor.startswith("cli:")


def test_with_too_much_to_do_a_deploy_is_refused_and_says_when_to_come_back(terminal, folder, application):
    terminal("sites", "create", "hello")
    application.extensions["backlog"] = Backlog(1)
    for number in range(2):
        terminal("deploy", folder, "--site", "hello", "--no-watch", "--message", str(number))
    application.extensions["backlog"] = Backlog(1)
    said = terminal.error("deploy", folder, "--site", "hello", "--no-watch")
    assert "More than 1 reactions are to be worked off: nothing new is taken on. [backlog_full]" in said
    assert "Ask again in 5 s." in said
