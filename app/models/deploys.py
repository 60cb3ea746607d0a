"""Deploys: what is known of each, and the questions asked about them. `progress` has how facts move them."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    Index,
    Integer,
    String,
    Table,
    UniqueConstraint,
    select,
)

from app.engine import Json, Timestamp, folded, metadata, reading
from app.errors import NotFound, PlatformError
from app.models.rows import newest, one

Result = TypeVar("Result")

deploys = folded(
    Table(
        "deploys",
        metadata,
        Column("id", String(36), primary_key=True),
        Column("stream", String(200), nullable=False),
        Column("site_id", String(36), nullable=False),
        Column("site", String(63), nullable=False),
        Column("number", Integer, nullable=False),
        Column("status", String(20), nullable=False),
        Column("stage", String(20), nullable=True),  # how far it had come, once it ended unpublished
        Column("flow", String(36), nullable=False),  # the flow that it was asked for in
        Column("last_event", String(36), nullable=False),  # the event that brought it into its state
        Column(
            "last_flow", String(36), nullable=False, index=True
        ),  # that event's flow: a rollback's, perhaps
        Column("cid", String(100), nullable=True),
        Column("files", Integer, nullable=True),
        Column("bytes", BigInteger, nullable=True),
        Column("diff", Json(), nullable=True),
        Column("trigger", Json(), nullable=False),
        Column("source", Json(), nullable=False),
        Column("ref", String(500), nullable=True),
        Column("commit", String(500), nullable=True),
        Column("message", String(2000), nullable=True),
        Column("failure", Json(), nullable=True),
        Column("targets", Json(), nullable=False),
        Column("partial", Boolean, nullable=False),
        Column("warnings", Json(), nullable=False),
        Column("durations", Json(), nullable=False),  # milliseconds by stage
        Column("created_at", Timestamp(), nullable=False),
        Column("entered_at", Timestamp(), nullable=False),  # when it came into its state
        Column("published_at", Timestamp(), nullable=True),
        Column("completed_at", Timestamp(), nullable=True),
        Column("deadline_at", Timestamp(), nullable=True, index=True),
        UniqueConstraint("site_id", "number"),
        Index("ix_deploys_status", "site_id", "status"),
    )
)

#: States in which a deploy can still fail, be superseded or cancelled.
#: No site has so many deploys: the largest number that its column holds.
HIGHEST = 2**31 - 1
UNPUBLISHED = ("requested", "building", "packaging", "uploading", "ready")


@dataclass(frozen=True, slots=True)
class Deploy:
    """One row of `deploys`."""

    id: str
    stream: str
    site_id: str
    site: str
    number: int
    status: str
    stage: str | None
    flow: str
    last_event: str
    last_flow: str
    cid: str | None
    files: int | None
    bytes: int | None
    diff: dict[str, int] | None
    trigger: dict[str, Any]
    source: dict[str, Any]
    ref: str | None
    commit: str | None
    message: str | None
    failure: dict[str, Any] | None
    targets: list[dict[str, Any]]
    partial: bool
    warnings: list[dict[str, str]]
    durations: dict[str, int]
    created_at: datetime
    entered_at: datetime
    published_at: datetime | None
    completed_at: datetime | None
    deadline_at: datetime | None

    @property
    def deploy_id(self) -> str:
        """Its id, under the name that signals give it."""
        return self.id

    @property
    def unpublished(self) -> bool:
        """Whether it is on its way and not published yet."""
        return self.status in UNPUBLISHED


def get(db: Connection, deploy_id: str) -> Deploy | None:
    """A deploy by its id."""
    return one(db, Deploy, select(deploys).where(deploys.c.id == deploy_id))


def several(db: Connection, ids: Iterable[str]) -> dict[str, Deploy]:
    """Deploys by their ids; those that there are."""
    rows = db.execute(select(deploys).where(deploys.c.id.in_(list(ids))))
    return {row.id: Deploy(*row) for row in rows}


def require(db: Connection, deploy_id: str) -> Deploy:
    """A deploy by its id. Raises NotFound `deploy_not_found`."""
    deploy = get(db, deploy_id)
    if deploy is None:
        raise NotFound(
            "deploy_not_found", f"There is no deploy {deploy_id[:80]}.", "See the deploys of the site."
        )
    return deploy


def underway(db: Connection, deploy_id: str) -> Deploy | None:
    """The deploy if it is on its way and not published yet: else nothing more is to be done for it."""
    deploy = get(db, deploy_id)
    return deploy if deploy and deploy.unpublished else None


def while_underway(deploy_id: str, work: Callable[[Deploy], Result]) -> Result | None:
    """Do an outer action's work for a deploy; None when it is over.

    When it ends while the work goes on, its archive is cleared away: what the work raises then is of no
    interest.
    """
    with reading() as db:
        deploy = underway(db, deploy_id)
    if deploy is None:
        return None
    try:
        return work(deploy)
    except PlatformError:
        with reading() as db:
            if underway(db, deploy_id):
                raise
        return None


def moved_by_flow(db: Connection, flow: str) -> Deploy | None:
    """The deploy whose present state this flow brought about."""
    row = db.execute(select(deploys).where(deploys.c.last_flow == flow)).first()
    return None if row is None else Deploy(*row)


def underway_of_site(db: Connection, site_id: str, below: int | None = None) -> list[Deploy]:
    """The site's unpublished deploys on their way, oldest first; with `below` only of lower intent."""
    query = select(deploys).where(deploys.c.site_id == site_id, deploys.c.status.in_(UNPUBLISHED))
    if below is not None:
        query = query.where(deploys.c.number < below)
    return [Deploy(*row) for row in db.execute(query.order_by(deploys.c.number))]


def published_before(db: Connection, site_id: str, number: int) -> Deploy | None:
    """The newest deploy below `number` that has ever been published."""
    query = select(deploys).where(
        deploys.c.site_id == site_id, deploys.c.number < number, deploys.c.published_at.is_not(None)
    )
    return one(db, Deploy, newest(query, deploys.c.number, limit=1))


def page(db: Connection, site_id: str, limit: int, after: int | None = None) -> list[Deploy]:
    """A site's deploys, newest first; `after` is the number of the last one seen."""
    query = select(deploys).where(deploys.c.site_id == site_id)
    behind = None if after is None else min(after, HIGHEST)
    return [Deploy(*row) for row in db.execute(newest(query, deploys.c.number, limit, behind))]
