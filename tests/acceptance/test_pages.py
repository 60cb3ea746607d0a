"""One story in a real browser: somebody signs in, sees the first deploy go live as it happens, and leaves."""

import shutil
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.fixtures.visitors import Served, new_token

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
QUIET = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update")

pytestmark = pytest.mark.browser


@pytest.fixture
def chromium() -> Iterator[Browser]:
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        pytest.skip(f"none of {', '.join(NAMES)} is on PATH")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=list(QUIET))
        yield browser
        browser.close()


class Visit:
    """A page, and what went wrong on it: what its console says, and whom it asked besides our server."""

    def __init__(self, browser: Browser, served: Served, **options: object) -> None:
        self.page: Page = browser.new_context(base_url=served.url, **options).new_page()
        self.page.set_default_timeout(15_000)
        self.errors: list[str] = []
        self.foreign: list[str] = []
        host = urlsplit(served.url).netloc
        self.page.on("console", lambda said: self.errors.append(said.text) if said.type == "error" else None)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on(
            "request",
            lambda sent: None if urlsplit(sent.url).netloc == host else self.foreign.append(sent.url),
        )

    def sign_in(self, secret: str) -> None:
        self.page.goto("/sign-in")
        self.page.get_by_label("Token").fill(secret)
        self.page.get_by_role("button", name="Sign in").click()
        self.page.wait_for_url("**/")

    def fits(self) -> bool:
        """Whether nothing stands beyond the right edge."""
        return self.page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_a_person_signs_in_and_sees_the_first_deploy_go_live(chromium, served, folder):
    _, secret = new_token("admin", name="the owner")
    visit = Visit(chromium, served)
    nobody_sees_anything_before_signing_in(visit.page)
    visit.errors.clear()  # the browser notes the 401
    visit.sign_in(secret)
    expect(visit.page.get_by_role("heading", name="No site yet")).to_be_visible()
    flow = served.terminal(secret).json("deploy", folder, "--site", "hello", "--no-watch")["flow"]
    the_flow_is_seen_to_go_on(visit.page, served, flow)
    the_site_stands_on_the_first_page(visit.page)
    narrow_dark_and_without_script_it_is_all_there(chromium, served, secret, flow)
    visit.page.get_by_role("button", name="Sign out").click()
    expect(visit.page.get_by_role("heading", name="Sign in")).to_be_visible()
    assert visit.page.context.cookies() == []
    assert (visit.errors, visit.foreign) == ([], [])


def nobody_sees_anything_before_signing_in(page: Page) -> None:
    answer = page.goto("/")
    assert answer is not None
    assert answer.status == 401
    expect(page.get_by_label("Token")).to_be_focused()
    page.keyboard.type("ap_wrong")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("No such token is in force.")


def the_flow_is_seen_to_go_on(page: Page, served: Served, flow: str) -> None:
    """The page is loaded once; what happens afterwards comes by itself, and what was opened stays open."""
    page.goto("/")
    page.get_by_role("link", name="Deploy hello #1").click()
    state = page.get_by_role("status").locator(".state")
    expect(state).to_have_text("running")
    page.evaluate("window.loadedOnce = true")
    page.get_by_text("Data").first.click()
    served.work()
    expect(state).to_have_text("succeeded")
    expect(page.get_by_text("notification.sent")).to_be_visible()
    expect(page.locator("details[open] pre")).to_contain_text('"site": "hello"')
    assert page.evaluate("window.loadedOnce"), "the page was loaded again"
    assert page.url.endswith(flow)
    expect(page.locator("#flow")).not_to_have_attribute("data-stream", "")


def the_site_stands_on_the_first_page(page: Page) -> None:
    page.get_by_role("link", name="Sites and flows").click()
    card = page.get_by_role("listitem").filter(has=page.get_by_role("heading", name="hello"))
    expect(card).to_contain_text("live")
    expect(card.get_by_role("link", name="hello.localhost")).to_be_visible()


def narrow_dark_and_without_script_it_is_all_there(
    chromium: Browser, served: Served, secret: str, flow: str
) -> None:
    small = {"width": 340, "height": 700}
    visit = Visit(chromium, served, viewport=small, color_scheme="dark", java_script_enabled=False)
    visit.sign_in(secret)
    for path in ("/", f"/flows/{flow}"):
        visit.page.goto(path)
        expect(visit.page.get_by_role("main")).to_contain_text("hello #1")
    expect(visit.page.get_by_text("site.deploy.completed", exact=True)).to_be_visible()
    scripted = Visit(chromium, served, viewport=small, color_scheme="dark")
    scripted.sign_in(secret)
    for path in ("/", f"/flows/{flow}"):
        scripted.page.goto(path)
        assert scripted.fits(), path
    assert visit.errors == scripted.errors == []
