"""`/v1/graph` beside processes of another version: what they declare is on the map, marked as theirs."""

from datetime import timedelta
from types import ModuleType

import pytest

from app.engine import follow, on, recording
from app.engine.declared import LATELY
from app.factory import create_app
from tests.fixtures.api import Api, refused
from tests.fixtures.simulation import Simulation
from tests.fixtures.toys import forget_listeners
from tests.integration.engine.looking import order


def test_the_map_shows_what_only_other_processes_declare_while_they_are_there(
    toys: ModuleType, simulation: Simulation, monkeypatch: pytest.MonkeyPatch
) -> None:
    api = Api(create_app()).bearing("read")
    follow(toys.Ordered, do=toys.note, name="newer:note")
    order(toys)  # as a newer process would
    forget_listeners(monkeypatch)
    on(toys.Ordered, do=toys.pack)
    with recording():
        pass
    listed = api.get("/v1/graph").json["listeners"]
    assert [each["name"] for each in listed if each["here"]] == ["test_graph:toys.pack"]
    assert "newer:note" in [each["name"] for each in listed if not each["here"]]
    assert "toys.note (elsewhere)" in api.get("/v1/graph?format=mermaid").text
    admin = api.bearing("admin")
    for dry_run in (True, False):
        wish = {"listener": "newer:note", "dry_run": dry_run}
        problem = refused(admin.post("/v1/replays", wish), 404, "listener_not_found")
        assert "declared by other processes, not by this one" in problem["detail"]
        assert "their version" in problem["hint"]
    simulation.clock.shift(timedelta(seconds=LATELY))
    problem = refused(admin.post("/v1/replays", wish), 404, "listener_not_found")
    assert "is not declared any more" in problem["detail"]
    assert [each["name"] for each in api.get("/v1/graph").json["listeners"]] == ["test_graph:toys.pack"]
