"""What an installation needs done on its own machine: release, the sign-in link, the doctor, verify."""

import re
import stat
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import inspect, update

from app.commands.tokens import revoke_token
from app.content import folder as content
from app.content.importer import import_tree
from app.engine import configured, database, health, now, reading, recording, tables
from app.engine.database import writing
from app.engine.views import flow_page
from app.factory import create_app
from app.models import tokens
from app.models.credentials import digest_of
from app.services.spool import open_spool
from app.services.storage.memory import MemoryStorage
from tests.fixtures.visitors import Terminal, new_token

WORK = ["flows", "reactions", "coverage", "listeners", "backlog"]


@pytest.fixture(params=["sqlite", "postgres"])
def unmigrated(request: pytest.FixtureRequest, configure: Callable[..., None], tmp_path: Path) -> Terminal:
    """A terminal on an installation whose database has no table yet."""
    url = f"sqlite:///{tmp_path}/var/antiphon.db"
    if request.param == "postgres":
        url = request.getfixturevalue("postgres").create(f"release_{tmp_path.name}")
    configure(DATABASE_URL=url)
    return Terminal(create_app(spool=open_spool()))


def admin_of(file: Path) -> tokens.Token | None:
    with reading() as db:
        return tokens.by_digest(db, digest_of(file.read_text().strip()))


def test_release_makes_every_table_and_the_first_token(unmigrated, tmp_path):
    said = unmigrated("release")
    file = tmp_path / "var" / "admin-token"
    assert str(file) in said
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert admin_of(file).scopes == ["admin"]
    made = inspect(database.get_engine()).get_table_names()
    assert {"events", "reactions", "sites", "deploys", "tokens", "sign_in_codes"} <= set(made)


def test_a_second_release_changes_nothing(unmigrated, tmp_path):
    unmigrated("release")
    first = (tmp_path / "var" / "admin-token").read_text()
    assert unmigrated("release") == "The database is at this version.\n"
    assert (tmp_path / "var" / "admin-token").read_text() == first
    assert len(unmigrated.json("tokens", "list")) == 1


def test_two_releases_at_once_make_one_token(unmigrated, tmp_path):
    def release(_number: int) -> None:
        with unmigrated.app.app_context():
            unmigrated.app.cli.commands["release"].main([], standalone_mode=False, obj=None)

    unmigrated("release")
    secret_of_first = tmp_path / "var" / "admin-token"
    with recording("test") as log:
        revoke_token(log, admin_of(secret_of_first).id)
    with ThreadPoolExecutor(2) as both:
        list(both.map(release, range(2)))
    with reading() as db:
        assert len(tokens.page(db, 10)) == 1
    assert admin_of(secret_of_first)


def test_a_token_is_made_only_when_no_admin_is_left(unmigrated, tmp_path):
    unmigrated("release")
    file = tmp_path / "var" / "admin-token"
    token = admin_of(file)
    file.unlink()
    unmigrated("release")
    assert not file.exists()  # somebody has that token
    new_token("read")
    with recording("test") as log:
        revoke_token(log, token.id)
    unmigrated("release")
    assert admin_of(file).id != token.id


def test_a_token_of_an_earlier_database_is_replaced(unmigrated, tmp_path):
    file = tmp_path / "var" / "admin-token"
    file.parent.mkdir(exist_ok=True)
    file.write_text("ap_of_another_database")
    unmigrated("release")
    assert admin_of(file)


def test_the_sign_in_link_leads_to_the_pages_once(terminal):
    new_token("admin")
    link = terminal("sign-in-link").strip()
    assert link.startswith("http://127.0.0.1:8000/sign-in?code=")
    assert terminal.json("sign-in-link")["url"] != link
    browser = terminal.app.test_client()
    assert browser.get(link.removeprefix("http://127.0.0.1:8000")).status_code == 303
    with reading() as db:
        assert [flow.kind for flow in flow_page(db, 10)] == ["identity.token.created"]  # and no event of it


