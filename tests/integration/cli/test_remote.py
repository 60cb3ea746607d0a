"""The same commands from another machine, over HTTP, to a server that really listens."""

import threading

import pytest
from rich.progress import Progress

from app.engine import log, reading
from tests.fixtures.visitors import Served, Terminal, new_token


@pytest.fixture
def far(served: Served) -> Terminal:
    """A terminal elsewhere, with an admin's token."""
    return served.terminal(new_token("admin")[1])


def working(served: Served) -> tuple[threading.Thread, threading.Event]:
    """The platform's workers, until the event is set."""
    over = threading.Event()

    def work() -> None:
        while not over.wait(0.01):
            served.work()

    thread = threading.Thread(target=work)
    thread.start()
    return thread, over


def test_a_deploy_is_watched_live_from_far_away(served, far, folder):
    thread, over = working(served)
    try:
        said = far("deploy", folder, "--site", "hello")
    finally:
        over.set()
        thread.join()
    assert "Created the site hello." in said
    assert said.index("site.deploy.requested") < said.index("site.deploy.published") < said.index("Live: ")
    assert "CID:  bafy" in said


def test_nothing_is_done_on_this_machine(served, far):
    far("sites", "create", "hello")
    with reading() as db:
        (made,) = log.read(db, types=["site.created"])
    assert made.actor.startswith("token:")


def test_options_do_the_same_as_the_environment(served):
    near = Terminal(served.app)
    _, secret = new_token("admin")
    near("sites", "create", "hello", "--server", served.url, "--token", secret)
    assert near.json("sites", "list", "--server", f"{served.url}/", "--token", secret)[0]["slug"] == "hello"


@pytest.mark.parametrize(
    ("token", "code"), [("ap_wrong", "token_unknown"), ("", "token_missing"), ("schön", "text_encoding")]
)
def test_a_token_that_is_none_is_refused(served, token, code):
    assert f"[{code}]" in served.terminal(token).error("sites", "list")


def test_a_token_may_do_what_its_scopes_say(served, far, folder):
    far("sites", "create", "hello")
    reader = served.terminal(new_token("read")[1])
    assert reader.json("sites", "list")[0]["slug"] == "hello"
    assert "[scope_missing]" in reader.error("deploy", folder, "--site", "hello")
    deployer = served.terminal(new_token("deploy", site="hello")[1])
    deployer("deploy", folder, "--site", "hello", "--no-watch")
    assert "[token_of_another_site]" in deployer.error("deploy", folder, "--site", "other")


def test_a_server_that_is_not_there_is_named(served, folder, free_ports):
    (port,) = free_ports(1)
    nobody = Terminal(served.app, {"ANTIPHON_SERVER": f"http://127.0.0.1:{port}"})
    said = nobody.error("deploy", folder, "--site", "hello")
    assert "[server_unreachable]" in said
    assert f"127.0.0.1:{port}" in said


@pytest.mark.parametrize("address", ["nonsense", "ftp://127.0.0.1", "http://[::1"])
def test_an_address_that_is_none_is_told_as_such(served, address):
    said = Terminal(served.app, {"ANTIPHON_SERVER": address}).error("sites", "list")
    assert "[server_invalid]" in said


def test_a_server_that_is_something_else_is_recognised(served):
    assert "[answer_unknown]" in Terminal(served.app, {"ANTIPHON_SERVER": f"{served.url}/static"}).error(
        "sites", "list"
    )


def test_the_doctor_looks_at_the_far_platform_only(far):
    parts = [line.split()[1] for line in far("doctor", code=1).splitlines()]
    work = ["flows", "reactions", "coverage", "listeners", "backlog"]
    assert parts == ["database", "broker", "workers", *work]


def test_who_may_not_see_the_work_learns_of_the_rest(served):
    near = Terminal(served.app, {"ANTIPHON_SERVER": served.url})
    lines = near("doctor", code=1).splitlines()
    assert [line.split()[1] for line in lines] == ["database", "broker", "workers", "work"]
    assert lines[-1].endswith("not looked at: This needs a token.")
    near("sites", "create", "hello", ANTIPHON_TOKEN=new_token("admin")[1])
    bound = near("doctor", code=1, ANTIPHON_TOKEN=new_token("admin", site="hello")[1])
    assert "not looked at: The token is bound to another site." in bound


def test_a_large_upload_is_read_in_small_pieces(far, tmp_path, monkeypatch):
    (tmp_path / "big").mkdir()
    with (tmp_path / "big" / "index.html").open("wb") as file:
        file.truncate(40 << 20)
    pieces = []
    monkeypatch.setattr(Progress, "update", lambda _bar, _row, completed: pieces.append(completed))
    far("deploy", tmp_path / "big", "--site", "big", "--no-watch")
    sizes = [after - before for before, after in zip([0, *pieces], pieces, strict=False)]
    assert sum(sizes) > 30_000
    assert max(sizes) <= 1 << 20
