"""What people may let Deploys do by themselves when something happens."""

from app.engine import Signal, action, current
from app.errors import PermanentError
from app.models import deploys, endings, sites
from app.models.sites import Site
from app.signals.deploys import DeployCancelled
from app.signals.rollback import RollbackRequested


@action(exposed=True)
def roll_back(event: Signal, *, site: str, reason: str | None = None) -> RollbackRequested:
    """Go back to the deploy of a site that was published before the live one."""
    db, found = current().db, _locked(site)
    live = deploys.get(db, found.live_deploy_id) if found.live_deploy_id else None
    before = live and deploys.published_before(db, found.id, live.number)
    if before is None:
        what = f"{site} has no deploy before the live one that was published."
        raise PermanentError("nothing_to_roll_back", what, "There is nothing to go back to.")
    return RollbackRequested.of(
        before, intent=found.intent + 1, from_deploy_id=found.live_deploy_id, reason=reason
    )


@action(exposed=True)
def cancel(event: Signal, *, site: str) -> list[DeployCancelled]:
    """Cancel the deploys of a site that are not published yet."""
    by = f"listener:{current().listener}"
    return [
        endings.cancelled(deploy, "asked", by=by).within(deploy.last_flow, deploy.last_event)
        for deploy in deploys.underway_of_site(current().db, _locked(site).id)
    ]


def _locked(slug: str) -> Site:
    """The site, so that nothing of it changes any more until this attempt has ended."""
    db = current().db
    found = sites.by_slug(db, slug)
    if found is None:
        what = f"There is no site {slug[:80]}."
        raise PermanentError("site_not_found", what, "Correct the listener, or remove it.")
    current().lock(found.stream)
    return sites.require(db, slug)
