"""Going back: the pointer moves to a deploy that was published before. Nothing is built or uploaded."""

from app.signals.deploys import DeploySignal


class RollbackRequested(DeploySignal, type="site.deploy.rollback_requested", starts="rollback"):
    """Somebody asked to serve this earlier deploy again. `intent` is the number drawn for the wish itself."""

    intent: int
    from_deploy_id: str
    reason: str | None = None


class DeployRolledBack(DeploySignal, type="site.deploy.rolled_back"):
    """The site serves this earlier deploy again, instead of `from_deploy_id`.

    `to_deploy_id` is the same as `deploy_id`, `to_cid` its content.
    """

    intent: int
    from_deploy_id: str | None
    to_deploy_id: str
    to_cid: str
    reason: str | None
    urls: tuple[str, ...]


class RollbackSuperseded(DeploySignal, type="site.deploy.rollback_superseded", ends="succeeded"):
    """A wish that came after the rollback's was fulfilled first, so the site stays with `by_deploy_id`."""

    intent: int
    by_deploy_id: str | None
