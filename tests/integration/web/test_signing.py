"""Signing in and out: a token or a one-time link becomes a cookie, and nothing else does."""

from datetime import timedelta

import pytest
from flask.testing import FlaskClient

from app.commands.tokens import revoke_token
from app.engine import reading, recording
from app.models import sign_in
from tests.fixtures.visitors import new_token

OURS = "http://127.0.0.1:8000"


@pytest.fixture
def browser(application) -> FlaskClient:
    return application.test_client()


def code_for(token_id: str) -> str:
    with recording("test") as log:
        return sign_in.issue(log.db, token_id, log.now)


def signed_in(browser: FlaskClient) -> bool:
    return browser.get("/").status_code == 200


def test_a_token_becomes_a_cookie_that_no_script_and_no_other_site_can_use(browser):
    _, secret = new_token("read")
    answer = browser.post("/sign-in", data={"token": f" {secret}\n"})
    assert (answer.status_code, answer.location) == (303, "/")
    cookie = answer.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert "Path=/" in cookie
    assert secret not in cookie
    assert signed_in(browser)


def test_over_https_the_cookie_is_for_https_alone(application):
    application.config["SESSION_COOKIE_SECURE"] = True  # what `add_pages` sets for such a PUBLIC_URL
    answer = application.test_client().post("/sign-in", data={"token": new_token("read")[1]})
    assert "Secure" in answer.headers["Set-Cookie"]


@pytest.mark.parametrize("typed", ["", "ap_wrong", "ü" * 50, "x" * 10_000])
def test_another_token_is_refused_with_a_way_on(browser, typed):
    answer = browser.post("/sign-in", data={"token": typed})
    assert answer.status_code == 403
    assert "No such token is in force." in answer.text
    assert 'name="token"' in answer.text
    assert "Set-Cookie" not in answer.headers
    assert not signed_in(browser)


def test_who_is_not_signed_in_is_asked_to_on_the_spot_and_then_led_on(browser):
    asked = browser.get("/flows/abc?x=1")
    assert asked.status_code == 401
    assert asked.headers["WWW-Authenticate"] == "Bearer"
    assert 'value="/flows/abc?x=1"' in asked.text
    answer = browser.post("/sign-in", data={"token": new_token("read")[1], "next": "/flows/abc?x=1"})
    assert answer.location == "/flows/abc?x=1"


@pytest.mark.parametrize(
    "elsewhere",
    ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:x", "", "/\tx", "\n/x"],
)
def test_nobody_is_led_to_another_site(browser, elsewhere):
    answer = browser.post("/sign-in", data={"token": new_token("read")[1], "next": elsewhere})
    assert answer.location == "/"


def test_a_link_signs_in_once(application):
    token_id, _ = new_token("admin")
    code = code_for(token_id)
    first, second = application.test_client(), application.test_client()
    answer = first.get(f"/sign-in?code={code}")
    assert (answer.status_code, answer.location) == (303, "/")
    assert signed_in(first)
    again = second.get(f"/sign-in?code={code}")
    assert again.status_code == 403
    assert "used already" in again.text
    assert "Set-Cookie" not in again.headers
    assert not signed_in(second)


def test_a_link_is_not_used_up_by_who_only_looks_whether_it_is_there(browser):
    code = code_for(new_token("admin")[0])
    assert browser.head(f"/sign-in?code={code}").status_code == 200
    assert browser.get(f"/sign-in?code={code}").status_code == 303


def test_a_link_expires(browser, simulation):
    code = code_for(new_token("admin")[0])
    simulation.clock.shift(sign_in.GOOD_FOR + timedelta(seconds=1))
    assert browser.get(f"/sign-in?code={code}").status_code == 403


@pytest.mark.parametrize("code", ["", "wrong", "%00", "%ff", "x" * 3000])
def test_a_code_that_is_none_is_refused(browser, code):
    assert browser.get(f"/sign-in?code={code}").status_code == 403


def test_codes_are_kept_as_digests_and_cleared_away(simulation, application):
    with recording("test") as log:
        code = sign_in.issue(log.db, new_token_id := "t", log.now)
    with reading() as db:
        (row,) = db.execute(sign_in.sign_in_codes.select()).all()
    assert code not in str(row)
    simulation.clock.shift(timedelta(days=1))
    with recording("test") as log:
        assert sign_in.redeem(log.db, "another", log.now) is None
        assert log.db.execute(sign_in.sign_in_codes.select()).all() == []
    assert new_token_id == "t"


def test_revoking_the_token_ends_its_sessions(browser):
    token_id, secret = new_token("read")
    browser.post("/sign-in", data={"token": secret})
    with recording("test") as log:
        revoke_token(log, token_id)
    assert not signed_in(browser)


def test_signing_out_forgets_who_it_was(browser):
    browser.post("/sign-in", data={"token": new_token("read")[1]})
    answer = browser.post("/sign-out")
    assert (answer.status_code, answer.location) == (303, "/sign-in")
    assert not signed_in(browser)
    assert browser.get("/sign-out").status_code == 405


def test_a_cookie_that_we_did_not_sign_is_nobody(browser):
    browser.set_cookie("antiphon", "eyJ0b2tlbiI6ICIxIn0.forged.forged")
    assert not signed_in(browser)


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:8080"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
@pytest.mark.parametrize("path", ["/sign-in", "/sign-out"])
def test_a_form_of_another_site_does_nothing(browser, headers, path):
    _, secret = new_token("read")
    browser.post("/sign-in", data={"token": secret}, base_url=OURS)
    answer = browser.post(path, data={"token": secret}, headers=headers, base_url=OURS)
    assert answer.status_code == 403
    assert "another site" in answer.text
    assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": OURS},
        {"Sec-Fetch-Site": "same-origin", "Origin": "http://localhost"},
        {"Sec-Fetch-Site": "none"},
    ],
)
def test_our_own_form_is_taken(browser, headers):
    answer = browser.post("/sign-in", data={"token": new_token("read")[1]}, headers=headers)
    assert answer.status_code == 303


def test_behind_a_proxy_the_public_address_is_ours_too(application, browser):
    application.config["PUBLIC_URL"] = "https://deploy.example.org"
    origin = {"Origin": "https://deploy.example.org"}
    assert browser.post("/sign-in", data={"token": new_token("read")[1]}, headers=origin).status_code == 303


def test_a_cookie_reads_the_api_and_changes_nothing_in_it(browser):
    browser.post("/sign-in", data={"token": new_token("admin")[1]})
    assert browser.get("/v1/sites").status_code == 200
    assert browser.post("/v1/sites", json={"slug": "forged"}).status_code == 401
    assert browser.get("/v1/sites").json["items"] == []
