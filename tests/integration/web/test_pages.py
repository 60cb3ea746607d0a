"""The pages: what stands on them, for whom, and what a browser is allowed to do with them."""

import re
from html.parser import HTMLParser
from itertools import pairwise

import pytest
from flask.testing import FlaskClient

from app.commands.sites import create_site
from app.engine import database, reading, recording
from app.engine.health import DatabaseAway
from app.engine.views import flow_page
from app.errors import PermanentError, RetryableError
from app.services.storage.memory import MemoryStorage
from app.web.blueprint import POLICY
from tests.fixtures.visitors import new_token

UNKNOWN = "00000000-0000-7000-8000-000000000000"


class Page(HTMLParser):
    """What matters of a page: its elements, in order, with their attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture
def browser(application) -> FlaskClient:
    """A browser that is signed in as admin."""
    client = application.test_client()
    client.post("/sign-in", data={"token": new_token("admin", name="the owner")[1]})
    return client


@pytest.fixture
def live(terminal, folder, drain) -> str:
    """The flow of a deploy that is live on site `hello`."""
    flow = terminal.json("deploy", folder, "--site", "hello", "--no-watch", "--message", "<b>First</b>")[
        "flow"
    ]
    drain()
    return flow


def words(text: str) -> str:
    """A page's text as it is read."""
    return " ".join(re.sub(r"<[^>]+>", " ", text.partition("<body>")[2]).split())


def test_a_new_installation_says_how_to_begin(browser):
    text = browser.get("/").text
    assert "No site yet" in text
    assert "flask deploy DIR --site hello" in text
    assert "http://127.0.0.1:8000/v1/sites/hello/deploys" in text
    assert "signed in as “the owner”" in words(text).lower()


def test_sites_stand_with_their_address_and_what_they_serve(browser, live):
    page = browser.get("/")
    said = words(page.text)
    assert "hello.localhost:8080" in said
    assert "#1 , 2 files, 28 B" in said
    links = [link.get("href") for link in Page(page.text).all("a")]
    assert "http://hello.localhost:8080/" in links
    assert any(link.startswith("http://localhost:8080/ipfs/bafy") for link in links)
    assert f"/flows/{live}" in links


def test_a_site_without_a_deploy_says_how_to_get_one(browser):
    with recording("test") as log:
        create_site(log, "bare", "Bare & <plain>")
    said = browser.get("/").text
    assert "flask deploy DIR --site bare" in said
    assert "Bare &amp; &lt;plain&gt;" in said


def test_older_flows_are_a_page_away(browser):
    for number in range(40):
        with recording("test") as log:
            create_site(log, f"site-{number}")
    first = browser.get("/").text
    (older,) = re.findall(r'href="(/\?before=[^"]+)"', first)
    second = browser.get(older).text
    on_first, on_second = (set(re.findall(r"/flows/[\w-]+", text)) for text in (first, second))
    assert len(on_first) == 25
    assert not on_first & on_second
    with reading() as db:
        assert len(on_first | on_second) == len(flow_page(db, 100))


@pytest.mark.parametrize("before", ["nothing", "%00", "%ff", "'; --", "x" * 500])
def test_a_place_in_the_list_that_is_none_is_no_mistake_of_ours(browser, before):
    assert browser.get(f"/?before={before}").status_code in (200, 404)


def test_a_flow_is_told_event_by_event(browser, live):
    said = words(browser.get(f"/flows/{live}").text)
    assert (
        said.index("site.deploy.requested")
        < said.index("sites.fetch_source")
        < said.index("site.deploy.published")
    )
    assert "Deploy hello #1 succeeded" in said
    assert "Somebody asked for a deploy. By cli:" in said
    assert "+0 ms" in said
    assert "00:00:00 UTC" in said
    assert "notifications.tell done nothing waits for it" in said
    assert "&lt;b&gt;First&lt;/b&gt;" in browser.get(f"/flows/{live}").text


def test_a_flow_that_is_over_is_not_watched(browser, live):
    page = Page(browser.get(f"/flows/{live}").text)
    assert not [div for div in page.all("div") if "data-stream" in div]
    assert not page.all("noscript")


def test_a_flow_that_goes_on_is_watched_and_reloads_itself_without_script(browser, terminal, folder):
    flow = terminal.json("deploy", folder, "--site", "hello", "--no-watch")["flow"]
    page = Page(browser.get(f"/flows/{flow}").text)
    (watched,) = [div["data-stream"] for div in page.all("div") if "data-stream" in div]
    assert {"http-equiv": "refresh", "content": "4"} in page.all("meta")
    assert page.all("noscript")
    assert watched.startswith(f"/v1/events/stream?flow={flow}&after=")
    answer = browser.get(watched)
    assert (answer.status_code, answer.mimetype) == (200, "text/event-stream")
    answer.close()


def test_a_failure_says_what_to_do(browser, terminal, folder, drain, monkeypatch):
    def refuse(*_blocks: object) -> None:
        raise PermanentError("backend_broken", "The disk has had enough.", "Buy another.")

    monkeypatch.setattr(MemoryStorage, "put", refuse)
    flow = terminal.json("deploy", folder, "--site", "hello", "--no-watch")["flow"]
    drain()
    text = browser.get(f"/flows/{flow}").text
    said = words(text)
    assert "The disk has had enough. Buy another. backend_broken in the stage “upload”" in said
    assert said.index("The disk has had enough.") < said.index("What happened")
    assert 'class="event bad"' in text
    assert "nothing live" in browser.get("/").text


