"""What Notifications does: tell people how a deploy ended, in words that say what to do next."""

from app.engine import action, current, reading
from app.models import deploys, sites
from app.models.deploys import Deploy
from app.services.notify import default_recipient, open_channel
from app.services.notify.port import Message
from app.services.routing import url_for
from app.signals.deploys import DeployCompleted, DeployFailed
from app.signals.notifications import NotificationFailed, NotificationSent


@action(service="notify", fails_with=NotificationFailed, stage="notify")
def tell(event: DeployCompleted | DeployFailed) -> NotificationSent | None:
    """Tell the operator how a deploy ended. Told twice it has the same key."""
    with reading() as db:
        deploy = deploys.get(db, event.deploy_id)
        site = sites.get(db, event.site_id)
        live = site and site.live_deploy_id and deploys.get(db, site.live_deploy_id)
    if deploy is None:
        return None
    title, text = (
        _completed(event, deploy) if isinstance(event, DeployCompleted) else _failed(event, live or None)
    )
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
    what = f"{event.label} is served at {url_for(event.site)}: {deploy.files} files, {deploy.bytes} bytes."
    missing = [target for target in event.targets if target.status in ("failed", "pending")]
    if event.status == "ok":
        return (
            f"{event.label} is live",
            f"{what}{_said(deploy)} To go back, roll the site back to the deploy before.",
        )
    lines = [
        f"{target.id}: {target.failure.message if target.failure else 'not reached yet'}"
        for target in missing
    ]
    what = f"{what} Not everything was reached: {'; '.join(lines) or 'it took too long'}."
    return (
        f"{event.label} is live, with targets missing",
        f"{what} Deploy again, or look at the flow's failures.",
    )


def _failed(event: DeployFailed, live: Deploy | None) -> tuple[str, str]:
    failure = event.failure
    stays = f"{event.site} #{live.number} stays live." if live else "Nothing is live yet."
    text = f"{failure.message} ({failure.code}) {stays} {failure.hint}".rstrip()
    return f"{event.label} failed at {failure.stage}", text


def _said(deploy: Deploy) -> str:
    return (
        f" It holds “{deploy.message.splitlines()[0]}”." if deploy.message and deploy.message.strip() else ""
    )
