"""A process in which nothing is declared yet: no signals, actions, listeners or folds."""

from collections.abc import Iterator

import pytest

from app.engine import folds
from app.engine.actions import ACTIONS
from app.engine.listeners import LISTENERS
from app.engine.signal import SIGNALS


@pytest.fixture(autouse=True)
def nothing_declared(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What a test declares is forgotten when it ends, and what others declared is there again."""
    known = [(registry, dict(registry)) for registry in (SIGNALS, ACTIONS, folds._folds)]
    for name, value in {"_by_name": {}, "_by_type": {}, "_by_until": {}, "_revision": ""}.items():
        monkeypatch.setattr(LISTENERS, name, value)
    for registry, _ in known:
        registry.clear()
    yield
    for registry, before in known:
        registry.clear()
        registry.update(before)
