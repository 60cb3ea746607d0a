"""Asking for an earlier deploy to be served again."""

from app.commands.sites import locked_site
from app.engine import Recording
from app.errors import Conflict, NotFound
from app.models import deploys
from app.models.deploys import Deploy
from app.models.sites import Site
from app.signals.rollback import RollbackRequested


def roll_back(log: Recording, slug: str, deploy_id: str | None = None, reason: str | None = None) -> Deploy:
    """Ask for a rollback to a deploy that was published before; returns that deploy. It draws an intent.

    Without `deploy_id` it is the newest one published before the live one. That is decided here, so that two
    impatient requests mean the same. NotFound `site_not_found`, `deploy_not_found`; Conflict
    `nothing_to_roll_back`, `deploy_never_published`, `deploy_already_live`.
    """
    site = locked_site(log, slug)
    target = _previous(log, site) if deploy_id is None else _named(log, site, deploy_id)
    log.record(
        RollbackRequested.of(
            target, intent=site.intent + 1, from_deploy_id=site.live_deploy_id, reason=reason
        )
    )
    return target


def _previous(log: Recording, site: Site) -> Deploy:
    live = site.live_deploy_id and deploys.get(log.db, site.live_deploy_id)
    before = live and deploys.published_before(log.db, site.id, live.number)
    if not before:
        what = "has only one published deploy so far" if live else "serves nothing yet"
        raise Conflict(
            "nothing_to_roll_back", f"{site.slug} {what}: there is nothing to go back to.", "Deploy first."
        )
    return before


def _named(log: Recording, site: Site, deploy_id: str) -> Deploy:
    deploy = deploys.get(log.db, deploy_id)
    if deploy is None or deploy.site_id != site.id:
        raise NotFound(
            "deploy_not_found", f"{site.slug} has no deploy {deploy_id[:80]}.", "See the site's deploys."
        )
    label = f"{site.slug} #{deploy.number}"
    if deploy.published_at is None:
        hint = "Roll back to a deploy that was live, or deploy its content again."
        raise Conflict("deploy_never_published", f"{label} was never published: it is {deploy.status}.", hint)
    if deploy.id == site.live_deploy_id:
        raise Conflict(
            "deploy_already_live", f"{label} is what {site.slug} serves now.", "There is nothing to do."
        )
    return deploy