def test_a_try_that_failed_says_when_the_next_one_comes(browser, terminal, folder, simulation, monkeypatch):
    def refuse(*_blocks: object) -> None:
        raise RetryableError("backend_busy", "The disk is busy.", "Nothing: it is tried again.")

    monkeypatch.setattr(MemoryStorage, "put", refuse)
    flow = terminal.json("deploy", folder, "--site", "hello", "--no-watch")["flow"]
    while simulation.messages:
        simulation.deliver()
    page = browser.get(f"/flows/{flow}")
    said = words(page.text)
    assert "storage.upload_artifact waiting again at 00:00:" in said
    assert "The disk is busy." in said
    assert "data-stream" in page.text
    assert "Deploy hello #1 waiting" in said


def test_what_people_should_look_at_stands_above_the_timeline(browser, terminal, folder, drain):
    (folder / "index.html").unlink()
    flow = terminal.json("deploy", folder, "--site", "hello", "--no-watch")["flow"]
    drain()
    assert "There is no index.html" in words(browser.get(f"/flows/{flow}").text).partition("What happened")[0]


def test_a_rollback_and_a_flow_without_deploy_have_pages_too(browser, terminal, live, folder, drain):
    (folder / "index.html").write_text("2")
    terminal("deploy", folder, "--site", "hello", "--no-watch")
    drain()
    flow = terminal.json("deploys", "rollback", "hello", "--no-watch")["flow"]
    drain()
    assert "Rollback hello #1" in browser.get(f"/flows/{flow}").text
    kinds = {each["kind"]: each["id"] for each in terminal.json("flows", "list")}
    assert "Token created the owner" in words(browser.get(f"/flows/{kinds['identity.token.created']}").text)
    assert browser.get(f"/flows/{kinds['site']}").status_code == 200


@pytest.mark.parametrize("flow", [UNKNOWN, "x", "%00", "%ff", "'--", "x" * 500])
def test_a_flow_that_is_not_there_is_a_friendly_404(browser, flow):
    answer = browser.get(f"/flows/{flow}")
    assert answer.status_code == 404
    if answer.mimetype == "text/html":
        assert "There is no such flow" in answer.text
        assert 'href="/"' in answer.text


def test_a_bearer_sees_the_pages_without_signing_in(application, live):
    headers = {"Authorization": f"Bearer {new_token('read')[1]}"}
    client = application.test_client()
    assert client.get(f"/flows/{live}", headers=headers).status_code == 200
    assert "Sign out" not in client.get("/", headers=headers).text
    for wrong in ("Bearer nothing", "Basic YTpi", "Bearer", ""):
        assert client.get("/", headers={"Authorization": wrong}).status_code == 401


def test_a_token_of_a_site_sees_that_site_alone(application, terminal, live):
    terminal("sites", "create", "secret-plans")
    other = terminal.json("flows", "list", "--limit", 1)[0]
    headers = {"Authorization": f"Bearer {new_token('deploy', site='hello')[1]}"}
    client = application.test_client()
    said = client.get("/", headers=headers).text
    assert "hello.localhost" in said
    assert "secret-plans" not in said
    assert client.get(f"/flows/{live}", headers=headers).status_code == 200
    assert client.get(f"/flows/{other['id']}", headers=headers).status_code == 404


@pytest.mark.parametrize("path", ["/", "/sign-in", f"/flows/{UNKNOWN}"])
def test_nothing_foreign_and_nothing_inline_is_loaded(browser, path):
    answer = browser.get(path)
    assert answer.headers["Content-Security-Policy"] == POLICY
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    page = Page(answer.text)
    own = [*page.all("script"), *page.all("link"), *page.all("img")]
    assert all((each.get("src") or each.get("href")).startswith("/static/") for each in own)
    assert not page.all("style")
    assert not [
        attributes for _, attributes in page.elements if {"style", "onclick", "onload"} & set(attributes)
    ]


@pytest.mark.parametrize("file", ["pages.css", "flow.js", "mark.svg"])
def test_what_the_pages_load_is_there_for_everybody(application, file):
    answer = application.test_client().get(f"/static/{file}", buffered=True)
    assert answer.status_code == 200
    assert "http" not in answer.text.replace("http://www.w3.org/2000/svg", "")
    assert "Set-Cookie" not in answer.headers
    assert application.test_client().get("/static/../pages.py").status_code == 404


@pytest.mark.parametrize("path", ["/", "/sign-in", "flow"])
def test_pages_can_be_walked_by_ear_and_by_keyboard(browser, live, path):
    page = Page(browser.get(f"/flows/{live}" if path == "flow" else path).text)
    assert page.all("html")[0]["lang"] == "en"
    assert [len(page.all(tag)) for tag in ("main", "footer", "h1")] == [1, 1, 1]
    headings = [int(tag[1]) for tag, _ in page.elements if re.fullmatch("h[1-6]", tag)]
    assert all(after - before <= 1 for before, after in pairwise(headings))
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert all(section.get("aria-labelledby") in ids for section in page.all("section"))
    assert page.all("a")[0]["href"] == "#main"


def test_without_a_database_a_page_says_so(browser, monkeypatch):
    def fail() -> None:
        raise DatabaseAway("SELECT 1", {}, Exception("gone"))

    browser.delete_cookie("antiphon")
    with monkeypatch.context() as patched:
        patched.setattr(database, "get_engine", fail)
        answer = browser.get("/", headers={"Authorization": "Bearer x"})
    assert answer.status_code == 503
    assert "The database does not answer." in answer.text
    assert "flask doctor" in answer.text
