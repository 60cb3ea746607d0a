"""The two gates of a site that people, and listeners, may close: the one for new deploys, and the one to its
visitors.
"""

from app.signals.sites import SiteSignal


class GateClosed(SiteSignal):
    """Base of the closing of a gate: `by` whom, and for which `reason`; `quota_id` when a quota led to it."""

    by: str
    reason: str = ""
    quota_id: str | None = None


class GateOpened(SiteSignal):
    """Base of the opening of a gate: `by` whom."""

    by: str


class PublishingLocked(GateClosed, type="site.publishing_locked", starts="site"):
    """New deploys of a site are refused from here on; those under way go on, and what is live stays."""


class PublishingUnlocked(GateOpened, type="site.publishing_unlocked", starts="site"):
    """New deploys of a site are taken on again."""


class SitePaused(GateClosed, type="site.paused", starts="site"):
    """The gateway serves nothing of a site from here on, but says that it is paused."""


class SiteResumed(GateOpened, type="site.resumed", starts="site"):
    """The gateway serves a site again."""
