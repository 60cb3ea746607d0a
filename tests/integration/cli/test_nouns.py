"""The nouns of `flask`: what each lists, shows and changes, for people and machines."""

import re
from typing import Any

import pytest
from sqlalchemy import Engine, delete, update

from app.commands.sites import create_site
from app.engine import graph, log, new_id, reading, rebuild, recording, tables
from app.engine.database import writing
from app.engine.sweep import sweep

ID = "[0-9a-f-]{36}"
NO_ID = "00000000-0000-7000-8000-000000000000"


@pytest.fixture
def engine(sqlite_database: Engine) -> Engine:
    """SQLite alone: this face speaks no SQL, and the API asks the same of both databases."""
    return sqlite_database


@pytest.fixture
def live(terminal, folder, drain):
    """A terminal on a platform with one site, whose second deploy is live."""
    terminal("deploy", folder, "--site", "hello", "--no-watch")
    drain()
    (folder / "index.html").write_text("<h1>again</h1>")
    terminal("deploy", folder, "--site", "hello", "--no-watch", "--commit", "abc")
    drain()
    return terminal


def test_sites_are_made_shown_renamed_and_deleted(terminal, drain):
    assert "flask deploy" in terminal("sites", "list")
    assert (
        terminal("sites", "create", "blog", "--name", "My blog")
        == "Created blog: http://blog.localhost:8080/\n"
    )
    assert "My blog" in terminal("sites", "list")
    assert "http://blog.localhost:8080/" in terminal("sites", "show", "blog")
    assert "A better name" in terminal("sites", "rename", "blog", "A better name")
    assert terminal.json("sites", "show", "blog")["name"] == "A better name"
    drain()
    assert terminal("sites", "delete", "blog", "--yes") == "Deleted blog.\n"
    assert "[site_not_found]" in terminal.error("sites", "show", "blog")


def test_a_site_is_deleted_only_by_who_means_it(terminal):
    terminal("sites", "create", "blog")
    assert "Aborted" in terminal.error("sites", "delete", "blog")
    terminal("sites", "delete", "blog", typed="y\n")
    assert terminal.json("sites", "list") == []


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("sites", "create", "hello"), "slug_taken"),
        (("sites", "create", "a", "--name", " "), "name_invalid"),
        (("sites", "show", "\udcff"), "text_encoding"),
        (("sites", "rename", "gone", "New"), "site_not_found"),
        (("deploys", "list", "gone"), "site_not_found"),
        (("deploys", "show", NO_ID), "deploy_not_found"),
        (("deploys", "rollback", "hello", NO_ID), "deploy_not_found"),
        (("flows", "show", NO_ID), "flow_not_found"),
        (("events", "show", NO_ID), "event_not_found"),
        (("events", "tail", "--type", "Nothing!"), "request_invalid"),
        (("reactions", "show", NO_ID), "reaction_not_found"),
        (("tokens", "revoke", NO_ID), "token_not_found"),
        (("tokens", "create", "x", "--site", "gone"), "site_not_found"),
        (("hooks", "list", "gone"), "site_not_found"),
        (("hooks", "delete", "hello", NO_ID), "deploy_hook_not_found"),
    ],
)
def test_what_cannot_be_is_refused_with_a_code(terminal, words, code):
    terminal("sites", "create", "hello")
    assert f"[{code}]" in terminal.error(*words)


def test_deploys_are_listed_newest_first_and_shown_whole(live):
    lines = live("deploys", "list", "hello").splitlines()
    assert [line.split()[:2] for line in lines[1:]] == [["2", "live"], ["1", "archived"]]
    newest = live.json("deploys", "list", "hello", "--limit", 1)
    assert [deploy["commit"] for deploy in newest] == ["abc"]
    shown = live("deploys", "show", newest[0]["id"])
    assert newest[0]["cid"] in shown
    assert "updated   hello.localhost" in shown
    assert "http://localhost:8080/ipfs/" in shown


def test_a_rollback_serves_the_earlier_deploy(live, drain):
    first = live.json("deploys", "list", "hello")[-1]
    said = live("deploys", "rollback", "hello", "--reason", "It was better", "--no-watch")
    assert said.startswith("Going back to hello #1.")
    drain()
    assert live.json("sites", "show", "hello")["live_deploy"] == first["id"]
    flow = live.json("flows", "list", "--limit", 1)[0]
    assert (flow["kind"], flow["state"]) == ("rollback", "succeeded")
    assert "It was better" in str(live.json("flows", "show", flow["id"])["events"][0])


@pytest.mark.usefixtures("at_once")
def test_a_rollback_is_watched_like_a_deploy(live):
    first = live.json("deploys", "list", "hello")[-1]
    said = live("deploys", "rollback", "hello", first["id"])
    assert "site.deploy.rolled_back" in said
    assert "Live: http://hello.localhost:8080/" in said


