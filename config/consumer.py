"""How a worker waits for its broker. Apart from `celery` because only workers load this much of Celery."""

from functools import partial
from typing import Any

from celery.worker.consumer import Consumer

#: Seconds between two tries to reach a broker that is away.
AGAIN_AFTER = 2


class PromptConsumer(Consumer):  # type: ignore[misc]  # celery ships no types
    """Celery's own, but back seconds after its broker is; Celery's may wait half a minute more."""

    def ensure_connected(self, conn: Any) -> Any:
        """Connect, as often as it takes."""
        steady = {"interval_start": AGAIN_AFTER, "interval_step": 0, "interval_max": AGAIN_AFTER}
        conn.ensure_connection = partial(conn.ensure_connection, **steady)
        return super().ensure_connected(conn)
