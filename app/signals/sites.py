"""What happens to a site itself. Everything about a site, deploys included, lives in the site's stream."""

from app.engine import Signal


class SiteSignal(Signal):
    """Base of everything about a site: its id, and `site`, its slug."""

    site_id: str
    site: str

    @property
    def stream(self) -> str:
        """The site's stream, in which everything about it happens in one order."""
        return site_stream(self.site_id)

    @property
    def subject(self) -> str:
        """The site."""
        return self.site_id

    @property
    def label(self) -> str:
        """The slug."""
        return self.site


def site_stream(site_id: str) -> str:
    """The stream of everything about a site."""
    return f"/sites/{site_id}"


class SiteCreated(SiteSignal, type="site.created", starts="site"):
    """Somebody made a site. `name` is for people; the slug is its label under the gateway's host."""

    name: str


class SiteUpdated(SiteSignal, type="site.updated"):
    """Somebody changed a site. `changed` holds `[old, new]` for each field that is now different."""

    changed: dict[str, tuple[str, str]]


class SiteDeleted(SiteSignal, type="site.deleted"):
    """Somebody deleted a site: it is served no longer, its slug is free, what is under way is cancelled."""
