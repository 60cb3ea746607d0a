"""What Notifications does: tell people what happened, in words that say what to do next."""

import hashlib
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from app.engine import FailureSignal, Signal, action, current, now, reading
from app.errors import PlatformError
from app.models import channels, deploys, listeners, notifications, sites
from app.models.deploys import Deploy
from app.services.notify import channel_at, dedup_seconds, default_recipient, open_channel
from app.services.notify.port import Channel, Message
from app.services.outbound import open_outbound
from app.services.routing import page_of, url_for
from app.signals.channels import ChannelTestRequested
from app.signals.deploys import DeployCompleted, DeployFailed
from app.signals.dnslinks import DnsUpdateFailed
from app.signals.domains import DomainMisconfigured, DomainSetupCompleted, DomainSetupStalled
from app.signals.listeners import ListenerDisabled
from app.signals.notifications import NotificationFailed, NotificationSent, NotificationSuppressed
from app.signals.quotas import QuotaExceeded, ThresholdReached
from app.signals.telling import size
from app.signals.templates import lines, one_line, parse
from app.signals.usage import UsageMeasured
from app.signals.wording import failure_text, seen, worded

MINUTE, HOUR = 60, 3600
#: Seconds between the attempts, some eight hours in all: a mail server is mended within a working day.
PAUSES = (30, 2 * MINUTE, 10 * MINUTE, 30 * MINUTE, HOUR, 2 * HOUR, 4 * HOUR)

#: What is told of host names.
Named = DomainSetupStalled | DomainSetupCompleted | DomainMisconfigured | DnsUpdateFailed


@dataclass(frozen=True, slots=True)
class _Wish:
    """Who is to be told what."""

    to: str
    title: str
    text: str


@action(service="notify", fails_with=NotificationFailed, stage="notify", pauses=PAUSES, time_limit=120)
def tell(
    event: DeployCompleted | DeployFailed | ListenerDisabled | ThresholdReached | QuotaExceeded | Named,
) -> NotificationSent | NotificationSuppressed:
    """Tell the operator how a deploy ended, how host names fare, what is called no more, what is used up."""
    return _told(event, _Wish(default_recipient(), *_words(event)))


@action(service="notify", fails_with=NotificationFailed, stage="notify", pauses=PAUSES, time_limit=120)
def notify(event: Signal) -> NotificationSent | NotificationSuppressed | None:
    """Tell whom a configured listener names, in its words or ours."""
    with reading() as db:
        listener = listeners.get(db, current().listener)
    if listener is None or (isinstance(event, UsageMeasured) and event.meter == "notifications"):
        return None  # it was deleted meanwhile; or it would tell of its own messages without an end
    how = listener.spec["do"]["notify"]
    title, text = _words(event)
    if how.get("title"):
        title = one_line(parse(how["title"]).filled(seen(event))) or title
    if how.get("template"):
        text = lines(parse(how["template"]).filled(seen(event)))
    return _told(event, _Wish(how["to"], title, text))


@action(service="notify", fails_with=NotificationFailed, stage="notify", attempts=1, time_limit=120)
def send_test(event: ChannelTestRequested) -> NotificationSent:
    """Send a message by a channel, once, because somebody wants to see whether it works."""
    return _send(event, _Wish(event.name, *worded(event)))


def _told(event: Signal, wish: _Wish) -> NotificationSent | NotificationSuppressed:
    """Tell it; of a failure only if the recipient was not told the same a short while ago, nor is being told.
    In a replay everything is told.
    """
    if not isinstance(event, FailureSignal) or current().is_replay or not dedup_seconds():
        return _send(event, wish)
    likeness = _likeness(event, wish)
    instead, count = _said(event, likeness)
    if instead is not None:
        told = {"recipient": wish.to, "title": wish.title, "likeness": likeness}
        return NotificationSuppressed.about(event, reason="deduped", instead_of=instead, **told)
    return _send(event, wish, likeness=likeness, suppressed=count)


