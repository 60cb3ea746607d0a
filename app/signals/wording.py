"""What is told of an event when nobody has written a template: for every type a title and a text.

The important types have words of their own, which are templates too; the rest is told by its fields.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from app.engine import FailureSignal, Signal
from app.engine.cloudevents import attributes
from app.signals.advice import advice
from app.signals.deploys import DeployCompleted
from app.signals.telling import size, tell
from app.signals.templates import Template, lines, one_line, parse

_WORDS: dict[str, tuple[str, str]] = {
    "site.created": ("Site {data.site} was made", "{data.name} can be deployed now."),
    "site.updated": ("Site {data.site} was changed", "From what to what: {data.changed}."),
    "site.deleted": ("Site {data.site} was deleted", "It is served no longer, and its slug is free."),
    "site.deploy.requested": (
        "{label} was asked for",
        "By {data.requested_by} ({data.trigger.kind}), commit {data.commit}. {data.message}",
    ),
    "site.deploy.skipped": (
        "{label} changed nothing",
        "Its {data.files} files are what is live already. There is nothing to do.",
    ),
    "site.deploy.published": ("{label} is published", "It is served at {data.urls}, under {data.cid}."),
    "site.deploy.rolled_back": (
        "{data.site} went back to #{data.number}",
        "It is served at {data.urls}, under {data.to_cid}. Reason: {data.reason}",
    ),
    "site.deploy.superseded": (
        "{label} was overtaken",
        "A newer one was published first, when this one was at {data.at_stage}. There is nothing to do.",
    ),
    "site.deploy.cancelled": (
        "{label} was cancelled",
        "At {data.at_stage}, reason {data.reason}, by {data.by}.",
    ),
    "domain.added": ("{data.hostname} belongs to {data.site}", "It is a {data.kind}, set up as {data.mode}."),
    "domain.setup.completed": (
        "{data.hostname} is live",
        "It leads to site {data.site}, and is looked at every few hours. There is nothing to do.",
    ),
    "domain.certificate.installed": (
        "{data.hostname} has a certificate",
        "From {data.issuer}, until {data.not_after}. It will be renewed before. There is nothing to do.",
    ),
    "domain.certificate.expiring": (
        "The certificate of {data.hostname} ends",
        "In {data.days_left} days, at {data.not_after}. It could not be renewed: {data.why.message}\n"
        "What to do: {data.why.hint}",
    ),
    "domain.setup.resumed": (
        "{data.hostname} goes on at {data.step}",
        "It had waited there for {data.waited_s} seconds. There is nothing to do.",
    ),
    "domain.ownership.lapsed": (
        "{data.hostname} may be taken by another site",
        "Its proof has been gone for {data.gone_s} seconds. Site {data.site} is served under it until then.\n"
        "What to do: enter its TXT record again; flask domains show {data.hostname} says which.",
    ),
    "domain.removed": (
        "{data.hostname} leads to {data.site} no more",
        "Reason: {data.reason} (taken: another site has added it, since nobody proved it any more).",
    ),
    "domain.misconfigured": (
        "{data.hostname} does not lead here any more",
        "Its records are not as they were. Site {data.site} is served under it as far as they let it.",
    ),
    "domain.sync.completed": (
        "{label} is reached by its names",
        "New: {data.updated}. As before: {data.unchanged}.",
    ),
    "ens.record.drifted": (
        "{data.name} leads elsewhere",
        "Somebody else has changed it on the chain, to {data.decoded} ({data.onchain}). Site {data.site} is "
        "served as before.\nWhat to do: see flask ens show {data.name}. The next deploy sets it again.",
    ),
    "ens.update.prepared": (
        "{data.name} waits for your signature",
        "{label} is live under {data.cid}, and {data.name} is to lead there.\n"
        "What to do: open {data.deeplink} with the wallet of {data.owner}, or enter ipfs://{data.cid} as the "
        "content hash at https://app.ens.domains/{data.name}. More: flask ens show {data.name}",
    ),
    "ens.update.confirmed": (
        "{data.name} leads to {label}",
        "{data.confirmations} blocks say so, up to {data.block_number}: {data.cid}. There is nothing to do.",
    ),
    "identity.token.created": (
        "Token {data.name} was made",
        "It may {data.scopes}. Revoke it if nobody asked for it.",
    ),
    "identity.token.revoked": ("Token {data.name} was revoked", "It is good for nothing any more."),
    "listener.disabled": (
        "{data.name} is not called any more",
        "The listener was disabled ({data.reason}): {data.detail}\n"
        "What to do: mend what it calls, then flask listeners resume {data.listener_id}",
    ),
    "listener.condition_met": (
        "{data.name} is met",
        "{data.kind} of {data.entity}: events {data.events}, from {data.first_at} to {data.last_at}.",
    ),
    "platform.flow.recovered": ("{label} goes on", "Nothing had happened for {data.after_s} seconds."),
    "usage.threshold_reached": (
        "{label}: {data.percent} % are used",
        "{data.used} of {data.limit} in this {data.window}, which began on {data.since}.\n"
        "What to do: use less, or raise the quota: flask quotas.",
    ),
    "usage.quota_exceeded": (
        "{label}: the quota is used up",
        "{data.used} of {data.limit} in this {data.window}, which began on {data.since}.\n"
        "What to do: use less, or raise the quota: flask quotas.",
    ),
    "usage.quota_restored": (
        "{label}: there is room again",
        "{data.used} of {data.limit} in this {data.window}, which began on {data.since}.",
    ),
    "storage.integrity.restored": ("{label} is whole again", "There is nothing to do."),
    "notification.channel.test_requested": (
        "A test of {data.name}",
        "This channel works. Somebody asked for this message by flask channels test.",
    ),
}
#: Titles of failures that have no stage worth naming.
_FAILED: dict[str, str] = {
    "platform.reaction.dead_lettered": "{data.action} was given up",
    "platform.flow.stalled": "{label} is stuck",
    "site.deploy.stalled": "{label} is stuck at {data.failure.stage}",
    "webhook.failed": "A webhook could not be called",
    "storage.integrity.failed": "{label} is damaged",
    "domain.sync.failed": "{label}: its names could not be updated",
    "domain.certificate.failed": "{data.hostname} has no new certificate yet",
    "domain.certificate.reload.failed": "The proxy does not know the new certificate of {data.hostname}",
    "domain.setup.stalled": "{data.hostname} waits for you: {data.step}",
    "domain.verification.failed": "{data.hostname} is not proven to be yours any more",
    "domain.dns_update.failed": "{label}: the DNSLink of {data.hostname} could not be written",
    "domain.dns_cleanup.failed": "What was written for {data.hostname}, which is removed, is still there",
    "domain.dns.propagation.failed": "{label}: the DNSLink of {data.hostname} is not everywhere",
    "ens.record.verification.failed": "{data.name} cannot be followed on the chain",
    "ens.update.failed": "{label}: {data.name} could not be updated",
    "ens.update.stalled": "{label}: the update of {data.name} waits for a block",
    "storage.unpin.failed": "The IPFS node still keeps what {label} had",
    "storage.upload.failed": "{label}: the upload failed",
}

#: By type, the templates of title and text.
WORDS = {type_: (parse(title), parse(text)) for type_, (title, text) in _WORDS.items()}
#: By type of failure, the template of the title.
FAILED = {type_: parse(title) for type_, title in _FAILED.items()}


def seen(signal: Signal) -> dict[str, Any]:
    """What templates see of an event: itself as everybody sees it, and its label."""
    return attributes(signal.recorded) | {"label": signal.recorded.label}


def worded(signal: Signal) -> tuple[str, str]:
    """The title and the text that tell of an event."""
    if isinstance(signal, FailureSignal):
        return _title(signal), failure_text(signal)
    templates = WORDS.get(signal.type)
    if templates is None:
        return one_line(f"{signal.recorded.label}: {spoken(signal.type)}"), lines(by_fields(signal))
    title, text = (template.filled(seen(signal)) for template in templates)
    return one_line(title), lines(text)


def completed(event: DeployCompleted, url: str, content: tuple[int, int, str]) -> tuple[str, str]:
    """The same of a deploy that is served at `url`; `content` is its files, their bytes and its message."""
    files, many, message = content
    first = one_line(message.strip().partition("\n")[0])
    said = f"{files} files, {size(many)}{f', “{first}”' if first else ''}"
    if event.status == "partial":
        missing = [target for target in event.targets if target.status in ("failed", "pending")]
        why = [f"{x.id} ({x.failure.message if x.failure else 'not reached yet'})" for x in missing]
        text = f"{event.label} is served at {url} ({said}), but not everything was reached:"
        text = f"{text} {', '.join(why) or 'it took too long'}. Mend that, then deploy again."
        return f"{event.label} is live, with targets missing", lines(text)
    if any(target.status == "replaced" for target in event.targets):
        text = f"{event.label} ({said}) was published, and a newer deploy took its place at once."
        return f"{event.label} was live until a newer one replaced it", f"{text} There is nothing to do."
    text = f"{event.label} is served at {url} ({said})."
    return f"{event.label} is live", f"{text} If it is wrong, roll back to the deploy before it."


def failure_text(signal: FailureSignal, after: str = "") -> str:
    """What happened, why, and what to do next; `after` says how things stand now."""
    failure = signal.failure
    why, following = advice(failure.code)
    tried = f" It was tried {failure.attempt} times." if failure.attempt > 1 else ""
    told = [
        f"{failure.message} ({failure.code}){tried}",
        f"Why: {why}" if why else "",
        after,
        f"What to do: {failure.hint or following}",
        *_evidence(failure.evidence),
    ]
    return lines("\n".join(filter(None, told)))


def spoken(type_: str) -> str:
    """A type in words: `site.deploy.build_skipped` is "deploy build skipped"."""
    return " ".join(type_.split(".")[1:]).replace("_", " ")


def by_fields(signal: Signal) -> str:
    """What an event's fields say, the telling ones first, then each with its name."""
    phrases = ", ".join(tell(signal.recorded.data))
    return "\n".join(filter(None, [phrases and f"{phrases}.", *_named(signal.recorded.data)]))


def _title(signal: FailureSignal) -> str:
    template: Template | None = FAILED.get(signal.type)
    if template is not None:
        return one_line(template.filled(seen(signal)))
    return one_line(f"{signal.recorded.label} failed at {signal.failure.stage}")


def _evidence(evidence: Mapping[str, Any]) -> Iterator[str]:
    named = list(_named(evidence))
    if named:
        yield "Evidence:"
        yield from (f"  {line}" for line in named)


def _named(values: Mapping[str, Any]) -> Iterator[str]:
    for name in values:
        value = Template(((name,),)).filled(values)
        if value:
            yield f"{name}: {one_line(value, 500)}"
