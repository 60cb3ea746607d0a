"""How a worker waits for its broker. Apart from `celery` because only workers load this much of Celery."""

from functools import partial
from typing import Any

from celery import signals
from celery.utils.log import get_logger
from celery.worker.consumer import Consumer

#: Seconds between two tries to reach a broker that is away.
AGAIN_AFTER = 2


class PromptConsumer(Consumer):  # type: ignore[misc]  # celery ships no types
    """Celery's own, but back seconds after its broker is, where Celery's may wait half a minute more; and
    without many lines about a task that it does not know, which is nothing unusual in a rolling upgrade.
    """

    def ensure_connected(self, conn: Any) -> Any:
        """Connect, as often as it takes."""
        steady = {"interval_start": AGAIN_AFTER, "interval_step": 0, "interval_max": AGAIN_AFTER}
        conn.ensure_connection = partial(conn.ensure_connection, **steady)
        return super().ensure_connected(conn)

    def on_unknown_task(self, body: Any, message: Any, exc: Exception) -> None:
        """Drop the message; who hears the signal says what becomes of the reaction."""
        if not {"task", "id"} <= message.headers.keys():
            super().on_unknown_task(body, message, exc)  # it is none of ours
            return
        name, id_ = message.headers["task"], message.headers["id"]
        message.reject_log_error(get_logger(__name__), self.connection_errors)
        signals.task_unknown.send(sender=self, message=message, exc=exc, name=name, id=id_)
