"""Backpressure: with too much to do already, whoever would begin a flow is told when to ask again."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, event, update

from app.api import backlog
from app.api.backlog import Backlog
from app.engine import now, reading
from app.engine.backlog import open_work
from app.engine.database import get_engine, writing
from app.engine.tables import reactions
from tests.fixtures.api import Api, recorded, refused, spooled

MOST = 3


@pytest.fixture
def tight(api: Api, monkeypatch: pytest.MonkeyPatch) -> Api:
    """A platform that takes on very little, and looks each time."""
    monkeypatch.setattr(backlog, "GOOD_FOR", 0.0)
    api.app.extensions["backlog"] = Backlog(MOST)
    return api


def set_all(**values: Any) -> None:
    with writing() as db:
        db.execute(update(reactions).values(**values))


def fill(api: Api) -> None:
    """Deploy until there is more to do than is taken on."""
    while count() <= MOST:
        api.deploy(message=str(count()))


def count() -> int:
    with reading() as db:
        return open_work(db, 1000)


class Unread:
    """A body that nobody may read."""

    def tell(self) -> int:
        return 0

    def seek(self, *_: int) -> int:
        return 10**6

    def close(self) -> None:
        pass

    def read(self, *_: int) -> bytes:
        raise AssertionError("the body was read")

    readline = read


def test_beyond_the_backlog_a_deploy_is_refused_before_its_body_is_read(tight: Api, tmp_path) -> None:
    fill(tight)
    before, files = len(recorded()), spooled(tmp_path)
    form = {"content_length": 10**6, "content_type": "multipart/form-data; boundary=x"}
    answer = tight.post("/v1/sites/hello/deploys", input_stream=Unread(), **form)
    problem = refused(answer, 429, "backlog_full")
    assert answer.headers["Retry-After"] == str(problem["evidence"]["retry_after"]) == "5"
    assert problem["evidence"]["limit"] == MOST
    assert (len(recorded()), spooled(tmp_path)) == (before, files)


def test_a_rollback_and_a_deploy_hook_are_refused_too(tight: Api) -> None:
    url = tight.post("/v1/sites/hello/deploy-hooks", {"name": "CI"}).json["url"]
    hook = "/hooks/" + url.partition("/hooks/")[2]
    fill(tight)
    before = len(recorded())
    refused(tight.post("/v1/sites/hello/rollback", {}), 429, "backlog_full")
    refused(Api(tight.app).upload(hook), 429, "backlog_full")
    assert len(recorded()) == before
    set_all(state="done", wake_at=None)
    refused(tight.post("/v1/sites/hello/rollback", {}), 409, "nothing_to_roll_back")
    assert Api(tight.app).upload(hook).status_code == 202


def test_when_the_work_is_done_deploys_are_taken_on_again(tight: Api) -> None:
    fill(tight)
    assert tight.upload("/v1/sites/hello/deploys").status_code == 429
    set_all(state="done", wake_at=None)
    assert tight.upload("/v1/sites/hello/deploys").status_code == 202


def test_what_begins_no_flow_of_work_goes_on(tight: Api) -> None:
    fill(tight)
    assert tight.get("/v1/sites/hello/deploys").status_code == 200
    assert tight.post("/v1/sites", {"slug": "another"}).status_code == 201


def test_whoever_repeats_what_was_accepted_gets_its_answer(tight: Api) -> None:
    first = tight.upload("/v1/sites/hello/deploys", key="again")
    fill(tight)
    repeat = tight.upload("/v1/sites/hello/deploys", key="again")
    assert (repeat.status_code, repeat.json["id"]) == (202, first.json["id"])
    refused(tight.upload("/v1/sites/hello/deploys", key="other"), 429, "backlog_full")


def test_who_may_not_deploy_is_told_that_first(tight: Api) -> None:
    fill(tight)
    refused(Api(tight.app).upload("/v1/sites/hello/deploys"), 401, "token_missing")
    refused(tight.upload("/v1/sites/none/deploys"), 404, "site_not_found")
    refused(tight.upload("/hooks/deploy/wrong"), 404, "deploy_hook_not_found")


@pytest.mark.parametrize(
    ("values", "counts"),
    [
        ({"state": "running"}, True),
        ({"state": "waiting", "waits_for": "retry"}, True),
        ({"state": "waiting", "waits_for": "slot"}, True),
        ({"state": "waiting", "waits_for": "key", "wake_at": None}, True),
        ({"state": "waiting", "waits_for": "event"}, False),
        ({"state": "waiting", "waits_for": "delay"}, False),
        ({"state": "done", "wake_at": None}, False),
        ({"state": "dead", "wake_at": None}, False),
    ],
    ids=str,
)
def test_what_is_worked_off_counts_and_what_waits_for_people_or_a_date_does_not(
    sqlite_api: Api, values: dict[str, Any], counts: bool
) -> None:
    sqlite_api.deploy()
    set_all(**({"wake_at": now() + timedelta(days=9)} | values))
    assert bool(count()) is counts


def test_the_open_work_is_counted_no_further_than_needed_and_by_an_index(sqlite_api: Api) -> None:
    for number in range(3):
        sqlite_api.deploy(message=str(number))
    with reading() as db, said(get_engine()) as statements:
        assert open_work(db, 2) == 2
        statement, parameters = next(each for each in statements if each[0].startswith("SELECT"))
        plan = db.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters).all()
    told = "\n".join(row[3] for row in plan)
    assert "ix_reactions_open" in told
    assert "ix_reactions_waiting" in told


@contextmanager
def said(engine: Engine) -> Iterator[list[tuple[str, Any]]]:
    found: list[tuple[str, Any]] = []
    listen = (engine, "before_cursor_execute", lambda *args: found.append((args[2], args[3])))
    event.listen(*listen)
    yield found
    event.remove(*listen)


def test_a_process_counts_once_a_second_for_all_of_its_requests(
    sqlite_api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[int] = []
    monkeypatch.setattr(backlog, "open_work", lambda _db, at_most: looks.append(at_most) or 0)
    busy, at = Backlog(7), [100.0]
    monkeypatch.setattr(backlog.time, "monotonic", lambda: at[0])
    for seconds in (0, 0.5, 0.4, 0.2, 0.7, 0.2):
        at[0] += seconds
        busy.wait()
    assert looks == [8, 8]


def test_the_longer_it_lasts_the_later_one_is_told_to_come_back(
    sqlite_api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    full, busy, at = [True], Backlog(7), [100.0]
    monkeypatch.setattr(backlog, "open_work", lambda _db, at_most: at_most if full[0] else 7)
    monkeypatch.setattr(backlog.time, "monotonic", lambda: at[0])
    told = []
    for seconds in (0, 3, 9, 30, 500):
        at[0] += seconds
        told.append(busy.wait())
    assert told == [5, 5, 12, 42, 60]
    full[0], at[0] = False, at[0] + 2
    assert busy.wait() == 0
    full[0], at[0] = True, at[0] + 2
    assert busy.wait() == 5


def test_the_document_says_where_this_can_come(sqlite_api: Api) -> None:
    paths = json.loads(sqlite_api.get("/openapi.json").text)["paths"]
    for path in ("/v1/sites/{slug}/deploys", "/v1/sites/{slug}/rollback", "/hooks/deploy/{secret}"):
        assert list(paths[path]["post"]["responses"]["429"]["content"]) == ["application/problem+json"]
    assert sum("429" in each["responses"] for methods in paths.values() for each in methods.values()) == 3
