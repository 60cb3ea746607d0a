"""What Notifications does: tell people how a deploy ended, in words that say what to do next."""

from app.engine import action, current, reading
from app.models import deploys, sites
from app.models.deploys import Deploy
from app.services.notify import default_recipient, open_channel
from app.services.notify.port import Message
from app.services.routing import url_for
from app.signals.deploys import DeployCompleted, DeployFailed
from app.signals.notifications import NotificationFailed, NotificationSent
from app.signals.telling import size


@action(service="notify", fails_with=NotificationFailed, stage="notify")
def tell(event: DeployCompleted | DeployFailed) -> NotificationSent | None:
    """Tell the operator how a deploy ended. Told twice it has the same key."""
    with reading() as db:
        deploy, site = deploys.get(db, event.deploy_id), sites.get(db, event.site_id)
        live = deploys.get(db, site.live_deploy_id) if site and site.live_deploy_id else None
    if deploy is None:
        return None
    title, text = _completed(event, deploy) if isinstance(event, DeployCompleted) else _failed(event, live)
    message = Message(recipient=default_recipient(), title=title, text=text, key=current().idempotency_key)
    channel = open_channel()
    message_id = channel.send(message)
    return NotificationSent.of(
        event,
        cause_event_id=event.recorded.id,
        channel=channel.name,
        recipient=message.recipient,
        title=title,
        text=text,
        provider_message_id=message_id,
    )


def _completed(event: DeployCompleted, deploy: Deploy) -> tuple[str, str]:
    """The subject line and the text: what happened, why, and what next."""
    content = f"{deploy.files} files, {size(deploy.bytes or 0)}{_quoted(deploy.message)}"
    if event.status == "partial":
        missing = [target for target in event.targets if target.status in ("failed", "pending")]
        why = [f"{x.id} ({x.failure.message if x.failure else 'not reached yet'})" for x in missing]
        text = (
            f"{event.label} is served at {url_for(event.site)} ({content}), but not everything was reached:"
        )
        return f"{event.label} is live, with targets missing", (
            f"{text} {', '.join(why) or 'it took too long'}. Mend that, then deploy again."
        )
    if any(target.status == "replaced" for target in event.targets):
        text = f"{event.label} ({content}) was published, and a newer deploy took its place at once."
        return f"{event.label} was live until a newer one replaced it", f"{text} There is nothing to do."
    text = f"{event.label} is served at {url_for(event.site)} ({content})."
    return f"{event.label} is live", f"{text} If it is wrong, roll back to the deploy before it."


def _failed(event: DeployFailed, live: Deploy | None) -> tuple[str, str]:
    failure = event.failure
    stays = f"{event.site} #{live.number} stays live." if live else "Nothing is live yet."
    text = f"{failure.message} ({failure.code}) {stays} {failure.hint}".rstrip()
    return f"{event.label} failed at {failure.stage}", text


def _quoted(message: str | None) -> str:
    lines = (message or "").strip().splitlines()
    return f", “{lines[0]}”" if lines else ""
