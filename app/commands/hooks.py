"""Making and deleting deploy hooks."""

from collections.abc import Callable

from app.commands.names import checked_name, drawn_secret
from app.commands.sites import locked_site
from app.engine import Recording, new_id
from app.models import credentials, hooks
from app.models.hooks import DeployHook
from app.signals.hooks import DeployHookCreated, DeployHookDeleted


def create_deploy_hook(
    log: Recording, slug: str, name: str, secret_for: Callable[[str], str] = drawn_secret
) -> tuple[DeployHook, str]:
    """Make a deploy hook; returns it and the secret of its address, which is shown once.

    `secret_for` makes the secret of the hook's id.
    InvalidInput `name_invalid`, NotFound `site_not_found`.
    """
    name = checked_name(name, "a deploy hook")
    site = locked_site(log, slug)
    hook_id = new_id()
    secret = secret_for(hook_id)
    log.record(DeployHookCreated(site_id=site.id, site=slug, hook_id=hook_id, name=name))
    credentials.store(log.db, credentials.DEPLOY_HOOK, hook_id, secret)
    return hooks.require(log.db, site.id, hook_id), secret


def delete_deploy_hook(log: Recording, slug: str, hook_id: str) -> None:
    """Delete a deploy hook of a site. NotFound `site_not_found`, `deploy_hook_not_found`."""
    site = locked_site(log, slug)
    hook = hooks.require(log.db, site.id, hook_id)
    credentials.forget(log.db, credentials.DEPLOY_HOOK, hook.id)
    log.record(DeployHookDeleted(site_id=site.id, site=slug, hook_id=hook.id))
