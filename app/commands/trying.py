"""Trying out what listeners do."""

from app.engine import Recording
from app.errors import InvalidInput
from app.models import listeners
from app.signals.webhooks import WebhookTestRequested


def request_test(log: Recording, listener_id: str) -> str:
    """Have the receiver of a webhook called once, whether it is paused or disabled or not; returns the event
    that it is told of.

    NotFound `listener_not_found`; Conflict `listener_built_in`; InvalidInput `not_a_webhook`.
    """
    found = listeners.require(log.db, listener_id)
    if "webhook" not in found.spec["do"]:
        raise InvalidInput("not_a_webhook", f"{found.name} calls nobody.", "Only webhooks can be tested so.")
    return log.record(WebhookTestRequested(listener_id=found.id, name=found.name)).id
