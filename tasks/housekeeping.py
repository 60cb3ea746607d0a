"""What is cleared away once nobody needs it any more."""

from app.engine import action, current, reading
from app.models import deploys
from app.models.endings import cancelled
from app.services.spool import open_spool
from app.signals.deploys import (
    DeployCancelled,
    DeployCompleted,
    DeployFailed,
    DeploySkipped,
    DeploySuperseded,
)
from app.signals.sites import SiteDeleted


@action(service="spool")
def clear_spool(
    event: DeployCompleted | DeployFailed | DeploySkipped | DeploySuperseded | DeployCancelled,
) -> None:
    """Remove the uploaded archive of a deploy that is over. Twice is harmless."""
    with reading() as db:
        deploy = deploys.get(db, event.deploy_id)
    if deploy:
        open_spool().remove(deploy.source["key"])


@action()
def cancel_deploys(event: SiteDeleted) -> list[DeployCancelled]:
    """Cancel what is under way for a site that was deleted."""
    return [
        cancelled(deploy, "site_deleted", by=event.recorded.actor).within(deploy.last_flow, deploy.last_event)
        for deploy in deploys.underway_of_site(current().db, event.site_id)
    ]