def test_there_may_be_nothing_to_go_back_to(terminal):
    terminal("sites", "create", "hello")
    assert "flask deploy" in terminal("deploys", "list", "hello")
    assert "[nothing_to_roll_back]" in terminal.error("deploys", "rollback", "hello")


def test_a_flow_is_shown_as_its_timeline(live):
    (flow,) = [flow for flow in live.json("flows", "list") if flow["label"] == "hello #2"]
    lines = live("flows", "show", flow["id"]).splitlines()
    assert lines[0] == "deploy hello #2: succeeded"
    assert re.match(rf" +\+0 ms  {ID}  site\.deploy\.requested +commit abc", lines[1])
    assert lines[2].strip() == "-> sites.fetch_source done"
    assert "hello #2" in live("flows", "list")


def test_the_newest_events_come_last(live):
    lines = live("events", "tail", "--limit", 3).splitlines()
    assert "usage.measured" in lines[-1]
    assert 3 <= len(lines) < 10
    assert len(live("events", "tail", "--after", 0).splitlines()) > 20


def test_events_are_chosen_by_type_and_flow(live):
    types = [
        line.split()[3] for line in live("events", "tail", "--after", 0, "--type", "site.*").splitlines()
    ]
    assert types == ["site.created"]
    flow = live.json("flows", "list", "--limit", 1)[0]["id"]
    assert all(flow in line for line in live("events", "tail", "--flow", flow, "--json").splitlines())


def test_the_ids_that_are_shown_are_those_that_other_commands_take(live):
    flow = live.json("flows", "list", "--kind", "deploy", "--limit", 1)[0]["id"]
    of_flow = [line for line in live("flows", "show", flow).splitlines() if line.strip().startswith("+")]
    shown = [re.search(ID, line)[0] for line in of_flow]
    tailed = live("events", "tail", "--flow", flow, "--after", 0).splitlines()
    assert shown == [line.split()[2] for line in tailed]
    assert "It answered" in live("events", "explain", shown[0])
    assert live.json("events", "show", shown[-1])["correlationid"] == flow


def test_flows_are_found_by_what_goes_on_in_them(live, folder):
    newest = live.json("flows", "list", "--kind", "deploy", "--state", "succeeded", "--limit", 1)
    assert newest[0]["label"] == "hello #2"
    assert live("flows", "list", "--stalled") == "No flow is like that.\n"
    (folder / "index.html").write_text("<h1>third</h1>")
    deploy = live.json("deploy", folder, "--site", "hello", "--no-watch")
    with writing() as db:  # as the sweep leaves it when nothing has happened for an hour
        this_one = tables.flows.c.id == deploy["flow"]
        db.execute(update(tables.flows).where(this_one).values(deadline_at=None))
    (line,) = live("flows", "list", "--stalled").splitlines()[1:]
    assert line.startswith(deploy["flow"])
    assert line.endswith("stalled")
    assert "running, stalled: nothing has happened" in live("flows", "show", deploy["flow"])
    assert deploy["flow"] not in live("flows", "list", "--not-stalled")
    assert "no_such" in live.error("flows", "list", "--state", "no_such", code=2)


def test_what_went_unanswered_is_listed(terminal, drain):
    assert terminal("events", "missing") == "Nothing is missing: every event was answered.\n"
    terminal("sites", "create", "hello")
    with writing() as db:
        db.execute(delete(tables.reactions).where(tables.reactions.c.state == "ready"))
    sweep()
    head, *lines = terminal("events", "missing").splitlines()
    assert head.split() == ["EVENT", "LISTENER", "FOUND"]
    event, listener, *_ = lines[0].split()
    assert " missing " in terminal("events", "explain", event, listener)
    assert len(terminal.json("events", "missing")) == len(lines)


@pytest.mark.parametrize("noun", ["sites list", "deploys list hello", "flows list", "tokens list",
                                  "replays list", "events missing", "reactions list"])  # fmt: skip
@pytest.mark.parametrize("limit", [0, -3, "x"])
def test_a_limit_that_is_none_is_a_mistake_in_use(terminal, noun, limit):
    assert "limit" in terminal.error(*noun.split(), "--limit", limit, code=2)


def test_a_log_without_events_is_no_error(terminal):
    assert terminal("events", "tail") == ""
    assert terminal("flows", "list") == "No flow yet.\n"
    assert terminal("reactions", "list") == "No reaction is like that.\n"


def test_who_follows_the_log_sees_what_is_new(live, monkeypatch):
    seen = []

    def show(_out: object, event: dict[str, Any]) -> None:
        seen.append(event["data"]["site"])
        if len(seen) == 2:
            raise KeyboardInterrupt
        with recording("test") as log:
            create_site(log, "newer")

    monkeypatch.setattr("app.cli.events._show", show)
    live.error("events", "tail", "--type", "site.created", "--follow", "--limit", 100)
    assert seen == ["hello", "newer"]


