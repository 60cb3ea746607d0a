"""The two gates of a site, as its row has them: who closed one, why, and what that means."""

from typing import Any

from sqlalchemy import Connection, update

from app.engine import fold
from app.errors import Conflict
from app.models.sites import Site, sites
from app.signals.gates import PublishingLocked, PublishingUnlocked, SitePaused, SiteResumed

#: How the names of those begin who close a gate in answer to an event.
_ACTION = "action:"


def check_unlocked(site: Site) -> None:
    """Conflict `quota_exceeded` or `site_locked` when a site takes on no new deploy."""
    lock = site.locked
    if lock is None:
        return
    why = f": {lock['reason']}" if lock["reason"] else ""
    if lock["quota_id"]:
        hint = "It takes some when the quota's window turns or its limit is raised; or ask an administrator."
        raise Conflict("quota_exceeded", f"{site.slug} takes no new deploys{why or ': over quota'}.", hint)
    hint = f"Unlock it first: flask sites unlock {site.slug}."
    raise Conflict("site_locked", f"{site.slug} is locked and takes no new deploys{why}.", hint)


def is_ours(closed: dict[str, Any] | None) -> bool:
    """Whether a gate is closed and a listener did it: what a person has closed only people open."""
    return closed is not None and str(closed["by"]).startswith(_ACTION)


@fold(PublishingLocked)
def lock(db: Connection, event: PublishingLocked) -> None:
    """The gate for deploys is closed."""
    _set(db, event.site_id, locked=_closed(event))


@fold(PublishingUnlocked)
def unlock(db: Connection, event: PublishingUnlocked) -> None:
    """The gate for deploys is open."""
    _set(db, event.site_id, locked=None)


@fold(SitePaused)
def pause(db: Connection, event: SitePaused) -> None:
    """The gate to visitors is closed."""
    _set(db, event.site_id, paused=_closed(event))


@fold(SiteResumed)
def resume(db: Connection, event: SiteResumed) -> None:
    """The gate to visitors is open."""
    _set(db, event.site_id, paused=None)


def _closed(event: PublishingLocked | SitePaused) -> dict[str, Any]:
    said = event.model_dump(include={"by", "reason", "quota_id"})
    return {**said, "since": event.recorded.time.isoformat()}


def _set(db: Connection, site_id: str, **gate: Any) -> None:
    db.execute(update(sites).where(sites.c.id == site_id).values(gate))
