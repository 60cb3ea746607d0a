"""The gateway as its process puts it together: over the real database, storage and log."""

import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from werkzeug.test import Client, TestResponse

from app.content.cid import RAW, Cid
from app.services.storage.memory import shared_memory
from tests.fixtures.api import Api, recorded
from tests.fixtures.simulation import Simulation
from tests.unit.content.forge import SITE

ROOT = Path(__file__).parents[3]


@pytest.fixture
def live(simulation: Simulation, api: Api) -> Api:
    """Site hello is live."""
    shared_memory.cache_clear()
    api.deploy()
    simulation.drain()
    return api


def gateway() -> dict[str, Any]:
    return runpy.run_path(str(ROOT / "gateway.py"))


def get(path: str = "/", host: str = "hello.localhost:8080") -> TestResponse:
    return Client(gateway()["app"]).get(path, base_url=f"http://{host}")


def test_the_live_deploy_of_a_site_is_served_under_its_host_name(live: Api) -> None:
    cid = live.get("/v1/sites/hello").json["live_cid"]
    assert get().data == SITE["index.html"]
    assert get(f"/ipfs/{cid}/assets/app.js", "localhost:8080").data == SITE["assets/app.js"]
    assert get("/", "nobody.localhost:8080").status_code == 404
    live.delete("/v1/sites/hello")
    assert get().status_code == 404


def test_a_block_that_is_gone_is_a_typed_error_and_recorded_once(live: Api) -> None:
    lost = Cid.of(SITE["index.html"], RAW)
    del shared_memory().blobs[lost.key]
    for _ in range(3):
        answer = get()
        assert (answer.status_code, answer.json["code"]) == (500, "blob_missing")
    (failed,) = recorded("storage.integrity.failed")
    root = live.get("/v1/sites/hello").json["live_cid"]
    assert (failed.data["cid"], failed.data["site"]) == (str(lost), "hello")
    assert failed.data["path"] == f"/ipfs/{root}/"
    assert failed.data["failure"]["code"] == "blob_missing"
    assert failed.actor == "system:gateway"


def test_without_its_database_the_gateway_says_try_again(configure: Callable[..., None]) -> None:
    configure(DATABASE_URL="postgresql+psycopg://postgres@127.0.0.1:1/none")
    answer = get()
    assert (answer.status_code, answer.json["code"]) == (503, "database_unavailable")
    assert answer.headers["Retry-After"]


def test_a_loss_that_cannot_be_recorded_now_is_no_second_error(
    configure: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    configure(DATABASE_URL="postgresql+psycopg://postgres@127.0.0.1:1/none")
    process = gateway()
    lost = process["IntegrityProblem"](
        "cid", "ab" * 32, "/", None, "blob_missing", "Gone.", "Deploy again.", {}
    )
    process["report"](lost)
    assert "could not record a lost block" in capsys.readouterr().out
