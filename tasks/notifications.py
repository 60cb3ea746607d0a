"""What Notifications does: tell people what happened, in words that say what to do next."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from app.engine import FailureSignal, Signal, action, current, now, reading
from app.errors import PlatformError
from app.models import channels, deploys, digests, listeners, notifications, sites
from app.services.notify import channel_at, dedup_seconds, default_recipient, open_channel
from app.services.notify.port import Channel, Message
from app.services.outbound import open_outbound
from app.services.routing import page_of, url_for
from app.signals.certificates import CertificateNews
from app.signals.channels import ChannelTestRequested
from app.signals.deploys import DeployCompleted, DeployFailed
from app.signals.digests import DigestDue, DigestHeld, HeldMessage
from app.signals.dnslinks import DnsUpdateFailed
from app.signals.domains import DomainMisconfigured, DomainNews
from app.signals.ens import EnsNews
from app.signals.leftovers import LeftoverNews
from app.signals.listeners import ListenerDisabled
from app.signals.notifications import NotificationFailed, NotificationSent, NotificationSuppressed
from app.signals.quiet import Reason, held_until, zone_of
from app.signals.quotas import QuotaExceeded, ThresholdReached
from app.signals.templates import lines, one_line, parse
from app.signals.usage import UsageMeasured
from app.signals.wording import completed, failure_text, seen, worded

MINUTE, HOUR = 60, 3600
#: Seconds between the attempts, some eight hours in all: a mail server is mended within a working day.
PAUSES = (30, 2 * MINUTE, 10 * MINUTE, 30 * MINUTE, HOUR, 2 * HOUR, 4 * HOUR)

#: What is told later.
Held = tuple[NotificationSuppressed, DigestHeld]
Named = DomainNews | DnsUpdateFailed | LeftoverNews | CertificateNews | EnsNews


@dataclass(frozen=True, slots=True)
class _Wish:
    """Who is to be told what."""

    to: str
    title: str
    text: str
    likeness: str = ""
    #: How many that said the same were held back before it.
    suppressed: int = 0


@action(service="notify", fails_with=NotificationFailed, stage="notify", pauses=PAUSES, time_limit=120)
def tell(
    event: DeployCompleted | DeployFailed | ListenerDisabled | ThresholdReached | QuotaExceeded | Named,
) -> NotificationSent | NotificationSuppressed:
    """Tell the operator how a deploy ended, how names fare, what is called no more, what is used up."""
    return _told(event, _Wish(default_recipient(), *_words(event)))


@action(service="notify", fails_with=NotificationFailed, stage="notify", pauses=PAUSES, time_limit=120)
def notify(event: Signal) -> NotificationSent | NotificationSuppressed | Held | None:
    """Tell whom a configured listener names, in its words or ours; at once, or when it says."""
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
    wish = _Wish(how["to"], title, text)
    later = None if current().is_replay else held_until(how, now())
    return _told(event, wish) if later is None else _held(event, wish, *later)


@action(service="notify", fails_with=NotificationFailed, stage="notify", pauses=PAUSES, time_limit=120)
def tell_digest(event: DigestDue) -> NotificationSent | None:
    """Tell in one message what was held back; a single one as it would have been told."""
    with reading() as db:
        listener = listeners.get(db, event.listener_id)
    if listener is None:
        return None  # it was deleted meanwhile
    if event.message is None:
        listing = event.listing(zone_of(listener.spec["do"]["notify"]))
        wish = _Wish(event.recipient, event.title, listing)
        return _send(event, wish, about={"listener_id": event.listener_id}, template="digest")
    only = event.message
    wish = _Wish(event.recipient, only.title, only.text, only.likeness, only.suppressed)
    return _send(event, wish, about=only.about)


@action(service="notify", fails_with=NotificationFailed, stage="notify", attempts=1, time_limit=120)
def send_test(event: ChannelTestRequested) -> NotificationSent:
    """Send a message by a channel, once, because somebody wants to see whether it works."""
    return _send(event, _Wish(event.name, *worded(event)))


def _told(event: Signal, wish: _Wish) -> NotificationSent | NotificationSuppressed:
    """Tell it, unless it is known."""
    fresh = _fresh(event, wish)
    return _send(event, fresh) if isinstance(fresh, _Wish) else fresh


def _held(event: Signal, wish: _Wish, reason: Reason, until: datetime) -> NotificationSuppressed | Held:
    """Hold it back for the digest that is open, or for one that is due then, unless it is known."""
    fresh = _fresh(event, wish)
    if not isinstance(fresh, _Wish):
        return fresh
    listener = current().listener
    with reading() as db:
        digest = digests.get(db, listener, wish.to)
    due = (digest.deadline_at if digest else None) or until
    held = NotificationSuppressed.about(event, reason=reason, until=due, recipient=wish.to, title=wish.title)
    known = {"likeness": fresh.likeness, "suppressed": fresh.suppressed}
    message = HeldMessage.of(held, text=wish.text, at=event.recorded.time, **known)
    return held, DigestHeld(listener_id=listener, recipient=wish.to, message=message, until=until)


def _fresh(event: Signal, wish: _Wish) -> _Wish | NotificationSuppressed:
    """What is to be told; of a failure nothing if the recipient was told the same a short while ago, or is
    being told. In a replay everything is told.
    """
    if not isinstance(event, FailureSignal) or current().is_replay or not dedup_seconds():
        return wish
    likeness = _likeness(event, wish)
    instead, count = _said(event, likeness)
    if instead is not None:
        told = {"recipient": wish.to, "title": wish.title, "likeness": likeness}
        return NotificationSuppressed.about(event, reason="deduped", instead_of=instead, **told)
    return replace(wish, likeness=likeness, suppressed=count)


def _send(
    event: Signal, wish: _Wish, about: Mapping[str, Any] | None = None, template: str = ""
) -> NotificationSent:
    """Send it; the ledger says what `event` is, or else what it is `about`."""
    told = {"recipient": wish.to, "title": wish.title, "likeness": wish.likeness, **(about or {})}
    text = wish.text
    if wish.suppressed:
        text = f"{text}\n\n{wish.suppressed} more messages that said the same were held back before this one."
    key = current().idempotency_key
    try:
        channel, told["channel"] = _channel(wish.to)
        message_id = channel.send(Message(wish.to, wish.title, text, key, now()))
    except PlatformError as error:
        evidence = {**error.evidence, **told}
        raise type(error)(error.code, error.message, error.hint, evidence=evidence) from error
    said = {"text": text, "suppressed": wish.suppressed, "template": template}
    return NotificationSent.about(event, provider_message_id=message_id, **said, **told)


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
            content = (deploy.files or 0, deploy.bytes or 0, deploy.message or "")
            title, text = completed(event, url_for(event.site), content)
    if isinstance(event, DomainMisconfigured):
        text = lines("\n".join([text, *(f"{each['message']} {each['hint']}" for each in event.issues)]))
    return title, f"{text}\nMore: {page_of(event.recorded.flow)}"
