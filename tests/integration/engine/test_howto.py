"""The code of `docs/howto/shape-a-flow.md`, word for word, does what the page says."""

import re
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest
from sqlalchemy import select

from app.engine import reading, recording
from app.engine.actions import ACTIONS
from app.engine.listeners import LISTENERS
from app.engine.signal import SIGNALS
from app.engine.tables import events, flows
from tests.fixtures.simulation import START, Simulation

MISSED = "bakery.payment.missed"
PAGE = (Path(__file__).parents[3] / "docs" / "howto" / "shape-a-flow.md").read_text()


@pytest.fixture
def bakery(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The page's code as a module; what it declares is forgotten afterwards."""
    [code] = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    (tmp_path / "bakery.py").write_text(code)
    monkeypatch.syspath_prepend(tmp_path)
    for name, value in {"_by_name": {}, "_by_type": {}, "_by_until": {}, "_revision": ""}.items():
        monkeypatch.setattr(LISTENERS, name, value)
    before = set(SIGNALS), set(ACTIONS)
    monkeypatch.delitem(sys.modules, "bakery", raising=False)
    yield import_module("bakery")
    for registry, known in zip((SIGNALS, ACTIONS), before, strict=True):
        for name in set(registry) - known:
            del registry[name]


def test_the_page_ships_what_was_paid_and_misses_what_was_not(
    bakery: ModuleType, simulation: Simulation, capsys: pytest.CaptureFixture[str]
) -> None:
    for order in "ab":
        with recording() as work:
            work.record(bakery.OrderPlaced(order=order, customer="ann"))
    simulation.clock.move_to(START + timedelta(days=2))
    with recording() as work:
        paid = work.record(bakery.OrderPaid(order="a", customer="ann"))
    simulation.drain()
    assert capsys.readouterr().out.count(f"paid by {paid.id}") == 1
    with reading() as db:
        told = Counter((row.type, row.stream) for row in db.execute(select(events)))
        missed = db.execute(select(events.c.time).where(events.c.type == MISSED)).scalar_one()
        states = set(db.execute(select(flows.c.state)).scalars())
    assert told[MISSED, "/orders/b"] == 1
    assert (MISSED, "/orders/a") not in told
    assert timedelta(days=3) <= missed - START < timedelta(days=3, seconds=10)
    assert states == {"succeeded"}
