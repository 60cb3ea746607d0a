"""What comes true, or turns out to fail, after a deploy was said to be complete."""

from sqlalchemy import Connection, update

from app.engine import fold
from app.models.deploys import deploys, get
from app.models.endings import MISSING
from app.signals.deploys import Target
from app.signals.dnslinks import DnsUpdateApplied, DnsUpdateFailed
from app.signals.domains import DomainTargetUpdated
from app.signals.ens import EnsUpdateConfirmed, EnsUpdateFailed, EnsUpdatePrepared, EnsUpdateSubmitted
from app.signals.storage import ContentPinned, PinFailed


@fold(DnsUpdateApplied, DnsUpdateFailed)
def settle_late(db: Connection, event: DnsUpdateApplied | DnsUpdateFailed) -> None:
    """A DNSLink that a complete deploy had missed is reached, or known to have failed, by now."""
    failure = event.failure if isinstance(event, DnsUpdateFailed) else None
    status = "failed" if failure else "updated"
    target = {"kind": "dnslink", "id": event.hostname, "status": status, "failure": failure}
    _settle(db, event.deploy_id, Target.model_validate(target))


@fold(EnsUpdatePrepared, EnsUpdateSubmitted, EnsUpdateConfirmed, EnsUpdateFailed)
def name_late(
    db: Connection, event: EnsUpdatePrepared | EnsUpdateSubmitted | EnsUpdateConfirmed | EnsUpdateFailed
) -> None:
    """An ENS name awaits others, leads to a complete deploy, or is known to have failed, by now."""
    failure = event.failure if isinstance(event, EnsUpdateFailed) else None
    reached = "updated" if isinstance(event, EnsUpdateConfirmed) else "awaiting"
    target = {"kind": "ens", "id": event.name, "status": "failed" if failure else reached}
    _settle(db, event.deploy_id, Target.model_validate({**target, "failure": failure}))


@fold(DomainTargetUpdated)
def lead_late(db: Connection, event: DomainTargetUpdated) -> None:
    """A host name leads to a complete deploy after all."""
    _settle(db, event.deploy_id, Target(kind="host", id=event.hostname, status="updated"))


@fold(ContentPinned)
def pin_late(db: Connection, event: ContentPinned) -> None:
    """A node keeps what it had failed to keep."""
    _settle(db, event.deploy_id, Target(kind="action", id=PinFailed.type, status="updated"))


def _settle(db: Connection, deploy_id: str, target: Target) -> None:
    """Put it in the place of what the deploy has missed, or awaits; without a miss it is live as a whole."""
    deploy = get(db, deploy_id)
    if deploy is None or deploy.completed_at is None:
        return
    known = [Target.model_validate(each) for each in deploy.targets]
    late = [each for each in known if (each.kind, each.id) == (target.kind, target.id)]
    if any(each.status in (*MISSING, "awaiting") for each in late):
        targets = [target if each in late else each for each in known]
        found = {"targets": [each.model_dump(mode="json") for each in targets]}
        partial = any(each.status in MISSING for each in targets)
        db.execute(update(deploys).where(deploys.c.id == deploy_id).values(**found, partial=partial))
