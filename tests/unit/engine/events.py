"""Events as the log would hold them, for tests that have no log."""

from datetime import UTC, datetime
from typing import Any

from app.engine import Event


def event(type_: str = "shop.order.placed", **other: Any) -> Event:
    """An event of this type; `other` replaces any of its fields."""
    fields: dict[str, Any] = {
        "serial": 1,
        "id": "event-1",
        "position": None,
        "type": type_,
        "stream": "/orders/1",
        "sequence": 1,
        "time": datetime(2026, 1, 1, tzinfo=UTC),
        "subject": "1",
        "label": "order 1",
        "flow": "event-1",
        "cause": None,
        "actor": "token:me",
        "follower": False,
        "depth": 0,
        "data": {},
    }
    return Event(**fields | other)
