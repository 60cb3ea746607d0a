"""`flask deploys cancel` and `flask flows cancel`: watched to the end, or only asked for."""

import json

import pytest

from app.cli.platform import Platform

NO_ID = "00000000-0000-7000-8000-000000000000"
LAST = ["site.deploy.cancel_requested", "platform.flow.cancel_requested", "platform.flow.cancelled"]


@pytest.fixture
def started(terminal, folder):
    """A deploy that nobody works on yet."""
    return terminal.json("deploy", folder, "--site", "hello", "--no-watch")


def types_in(said: str) -> list[str]:
    return [line.split()[2] for line in said.splitlines() if line.strip().startswith("+")]


def test_a_deploy_is_cancelled_and_watched_to_its_end(terminal, started):
    said = terminal("deploys", "cancel", started["id"])
    assert said.splitlines()[0] == "Cancelling hello #1."
    assert types_in(said) == ["site.deploy.requested", *LAST, "site.deploy.cancelled"]
    assert ["status", "cancelled"] in [line.split() for line in said.splitlines()]
    again = terminal.json("deploys", "cancel", started["id"])
    assert (again["id"], again["status"]) == (started["id"], "cancelled")


def test_a_flow_is_cancelled_and_watched_to_its_end(terminal, started):
    said = terminal("flows", "cancel", started["flow"])
    assert said.splitlines()[0] == "Cancelling deploy hello #1."
    assert types_in(said)[:4] == ["site.deploy.requested", *LAST]
    assert "deploy hello #1: cancelled" in said
    assert "-> sites.fetch_source cancelled" in said


@pytest.mark.parametrize("noun", ["deploys", "flows"])
def test_who_does_not_watch_learns_where_to_look(terminal, started, noun):
    about = started["id"] if noun == "deploys" else started["flow"]
    said = terminal(noun, "cancel", about, "--no-watch")
    assert said.splitlines()[1:] == [f"See: flask flows show {started['flow']}"]
    assert terminal.json("flows", "show", started["flow"])["state"] == "cancelled"


def test_what_is_over_or_not_there_is_told(terminal, started, drain):
    drain()
    assert "it is live. [deploy_not_cancellable]" in terminal.error("deploys", "cancel", started["id"])
    assert "[flow_ended]" in terminal.error("flows", "cancel", started["flow"])
    assert "[deploy_not_found]" in terminal.error("deploys", "cancel", NO_ID)
    said = terminal.error("flows", "cancel", NO_ID, "--json")
    assert json.loads(said)["code"] == "flow_not_found"


@pytest.fixture
def called_off(monkeypatch):
    """`called_off("upload")`: what that request of the command line starts is cancelled right after it."""

    def after(request):
        ask, post = getattr(Platform, request), Platform.post

        def asked(platform, *words, **fields):
            answer = ask(platform, *words, **fields)
            if "flow" in answer:
                post(platform, f"/v1/flows/{answer['flow']}/cancel")
            return answer

        monkeypatch.setattr(Platform, request, asked)

    return after


def test_who_watches_a_deploy_that_is_cancelled_learns_it_and_exits_3(terminal, folder, called_off):
    called_off("upload")
    said = terminal("deploy", folder, "--site", "hello", code=3)
    assert said.splitlines()[-1] == "Cancelled."


def test_who_watches_a_rollback_that_is_cancelled_learns_it_and_exits_3(terminal, folder, drain, called_off):
    for word in ("one", "two"):
        (folder / "index.html").write_text(word)
        terminal("deploy", folder, "--site", "hello", "--no-watch")
        drain()
    called_off("post")
    said = terminal("deploys", "rollback", "hello", code=3)
    assert said.splitlines()[-1] == "Cancelled."
