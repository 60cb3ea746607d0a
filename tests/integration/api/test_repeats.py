"""Requests that are sent again under one Idempotency-Key: done once, answered alike."""

import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from sqlalchemy import select

from app.engine import now, reading
from app.models.idempotency import idempotency
from tests.fixtures.api import SITE_ZIP, Api, recorded, refused, spooled
from tests.unit.content.forge import zip_of

REPLAYED = "Idempotency-Replayed"


def test_a_repeat_gets_the_first_answer_and_does_nothing(api: Api) -> None:
    first = api.post("/v1/sites", {"slug": "shop", "name": "Shop"}, key="k 1")
    again = api.post("/v1/sites", {"name": "Shop", "slug": "shop"}, key="k 1")
    assert REPLAYED not in first.headers
    assert again.headers[REPLAYED] == "true"
    assert (again.status_code, again.json) == (201, first.json)
    assert again.headers["Location"] == first.headers["Location"]
    assert len(recorded("site.created")) == 2


def test_the_answer_of_the_first_stands_though_things_have_changed(api: Api) -> None:
    first = api.post("/v1/sites", {"slug": "shop"}, key="k")
    api.delete("/v1/sites/shop")
    assert api.post("/v1/sites", {"slug": "shop"}, key="k").json == first.json
    refused(api.get("/v1/sites/shop"), 404, "site_not_found")


def test_another_request_under_the_same_key_is_refused(api: Api) -> None:
    api.post("/v1/sites", {"slug": "shop"}, key="k")
    refused(api.post("/v1/sites", {"slug": "shop2"}, key="k"), 422, "idempotency_key_reused")
    refused(
        api.post("/v1/sites/hello/deploy-hooks", {"slug": "shop"}, key="k"), 422, "idempotency_key_reused"
    )
    assert recorded("site.deploy_hook.created") == []


def test_two_tokens_may_use_the_same_key(api: Api) -> None:
    other = api.bearing("admin")
    assert api.post("/v1/sites", {"slug": "one"}, key="k").status_code == 201
    assert other.post("/v1/sites", {"slug": "two"}, key="k").status_code == 201


def test_what_was_refused_may_be_asked_again(api: Api) -> None:
    refused(api.post("/v1/sites", {"slug": "hello"}, key="k"), 409, "slug_taken")
    api.delete("/v1/sites/hello")
    assert api.post("/v1/sites", {"slug": "hello"}, key="k").status_code == 201


@pytest.mark.parametrize("key", ["x" * 256, " ", "é", "a\tb"])
def test_a_key_is_readable_text_of_at_most_255_characters(sqlite_api: Api, key: str) -> None:
    problem = refused(sqlite_api.post("/v1/sites", {"slug": "a"}, key=key), 422, "request_invalid")
    assert problem["evidence"]["errors"][0]["field"] == "Idempotency-Key"


def test_a_key_is_good_for_a_day(sqlite_api: Api) -> None:
    sqlite_api.post("/v1/sites", {"slug": "shop"}, key="k")
    with time_machine.travel(now() + timedelta(hours=23, minutes=59)):
        assert sqlite_api.post("/v1/sites", {"slug": "shop"}, key="k").headers[REPLAYED] == "true"
    with time_machine.travel(now() + timedelta(hours=24, minutes=1)):
        refused(sqlite_api.post("/v1/sites", {"slug": "shop"}, key="k"), 409, "slug_taken")


def test_a_repeated_upload_is_one_deploy(api: Api, tmp_path: Path) -> None:
    first = api.upload("/v1/sites/hello/deploys", key="k", ref="main")
    again = api.upload("/v1/sites/hello/deploys", key="k", ref="main")
    assert (again.status_code, again.json, again.headers[REPLAYED]) == (202, first.json, "true")
    assert again.headers["Location"] == first.headers["Location"]
    assert len(recorded("site.deploy.requested")) == len(spooled(tmp_path)) == 1


def test_an_upload_of_other_content_or_fields_under_the_same_key_is_refused(api: Api, tmp_path: Path) -> None:
    api.upload("/v1/sites/hello/deploys", key="k", ref="main")
    other = zip_of([("index.html", b"other")])
    refused(api.upload("/v1/sites/hello/deploys", other, key="k", ref="main"), 422, "idempotency_key_reused")
    refused(api.upload("/v1/sites/hello/deploys", key="k", ref="dev"), 422, "idempotency_key_reused")
    assert len(spooled(tmp_path)) == 1
    assert recorded("storage.upload.failed") == []


def test_of_uploads_at_once_under_one_key_one_is_done(api: Api, tmp_path: Path) -> None:
    answers: list[Any] = []
    together = threading.Barrier(4)

    def send() -> None:
        together.wait(10)
        answers.append(api.upload("/v1/sites/hello/deploys", key="k"))

    threads = [threading.Thread(target=send) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert [answer.status_code for answer in answers] == [202] * 4
    assert len({answer.json["id"] for answer in answers}) == 1
    assert sorted(REPLAYED in answer.headers for answer in answers) == [False, True, True, True]
    assert len(recorded("site.deploy.requested")) == len(spooled(tmp_path)) == 1


def test_a_repeat_shows_a_secret_again_though_it_is_stored_nowhere(api: Api) -> None:
    asked = {"name": "CI", "scopes": ["deploy"], "site": "hello"}
    first = api.post("/v1/tokens", asked, key="k").json
    assert api.post("/v1/tokens", asked, key="k").json == first
    hook = api.post("/v1/sites/hello/deploy-hooks", {"name": "CI"}, key="h").json
    assert api.post("/v1/sites/hello/deploy-hooks", {"name": "CI"}, key="h").json == hook
    with reading() as db:
        kept = str(db.execute(select(idempotency)).all())
    assert first["id"] in kept
    assert first["token"].removeprefix("ap_") not in kept
    assert hook["url"].rpartition("/")[2] not in kept


def test_a_repeat_does_not_show_a_secret_that_is_good_no_more(api: Api) -> None:
    asked = {"name": "CI", "scopes": ["deploy"]}
    first = api.post("/v1/tokens", asked, key="k").json
    api.delete(f"/v1/tokens/{first['id']}")
    assert api.post("/v1/tokens", asked, key="k").json == first | {"token": None}


def test_secrets_differ_whoever_asks_and_whatever_the_key(sqlite_api: Api) -> None:
    asked = {"name": "CI", "scopes": ["deploy"]}
    other = sqlite_api.bearing("admin")
    keys = [None, None, "k", "l"]
    made = [
        who.post("/v1/tokens", asked, key=key).json["token"] for who in (sqlite_api, other) for key in keys
    ]
    assert len(set(made)) == len(made)
    assert all(len(token) >= 46 for token in made)


def test_a_deploy_hook_has_keys_of_its_own(api: Api) -> None:
    hook = api.post("/v1/sites/hello/deploy-hooks", {"name": "CI"}).json
    path = hook["url"].partition("8000")[2]
    anybody = Api(api.app)
    first = anybody.upload(path, SITE_ZIP, key="k")
    assert anybody.upload(path, SITE_ZIP, key="k").json == first.json
    assert api.upload("/v1/sites/hello/deploys", SITE_ZIP, key="k").json["id"] != first.json["id"]