def _send(event: Signal, wish: _Wish, *, likeness: str = "", suppressed: int = 0) -> NotificationSent:
    told: dict[str, Any] = {"recipient": wish.to, "title": wish.title, "likeness": likeness}
    text = wish.text
    if suppressed:
        text = f"{text}\n\n{suppressed} more messages that said the same were held back before this one."
    key = current().idempotency_key
    try:
        channel, told["channel"] = _channel(wish.to)
        message_id = channel.send(Message(wish.to, wish.title, text, key, now()))
    except PlatformError as error:
        evidence = {**error.evidence, **told}
        raise type(error)(error.code, error.message, error.hint, evidence=evidence) from error
    return NotificationSent.about(
        event, text=text, provider_message_id=message_id, suppressed=suppressed, **told
    )


def _channel(to: str) -> tuple[Channel, str]:
    """The way to a recipient, and what the ledger calls it: an address, or else the name of a channel."""
    if "@" in to:
        channel = open_channel()
        return channel, channel.name
    with reading() as db:
        found = channels.require(db, to)
        url = channels.url_of(db, found.id)
    return channel_at(url, open_outbound().addresses), found.name


def _likeness(event: FailureSignal, wish: _Wish) -> str:
    """The same for failures with one code of one subject, told by one listener to one recipient."""
    recorded = event.recorded
    about = (current().listener, wish.to, recorded.type, recorded.subject, event.failure.code)
    return hashlib.sha256("\n".join(about).encode()).hexdigest()[:40]


def _said(event: FailureSignal, likeness: str) -> tuple[str | None, int]:
    """The event of which a message like this told within the window, or tells now; and how many such messages
    were suppressed since the last one.
    """
    since = event.recorded.time - timedelta(seconds=dedup_seconds())
    with reading() as db:
        instead, count = notifications.said_lately(db, likeness, since)
        being_said = notifications.being_said(db, current().listener, event.recorded, since)
    alike = (each for each, data in being_said if data["failure"]["code"] == event.failure.code)
    return instead or next(alike, None), count


def _words(event: Signal) -> tuple[str, str]:
    """The subject line and the text: what happened, why, and what next."""
    title, text = worded(event)
    if isinstance(event, DeployCompleted | DeployFailed):
        with reading() as db:
            deploy, site = deploys.get(db, event.deploy_id), sites.get(db, event.site_id)
            live = deploys.get(db, site.live_deploy_id) if site and site.live_deploy_id else None
        if isinstance(event, DeployFailed):
            stays = f"{event.site} #{live.number} stays live." if live else "Nothing is live yet."
            text = failure_text(event, stays)
        elif deploy is not None:
            title, text = _completed(event, deploy)
    if isinstance(event, DomainMisconfigured):
        text = lines("\n".join([text, *(f"{each['message']} {each['hint']}" for each in event.issues)]))
    return title, f"{text}\nMore: {page_of(event.recorded.flow)}"


def _completed(event: DeployCompleted, deploy: Deploy) -> tuple[str, str]:
    content = f"{deploy.files} files, {size(deploy.bytes or 0)}{_quoted(deploy.message)}"
    if event.status == "partial":
        missing = [target for target in event.targets if target.status in ("failed", "pending")]
        why = [f"{x.id} ({x.failure.message if x.failure else 'not reached yet'})" for x in missing]
        text = (
            f"{event.label} is served at {url_for(event.site)} ({content}), but not everything was reached:"
        )
        text = f"{text} {', '.join(why) or 'it took too long'}. Mend that, then deploy again."
        return f"{event.label} is live, with targets missing", lines(text)
    if any(target.status == "replaced" for target in event.targets):
        text = f"{event.label} ({content}) was published, and a newer deploy took its place at once."
        return f"{event.label} was live until a newer one replaced it", f"{text} There is nothing to do."
    text = f"{event.label} is served at {url_for(event.site)} ({content})."
    return f"{event.label} is live", f"{text} If it is wrong, roll back to the deploy before it."


def _quoted(message: str | None) -> str:
    first = one_line((message or "").strip().partition("\n")[0])
    return f", “{first}”" if first else ""
