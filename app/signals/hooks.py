"""Deploy hooks of a site: addresses with a secret in them, by which a CI system deploys without a token."""

from app.signals.sites import SiteSignal


class DeployHookCreated(SiteSignal, type="site.deploy_hook.created"):
    """Somebody made a deploy hook. `name` is for people; the secret is nowhere in the log."""

    hook_id: str
    name: str

    @property
    def subject(self) -> str:
        """The hook."""
        return self.hook_id


class DeployHookDeleted(SiteSignal, type="site.deploy_hook.deleted"):
    """Somebody deleted a deploy hook: its address answers no longer."""

    hook_id: str

    @property
    def subject(self) -> str:
        """The hook."""
        return self.hook_id
