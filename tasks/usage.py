"""What Usage does: count what was deployed, stored, published and told, each fact once."""

from app.engine import Signal, action, current
from app.engine.log import get_event
from app.models import deploys, usage
from app.signals.deploys import DeployPublished
from app.signals.domains import DomainSyncCompleted, DomainSyncFailed
from app.signals.ens import EnsUpdateConfirmed
from app.signals.notifications import NotificationSent
from app.signals.storage import UploadCompleted
from app.signals.usage import METERS, Meter, UsageMeasured
from app.signals.webhooks import WebhookDelivered


@action()
def measure_upload(event: UploadCompleted) -> list[UsageMeasured]:
    """Count the bytes of what was uploaded, and those of them that storage did not have before."""
    return _counted(event, storage_bytes=event.bytes, storage_bytes_deduplicated=event.new_bytes)


@action()
def measure_publication(event: DeployPublished) -> list[UsageMeasured]:
    """Count a deploy that went live."""
    return _counted(event, deploys=1)


@action()
def measure_deploy(event: DomainSyncCompleted | DomainSyncFailed) -> list[UsageMeasured] | None:
    """Count the files and bytes that a publication made reachable; another sync of it counts nothing."""
    db = current().db
    flow = event.recorded.flow
    deploy = deploys.get(db, event.deploy_id) if event.deploy_id else None
    if deploy is None or deploy.last_flow != flow:
        return None
    amounts: dict[Meter, int] = {"published_bytes": deploy.bytes or 0, "published_files": deploy.files or 0}
    about = {"site_id": deploy.site_id, "site": deploy.site, "deploy_id": deploy.id, "number": deploy.number}
    return [
        UsageMeasured.counting(event, meter, quantity, **about, idempotency_key=key)
        for meter, quantity in amounts.items()
        if not usage.measured(db, key := f"{deploy.id}:{flow}:{meter}")
    ]


@action()
def measure_gas(event: EnsUpdateConfirmed) -> list[UsageMeasured]:
    """Count what a transaction of our own signer took of the chain; a wallet's is its owner's business."""
    return _counted(event, ens_gas=event.gas_used) if event.gas_used else []


@action()
def measure_call(event: WebhookDelivered) -> list[UsageMeasured]:
    """Count a call that its receiver took, for the site of what it told of."""
    return _told(event, event.event_id, webhooks=1)


@action()
def measure_message(event: NotificationSent) -> list[UsageMeasured]:
    """Count a message that was sent."""
    return _told(event, event.cause_event_id, notifications=1)


def _told(event: Signal, of: str, **amounts: int) -> list[UsageMeasured]:
    """What telling of the event with the id `of` used. To tell of usage is not counted: that would be usage
    to be told of again.
    """
    about = get_event(current().db, of)
    if about is None or about.type == UsageMeasured.type:
        return []
    site = {name: about.data.get(name) for name in ("site_id", "site")}
    return [each.model_copy(update=site) for each in _counted(event, **amounts)]


def _counted(event: Signal, **amounts: int) -> list[UsageMeasured]:
    """Each amount that an event stands for, unless it was counted before."""
    found = [UsageMeasured.counting(event, meter, amounts[meter]) for meter in METERS if meter in amounts]
    return [each for each in found if not usage.measured(current().db, each.idempotency_key)]
