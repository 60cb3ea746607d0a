"""What Webhooks does: tell outside services of events by signed calls, as Standard Webhooks has it."""

import json

from app.engine import Event, Signal, action, current, now, reading
from app.engine.cloudevents import attributes
from app.engine.hearing import DISABLED
from app.models import listeners, webhooks
from app.models.webhooks import Health
from app.secrets.webhooks import signed
from app.services.outbound import open_outbound
from app.services.outbound.judging import judged
from app.services.routing import address_of
from app.signals.listeners import ListenerDisabled, WhyDisabled
from app.signals.webhooks import WebhookDelivered, WebhookFailed, WebhookTestRequested

MINUTE, HOUR = 60, 3600
#: Seconds between the attempts, some 75 hours in all, as the specification proposes.
PAUSES = (5, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 5 * HOUR, 10 * HOUR, 14 * HOUR, 20 * HOUR, 24 * HOUR)
#: A receiver that has taken nothing for so many days is not called any more.
MOST_DAYS = 5
#: Nor is one after such a failure.
FOR_GOOD: dict[str, WhyDisabled] = {"http_410": "gone_410", "ssrf_blocked": "ssrf_blocked"}


@action(service="webhooks", fails_with=WebhookFailed, pauses=PAUSES, tells_each=True, time_limit=60)
def deliver(event: Signal) -> WebhookDelivered | None:
    """Tell the receiver of a listener of an event. Every repeat bears the event's id as `webhook-id`."""
    return _call(event, current().listener)


@action(service="webhooks", fails_with=WebhookFailed, attempts=1, time_limit=60)
def call_once(event: WebhookTestRequested) -> WebhookDelivered | None:
    """Call the receiver of a listener once, since somebody wants to see whether it takes calls."""
    return _call(event, event.listener_id)


def _call(event: Signal, listener_id: str) -> WebhookDelivered | None:
    with reading() as db:
        listener = listeners.get(db, listener_id)
        secrets = webhooks.secrets_of(db, listener_id, now())
    if listener is None:
        return None  # it was deleted meanwhile
    webhook = listener.spec["do"]["webhook"]
    body = _body(event.recorded, thin=webhook.get("payload") == "thin")
    headers = {
        "content-type": "application/cloudevents+json; charset=utf-8",
        **signed(event.recorded.id, now(), body, secrets),
    }
    answer = judged(open_outbound().post(webhook["url"], body, headers), now())
    return WebhookDelivered.about(
        event,
        current().attempt,
        url_host=answer.host,
        http_status=answer.status,
        ms=answer.milliseconds,
        response_snippet=answer.snippet,
    )


def _body(event: Event, *, thin: bool) -> bytes:
    """The event, a thin one with `dataref` (an extension of CloudEvents) in place of its data."""
    told = attributes(event)
    told.pop("position", None)  # which comes after the event: a repeat has to be the same to the byte
    if thin:
        del told["data"], told["datacontenttype"]
        told["dataref"] = address_of(event.id)
    return json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode()


@action()
def disable_lost(event: WebhookFailed) -> ListenerDisabled | None:
    """Call a receiver no more that is gone, or has taken nothing for days."""
    db = current().db
    listener = listeners.get(db, event.listener_id)
    tested = event.event_type == WebhookTestRequested.type
    if listener is None or listener.state == DISABLED or tested:
        return None
    reason = _why_lost(event, webhooks.health_of(db, event.listener_id))
    if reason is None:
        return None
    about = {"listener_id": listener.id, "name": listener.name, "detail": event.failure.message}
    return ListenerDisabled(reason=reason, **about)


def _why_lost(event: WebhookFailed, health: Health | None) -> WhyDisabled | None:
    """Why no later call would do better, if so."""
    if event.failure.code in FOR_GOOD:
        return FOR_GOOD[event.failure.code]
    since = health.failing_since if health else None
    lost = since is not None and (event.recorded.time - since).days >= MOST_DAYS
    return "failing_since" if lost else None
