"""What people may let happen to a site in answer to an event: its gates close, and open again."""

from typing import Any

from app.engine import Signal, action, current
from app.errors import InvalidInput
from app.models import gates, sites
from app.models.sites import Site
from app.signals.gates import PublishingLocked, PublishingUnlocked, SitePaused, SiteResumed


@action(exposed=True)
def block_deploys(event: Signal, *, site: str | None = None, reason: str = "") -> PublishingLocked | None:
    """Refuse new deploys of a site: the one named, else the one that the event is about."""
    found = _site(event, site)
    return PublishingLocked(**_closing(found, event, reason)) if found.locked is None else None


@action(exposed=True)
def allow_deploys(event: Signal, *, site: str | None = None) -> PublishingUnlocked | None:
    """Take on deploys of a site again, unless a person has locked it."""
    found = _site(event, site)
    return PublishingUnlocked(**_opening(found)) if gates.is_ours(found.locked) else None


@action(exposed=True)
def pause_site(event: Signal, *, site: str | None = None, reason: str = "") -> SitePaused | None:
    """Serve nothing of a site: the one named, else the one that the event is about."""
    found = _site(event, site)
    return SitePaused(**_closing(found, event, reason)) if found.paused is None else None


@action(exposed=True)
def resume_site(event: Signal, *, site: str | None = None) -> SiteResumed | None:
    """Serve a site again, unless a person has paused it."""
    found = _site(event, site)
    return SiteResumed(**_opening(found)) if gates.is_ours(found.paused) else None


def _site(event: Signal, slug: str | None) -> Site:
    """The site, its stream locked. NotFound; InvalidInput `site_missing` when no site is named at all."""
    named = slug or getattr(event, "site", None)
    if not named:
        hint = 'Name one in the listener: "with": {"site": "hello"}.'
        raise InvalidInput("site_missing", f"{event.recorded.type} is about no site.", hint)
    current().lock(sites.require(current().db, named).stream)
    return sites.require(current().db, named)


def _closing(site: Site, event: Signal, reason: str) -> dict[str, Any]:
    quota = getattr(event, "quota_id", None)
    return {**_opening(site), "reason": reason or f"after {event.recorded.type}", "quota_id": quota}


def _opening(site: Site) -> dict[str, Any]:
    return {"site_id": site.id, "site": site.slug, "by": current().actor}
