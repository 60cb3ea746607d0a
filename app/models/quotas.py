"""Quotas: what they allow, and what was told of them in their present window."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    Index,
    String,
    Table,
    delete,
    insert,
    select,
    update,
)

from app.engine import Json, Timestamp, fold, folded, metadata
from app.errors import NotFound
from app.models import usage
from app.models.rows import newest, one
from app.models.usage import Span
from app.signals.quotas import QuotaDeleted, QuotaExceeded, QuotaRestored, QuotaSet, ThresholdReached
from app.signals.sites import SiteDeleted

quotas = folded(
    Table(
        "quotas",
        metadata,
        Column("id", String(36), primary_key=True),
        Column("stream", String(200), nullable=False),
        Column("meter", String(50), nullable=False),
        Column("limit", BigInteger, nullable=False),
        Column("window", String(10), nullable=False),
        Column("site_id", String(36), nullable=True),
        Column("site", String(63), nullable=True),
        Column("thresholds", Json(), nullable=False),
        Column("since", String(10), nullable=True),  # the day on which the window began that was told of
        Column("told", Json(), nullable=False),  # thresholds
        Column("exceeded", Boolean, nullable=False),
        Column("created_at", Timestamp(), nullable=False),
        Column("changed_at", Timestamp(), nullable=False),
        Index("ix_quotas_stream", "stream"),
    )
)


@dataclass(frozen=True, slots=True)
class Quota:
    """One row of `quotas`."""

    id: str
    stream: str
    meter: str
    limit: int
    window: str
    site_id: str | None
    site: str | None
    thresholds: list[int]
    since: str | None
    told: list[int]
    exceeded: bool
    created_at: datetime
    changed_at: datetime

    def began(self, now: datetime) -> str:
        """The day on which the present window began."""
        return f"{now:%Y-%m-%d}" if self.window == "day" else f"{now:%Y-%m}-01"


def get(db: Connection, quota_id: str) -> Quota | None:
    """A quota by its id."""
    return one(db, Quota, select(quotas).where(quotas.c.id == quota_id))


def require(db: Connection, quota_id: str) -> Quota:
    """A quota by its id. NotFound `quota_not_found`."""
    found = get(db, quota_id)
    if found is None:
        raise NotFound("quota_not_found", "There is no such quota.", "See the list of quotas.")
    return found


def every(db: Connection) -> list[Quota]:
    """All quotas, in the order in which they were made."""
    return [Quota(*row) for row in db.execute(select(quotas).order_by(quotas.c.id))]


def page(db: Connection, limit: int, after: str | None = None, only: str | None = None) -> list[Quota]:
    """Quotas, newest first, behind the id `after`; `only` those of one site."""
    query = select(quotas)
    if only is not None:
        query = query.where(quotas.c.site_id == only)
    return [Quota(*row) for row in db.execute(newest(query, quotas.c.id, limit, after))]


def like(db: Connection, stream: str, meter: str, window: str) -> Quota | None:
    """The quota on the same thing."""
    same = (quotas.c.stream == stream, quotas.c.meter == meter, quotas.c.window == window)
    row = db.execute(select(quotas).where(*same)).first()
    return None if row is None else Quota(*row)


def used(db: Connection, quota: Quota, now: datetime) -> tuple[int, str | None]:
    """What was used in the present window, and the newest event of that."""
    span = Span(quota.site_id, quota.began(now), f"{now:%Y-%m-%d}")
    return usage.total(db, span, quota.meter)


@fold(QuotaSet)
def put(db: Connection, event: QuotaSet) -> None:
    """A quota is made, or allows something else."""
    at = event.recorded.time
    values: dict[str, Any] = {
        "limit": event.limit,
        "thresholds": list(event.thresholds),
        "told": list(event.told),
        "changed_at": at,
    }
    if db.execute(update(quotas).where(quotas.c.id == event.quota_id).values(values)).rowcount:
        return
    about = event.model_dump(include={"meter", "window", "site_id", "site"})
    new = {"id": event.quota_id, "stream": event.recorded.stream, "exceeded": False, "created_at": at}
    db.execute(insert(quotas).values(new | about | values))


@fold(ThresholdReached, QuotaExceeded, QuotaRestored)
def tell(db: Connection, event: ThresholdReached | QuotaExceeded | QuotaRestored) -> None:
    """Something was told of the window; what was told of another one is over."""
    found = get(db, event.quota_id)
    if found is None:
        return
    told, exceeded = (found.told, found.exceeded) if found.since == event.since else ([], found.exceeded)
    if isinstance(event, ThresholdReached):
        told = [*told, event.percent]
    else:
        exceeded = isinstance(event, QuotaExceeded)
    values = {"since": event.since, "told": told, "exceeded": exceeded}
    db.execute(update(quotas).where(quotas.c.id == event.quota_id).values(values))


@fold(QuotaDeleted)
def remove(db: Connection, event: QuotaDeleted) -> None:
    """It is gone."""
    db.execute(delete(quotas).where(quotas.c.id == event.quota_id))


@fold(SiteDeleted)
def remove_of_site(db: Connection, event: SiteDeleted) -> None:
    """The quotas of a site go with it."""
    db.execute(delete(quotas).where(quotas.c.site_id == event.site_id))
