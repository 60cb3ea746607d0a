"""What Usage does: count what was published, each publication once."""

from app.engine import action, current
from app.models import deploys, usage
from app.signals.domains import DomainSyncCompleted, DomainSyncFailed
from app.signals.usage import UsageMeasured


@action()
def measure_deploy(event: DomainSyncCompleted | DomainSyncFailed) -> list[UsageMeasured] | None:
    """Count the files and bytes that a publication made reachable; another sync of it counts nothing."""
    db = current().db
    flow = event.recorded.flow
    deploy = deploys.get(db, event.deploy_id) if event.deploy_id else None
    if deploy is None or deploy.last_flow != flow:
        return None
    amounts = (("published_bytes", deploy.bytes, "byte"), ("published_files", deploy.files, "file"))
    return [
        UsageMeasured.of(
            deploy,
            meter=meter,
            quantity=quantity,
            unit=unit,
            cause_event_id=event.recorded.id,
            idempotency_key=key,
        )
        for meter, quantity, unit in amounts
        if not usage.measured(db, key := f"{deploy.id}:{flow}:{meter}")
    ]
