"""Closing and opening the gates of a site by hand. To ask twice is harmless."""

from typing import Literal

from app.commands.sites import locked_site
from app.engine import Recording
from app.errors import InvalidInput
from app.models import sites
from app.models.sites import Site
from app.signals.gates import PublishingLocked, PublishingUnlocked, SitePaused, SiteResumed

Gate = Literal["locked", "paused"]

CLOSED: dict[Gate, type[PublishingLocked] | type[SitePaused]] = {
    "locked": PublishingLocked,
    "paused": SitePaused,
}
OPENED: dict[Gate, type[PublishingUnlocked] | type[SiteResumed]] = {
    "locked": PublishingUnlocked,
    "paused": SiteResumed,
}
LONGEST = 500


def close_gate(log: Recording, slug: str, gate: Gate, reason: str = "") -> Site:
    """Refuse new deploys of a site (`locked`), or its visitors (`paused`). A gate that a listener has closed
    counts as closed by hand from then on. NotFound; InvalidInput `reason_invalid`.
    """
    if len(reason) > LONGEST:
        raise InvalidInput("reason_invalid", "The reason is too long.", f"Use at most {LONGEST} characters.")
    site = locked_site(log, slug)
    before, by = getattr(site, gate), log.origin.actor
    if before is None or (before["by"], before["reason"]) != (by, reason):
        log.record(CLOSED[gate](site_id=site.id, site=slug, by=by, reason=reason))
    return sites.require(log.db, slug)


def open_gate(log: Recording, slug: str, gate: Gate) -> Site:
    """Take on deploys, or serve, again, whoever has closed it. NotFound."""
    site = locked_site(log, slug)
    if getattr(site, gate) is not None:
        log.record(OPENED[gate](site_id=site.id, site=slug, by=log.origin.actor))
    return sites.require(log.db, slug)
