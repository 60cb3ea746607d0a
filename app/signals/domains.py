"""Host names under which a site is reached, and which deploy each of them leads to."""

from typing import Literal

from app.engine import FailureSignal
from app.signals.deploys import DeploySignal
from app.signals.sites import SiteSignal


class DomainAdded(SiteSignal, type="domain.added"):
    """A host name belongs to the site from now on. `default` ones are labels under the gateway's own host."""

    domain_id: str
    hostname: str
    kind: Literal["subdomain"]
    mode: Literal["default"]

    @property
    def subject(self) -> str:
        """The domain."""
        return self.domain_id

    @property
    def label(self) -> str:
        """The host name."""
        return self.hostname


class DomainTargetUpdated(DeploySignal, type="domain.target.updated"):
    """A host name leads to this deploy from now on. `mechanism` says how: `route` is our own gateway."""

    domain_id: str
    hostname: str
    cid: str
    mechanism: Literal["route"]


class DomainSyncCompleted(DeploySignal, type="domain.sync.completed"):
    """The site's host names lead to this deploy: some now (`updated`), some did already, some could not."""

    updated: tuple[str, ...]
    unchanged: tuple[str, ...]
    failed: tuple[str, ...] = ()


class DomainSyncFailed(SiteSignal, FailureSignal, type="domain.sync.failed"):
    """The site's host names could not be made to lead to the live deploy; those that lead elsewhere still do.

    Without `deploy_id` it was the adding of a host name that asked for it.
    """

    deploy_id: str | None = None
    number: int | None = None
