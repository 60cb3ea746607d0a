"""What happens to a site and its deploys together when the pointer to the live deploy moves or stays."""

from sqlalchemy import Connection, Update, update

from app.engine import fold
from app.models.deploys import deploys
from app.models.progress import move
from app.models.sites import sites
from app.signals.deploys import DeployPublished, DeploySkipped
from app.signals.rollback import DeployRolledBack
from app.signals.sites import SiteDeleted


@fold(DeployPublished)
def publish(db: Connection, event: DeployPublished) -> None:
    """The site serves this deploy; the one it served before becomes archived."""
    if move(db, event, "published", of=("ready",), published_at=event.recorded.time):
        _archive_live(db, event.site_id, event.deploy_id)
        db.execute(
            _site(event.site_id, event.number).values(live_deploy_id=event.deploy_id, live_cid=event.cid)
        )


@fold(DeployRolledBack)
def roll_back(db: Connection, event: DeployRolledBack) -> None:
    """The site serves an earlier deploy again, whose targets must be reached anew."""
    afresh = {"partial": False, "targets": [], "completed_at": None}
    if move(db, event, "published", of=("archived", "live", "published"), **afresh):
        _archive_live(db, event.site_id, event.deploy_id)
        db.execute(
            _site(event.site_id, event.intent).values(live_deploy_id=event.deploy_id, live_cid=event.to_cid)
        )


@fold(DeploySkipped)
def skip(db: Connection, event: DeploySkipped) -> None:
    """The wish is fulfilled as things are: older ones may not be fulfilled after it."""
    known = {
        "cid": event.cid,
        "files": event.files,
        "bytes": event.bytes,
        "completed_at": event.recorded.time,
    }
    if move(db, event, "skipped", of=("packaging",), **known):
        db.execute(_site(event.site_id, event.number))


@fold(SiteDeleted)
def take_down(db: Connection, event: SiteDeleted) -> None:
    """What a deleted site served is not live any more."""
    _archive_live(db, event.site_id)


def _site(site_id: str, intent: int) -> Update:
    return update(sites).where(sites.c.id == site_id).values(published_intent=intent)


def _archive_live(db: Connection, site_id: str, newly_live: str = "") -> None:
    served = (
        deploys.c.site_id == site_id,
        deploys.c.status.in_(("published", "live")),
        deploys.c.id != newly_live,
    )
    db.execute(update(deploys).where(*served).values(status="archived", deadline_at=None))
