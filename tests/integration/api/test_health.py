"""What the process says of the parts that it leans on, when they are really there."""

import pytest

from app.engine import health
from app.factory import create_app
from app.services.spool import open_spool
from tests.fixtures.api import Api
from tests.fixtures.databases import wait_for
from tests.fixtures.processes import Platform


@pytest.mark.parametrize("platform", ["sqlite"], indirect=True)
def test_broker_and_workers_are_named_when_they_answer(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "GOOD_FOR", 0.01)
    api = Api(create_app(spool=open_spool()))

    def names() -> set[str]:
        ready = api.get("/readyz").json
        assert (ready["status"], ready["broker"]) == ("ok", "ok")
        return {name.partition("@")[0] for name in ready["workers"]}

    wait_for(lambda: names() == {"inner", "outer"}, what="both workers to be named")
    platform["redis"].stop()
    assert api.get("/readyz").json == {
        "status": "ok",
        "database": "ok",
        "broker": "unreachable",
        "workers": [],
    }