@pytest.mark.parametrize("scopes", [(), ("read", "deploy")])
def test_without_an_admin_there_is_nobody_to_sign_in_as(terminal, scopes):
    if scopes:
        new_token(*scopes)
    assert "flask release" in terminal.error("sign-in-link")


def test_the_doctor_names_what_is_missing(terminal, tmp_path):
    said = terminal("doctor", code=1).splitlines()
    found = {line.split()[1]: line for line in said}
    assert found["database"].startswith("ok")
    assert found["broker"].startswith("bad")
    assert "make run" in found["workers"]
    assert "does not answer" in found["gateway"]
    assert list(found) == ["database", "broker", "workers", *WORK, "home", "web", "gateway"]
    assert all(found[part].startswith("ok") for part in WORK)


def test_the_doctor_finds_work_that_does_not_go_on(terminal, folder, drain, monkeypatch):
    def bug(*_):
        raise ZeroDivisionError("nobody thought of this")

    with monkeypatch.context() as broken:
        broken.setattr(MemoryStorage, "put", bug)
        terminal("deploy", folder, "--site", "hello", "--no-watch")
        drain()
    (folder / "index.html").write_text("<h1>again</h1>")
    stalled = terminal.json("deploy", folder, "--site", "hello", "--no-watch")["flow"]
    with writing() as db:
        db.execute(update(tables.flows).where(tables.flows.c.id == stalled).values(deadline_at=None))
        gap = {"event": stalled, "listener": "deploy:gone", "found_at": now()}
        db.execute(tables.coverage_gaps.insert().values(gap))
    terminal.app.extensions["backlog"].most = 0
    monkeypatch.setattr(configured.here(), "_unread", {("of a newer process", 1): "?"})
    found = {line.split()[1]: line for line in terminal("doctor", code=1).splitlines()}
    assert all(found[part].startswith("bad") for part in WORK)
    commands = ("flows list --stalled", "reactions dead", "events missing")
    for part, command in zip(WORK[:3], commands, strict=True):
        assert re.search(rf" 1 \w+: flask {command}$", found[part])
        assert len(terminal.json(*command.split())) == 1
    assert "more than 0" in found["backlog"]


def test_the_doctor_says_that_a_database_is_not_migrated(unmigrated, tmp_path):
    health._missing.cache_clear()
    assert "not migrated" in unmigrated("doctor", code=1)
    (tmp_path / "var").mkdir(exist_ok=True)
    database_line, *_ = unmigrated.json("doctor", code=1)
    assert database_line["works"] is False


def test_a_home_that_nobody_can_write_to_is_found(configure, terminal, tmp_path):
    (tmp_path / "file").touch()
    terminal.app.config["ANTIPHON_HOME"] = tmp_path / "file"
    assert "is no folder" in terminal("doctor", code=1)


def test_verify_names_what_a_deploy_would_have(terminal, folder):
    cid = str(import_tree(content.entries(folder)).root)
    assert terminal("verify", folder) == f"{cid}\n"
    assert terminal.json("verify", folder) == {
        "cid": cid, "profile": "unixfs-v1-2025", "files": 2, "bytes": 28,
    }  # fmt: skip
    terminal("verify", folder, cid)


def test_verify_exits_1_when_it_is_something_else(terminal, folder):
    other = terminal("verify", folder / "about").strip()
    said = terminal.error("verify", folder, other)
    assert other in said
    assert "[cid_differs]" in said
    assert "[cid_invalid]" in terminal.error("verify", folder, "bafynonsense")
    assert "missing" in "".join(terminal.error("verify", folder / "missing", code=2).split())


def test_verify_reads_either_version_of_a_cid(terminal, folder):
    root = import_tree(content.entries(folder)).root
    terminal("verify", folder, str(root.to_v0()))


def test_verify_stops_at_a_link_that_leads_outside(terminal, folder, tmp_path):
    (tmp_path / "outside.txt").touch()
    (folder / "link.txt").symlink_to("../outside.txt")
    assert "[symlink_escape]" in terminal.error("verify", folder)
    terminal("verify", folder, "--follow-links")