def test_an_event_is_shown_with_its_data(live):
    with reading() as db:
        event = log.read(db, limit=1)[0]
    said = live("events", "show", event.id)
    assert event.type in said
    assert '"site": "hello"' in said


def test_the_tables_are_compared_with_the_log_and_made_anew(live):
    assert live("events", "verify") == "The tables are what the log leads to.\n"
    before = live.json("sites", "list")
    assert "Aborted" in live.error("events", "rebuild")
    assert live("events", "rebuild", "--yes").startswith("Folded ")
    assert live.json("sites", "list") == before


def test_tables_that_differ_are_told_row_by_row(terminal, monkeypatch):
    found = [rebuild.Difference("sites", unexplained=[{"slug": "ghost"}], missing=[])]
    monkeypatch.setattr(rebuild, "verify", lambda: found)
    said = terminal.error("events", "verify")
    assert "sites: {'slug': 'ghost'}" in said
    assert "flask events rebuild" in said


def test_reactions_are_listed_and_shown(live):
    done = live.json("reactions", "list", "--state", "done", "--limit", 200)
    assert {"sites.fetch_source", "storage.upload_artifact"} <= {reaction["action"] for reaction in done}
    assert "sites.fetch_source" in live("reactions", "list", "--limit", 200)
    said = live("reactions", "show", done[0]["id"])
    assert done[0]["listener"] in said
    at_work = next(each for each in done if each["action"] == "storage.upload_artifact")
    said = live("reactions", "show", at_work["id"]).splitlines()
    assert [at_work["worker"]] == [line.split()[1] for line in said if line.startswith("worker")]
    assert [line.split()[1] for line in said if line.startswith("generation")] == ["0"]
    assert live("reactions", "dead") == "Nothing was given up.\n"
    assert "no_such" in live.error("reactions", "list", "--state", "no_such", code=2)


def test_tokens_are_made_listed_and_revoked(terminal):
    terminal("sites", "create", "hello")
    said = terminal("tokens", "create", "ci", "--scope", "deploy", "--site", "hello").splitlines()
    assert said[0].startswith("ci may deploy on hello.")
    assert said[1].startswith("ap_")
    made = terminal.json("tokens", "create", "all", "--scope", "read", "--scope", "admin")
    assert (made["scopes"], made["site"]) == (["read", "admin"], None)
    lines = terminal("tokens", "list").splitlines()
    assert [line.split()[1] for line in lines[1:]] == ["all", "ci"]
    assert said[1] not in "".join(lines)
    terminal("tokens", "revoke", made["id"])
    assert [token["name"] for token in terminal.json("tokens", "list")] == ["ci"]


def test_a_token_without_a_wish_may_deploy_and_no_more(terminal):
    assert "admin" not in terminal.json("tokens", "create", "ci")["scopes"]


def test_deploy_hooks_are_made_listed_and_deleted(terminal):
    terminal("sites", "create", "hello")
    assert "flask hooks create" in terminal("hooks", "list", "hello")
    said = terminal("hooks", "create", "hello", "GitHub").splitlines()
    assert said[1].startswith("http://127.0.0.1:8000/hooks/deploy/")
    (hook,) = terminal.json("hooks", "list", "hello")
    assert hook["name"] == "GitHub"
    assert said[1].rpartition("/")[2] not in terminal("hooks", "list", "hello")
    terminal("hooks", "delete", "hello", hook["id"])
    assert terminal.json("hooks", "list", "hello") == []


def test_the_graph_is_a_picture_or_data(terminal):
    picture = terminal("graph", "show")
    assert picture.startswith("flowchart")
    assert "site.deploy.requested" in picture
    smaller = terminal("graph", "show", "--flow", "rollback")
    assert "site.deploy.rolled_back" in smaller
    assert "site.deploy.requested" not in smaller
    assert "[flow_kind_unknown]" in terminal.error("graph", "show", "--flow", "nothing")
    data = terminal.json("graph", "show")
    assert data == terminal.json("graph", "show", "--format", "json")
    assert "sites.publish_deploy" in {action["name"] for action in data["actions"]}


def test_what_looks_like_a_mistake_in_the_workflows_is_told(terminal, monkeypatch):
    monkeypatch.setattr(graph, "lint", list)
    assert terminal("graph", "lint") == "Nothing looks like a mistake.\n"
    monkeypatch.setattr(graph, "lint", lambda: ["the action a.b answers nothing"])
    assert "the action a.b answers nothing" in terminal.error("graph", "lint")


def test_an_id_of_another_kind_is_not_found(live):
    assert "[flow_not_found]" in live.error("flows", "show", new_id())
