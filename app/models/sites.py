"""Sites: what is served under which slug, and the two intent numbers that decide which wish wins."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    Boolean,
    Column,
    Connection,
    Index,
    Integer,
    String,
    Table,
    bindparam,
    insert,
    select,
    text,
    update,
)

from app.engine import Json, Timestamp, fold, folded, metadata
from app.errors import NotFound
from app.models.rows import newest, one
from app.signals.deploys import DeployRequested
from app.signals.rollback import RollbackRequested
from app.signals.sites import SiteCreated, SiteDeleted, SiteUpdated

sites = folded(
    Table(
        "sites",
        metadata,
        Column("id", String(36), primary_key=True),
        Column("stream", String(200), nullable=False),
        Column("slug", String(63), nullable=False),
        Column("name", String(200), nullable=False),
        Column("live_deploy_id", String(36), nullable=True),
        Column("live_cid", String(100), nullable=True),
        Column("intent", Integer, nullable=False),  # the highest number drawn by a deploy or a rollback
        Column("published_intent", Integer, nullable=False),  # the highest number fulfilled
        Column("created_at", Timestamp(), nullable=False),
        Column("deleted", Boolean, nullable=False),
        Column("locked", Json(), nullable=True),  # who refuses new deploys, and why
        Column("paused", Json(), nullable=True),  # who refuses its visitors, and why
        Index(
            "uq_sites_slug",
            "slug",
            unique=True,
            # each database must recognise the condition of the queries, or it reads every site
            sqlite_where=text("deleted = 0"),
            postgresql_where=text("NOT deleted"),
        ),
    )
)


@dataclass(frozen=True, slots=True)
class Site:
    """One row of `sites`."""

    id: str
    stream: str
    slug: str
    name: str
    live_deploy_id: str | None
    live_cid: str | None
    intent: int
    published_intent: int
    created_at: datetime
    deleted: bool
    locked: dict[str, Any] | None
    paused: dict[str, Any] | None


def get(db: Connection, site_id: str) -> Site | None:
    """A site by its id, also one that was deleted."""
    return one(db, Site, select(sites).where(sites.c.id == site_id))


def by_slug(db: Connection, slug: str) -> Site | None:
    """The site that has this slug now."""
    return one(db, Site, select(sites).where(sites.c.slug == slug, ~sites.c.deleted))


def require(db: Connection, slug: str) -> Site:
    """The site that has this slug now. Raises NotFound `site_not_found`."""
    site = by_slug(db, slug)
    if site is None:
        raise NotFound(
            "site_not_found", f"There is no site called {slug[:80]}.", "See the list of sites, or create it."
        )
    return site


def page(db: Connection, limit: int, after: str | None = None, only: str | None = None) -> list[Site]:
    """Sites, newest first, behind the one with the id `after`; `only` the one that a token may see."""
    query = select(sites).where(~sites.c.deleted)
    if only is not None:
        query = query.where(sites.c.id == only)
    return [Site(*row) for row in db.execute(newest(query, sites.c.id, limit, after))]


_LIVE = select(sites.c.id, sites.c.live_cid, sites.c.paused.is_not(None)).where(
    sites.c.slug == bindparam("slug"), ~sites.c.deleted
)


def live(db: Connection, slug: str) -> tuple[str, str | None, bool] | None:
    """The id of the site of this slug, the CID that it serves, if any, and whether it is paused."""
    row = db.execute(_LIVE, {"slug": slug}).one_or_none()
    return None if row is None else (row[0], row[1], row[2])


@fold(SiteCreated)
def create(db: Connection, event: SiteCreated) -> None:
    """A site begins with nothing live and no intent drawn."""
    db.execute(
        insert(sites).values(
            id=event.site_id,
            stream=event.recorded.stream,
            slug=event.site,
            name=event.name,
            intent=0,
            published_intent=0,
            created_at=event.recorded.time,
            deleted=False,
        )
    )


@fold(SiteUpdated)
def change(db: Connection, event: SiteUpdated) -> None:
    """Only the name changes so far; unknown fields are for later readers."""
    if "name" in event.changed:
        db.execute(update(sites).where(sites.c.id == event.site_id).values(name=event.changed["name"][1]))


@fold(SiteDeleted)
def delete(db: Connection, event: SiteDeleted) -> None:
    """A deleted site serves nothing; its row stays because its deploys and events name it."""
    gone = {"deleted": True, "live_deploy_id": None, "live_cid": None}
    db.execute(update(sites).where(sites.c.id == event.site_id).values(gone))


@fold(DeployRequested, RollbackRequested)
def draw_intent(db: Connection, event: DeployRequested | RollbackRequested) -> None:
    """A wish took the next number."""
    drawn = event.number if isinstance(event, DeployRequested) else event.intent
    db.execute(update(sites).where(sites.c.id == event.site_id, sites.c.intent < drawn).values(intent=drawn))
