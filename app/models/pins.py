"""What an IPFS node was asked to keep for each site, until the site is deleted and the node has let it go."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Column, Connection, Integer, Row, String, Table, delete, exists, insert, select, update

from app.engine import Timestamp, deadline, fold, folded, metadata
from app.models.rows import later, one, pause_after
from app.models.sites import sites
from app.signals.pins import ContentUnpinned, UnpinFailed, UnpinRequested, UnpinSignal
from app.signals.storage import ContentPinned

pins = folded(
    Table(
        "pins",
        metadata,
        Column("site_id", String(36), primary_key=True),
        Column("cid", String(100), primary_key=True, index=True),
        Column("stream", String(200), nullable=False),
        Column("site", String(63), nullable=False),
        Column("state", String(10), nullable=False),  # kept, leaving
        Column("failures", Integer, nullable=False),
        Column("deadline_at", Timestamp(), nullable=True, index=True),
    )
)

#: Seconds from each failure to the next try, for as long as it takes: the last of them again and again.
PAUSES = (3600, 6 * 3600, 24 * 3600)


@dataclass(frozen=True, slots=True)
class Pin:
    """One row of `pins`."""

    site_id: str
    cid: str
    stream: str
    site: str
    state: str
    failures: int
    deadline_at: datetime | None


def get(db: Connection, site_id: str, cid: str) -> Pin | None:
    """What is kept for a site under a CID."""
    return one(db, Pin, select(pins).where(pins.c.site_id == site_id, pins.c.cid == cid))


def kept_for(db: Connection, site_id: str) -> list[str]:
    """The CIDs that are kept for a site."""
    query = select(pins.c.cid).where(pins.c.site_id == site_id, pins.c.state == "kept")
    return list(db.execute(query.order_by(pins.c.cid)).scalars())


def is_wanted(db: Connection, cid: str) -> bool:
    """Whether a site that is not deleted has this content: live, or in a deploy that it can go back to."""
    live = exists().where(sites.c.live_cid == cid, ~sites.c.deleted)
    kept = exists().where(
        pins.c.cid == cid, pins.c.state == "kept", pins.c.site_id == sites.c.id, ~sites.c.deleted
    )
    return bool(db.execute(select(live | kept)).scalar())


@fold(ContentPinned)
def keep(db: Connection, event: ContentPinned) -> None:
    """A node keeps it for this site from now on; what comes when the site is deleted is to leave at once."""
    db.execute(_row(delete(pins), event))
    about = {name: getattr(event, name) for name in ("site_id", "site", "cid")}
    row = {**about, "stream": event.recorded.stream, "state": "kept", "failures": 0}
    if db.execute(select(sites.c.deleted).where(sites.c.id == event.site_id)).scalar():
        row |= {"state": "leaving", "deadline_at": event.recorded.time}
    db.execute(insert(pins).values(row))


@fold(UnpinRequested)
def let_go(db: Connection, event: UnpinRequested) -> None:
    """It is to leave; should nothing come of that, it is asked for again."""
    again = later(event, PAUSES[-1])
    db.execute(_row(update(pins), event).values(state="leaving", deadline_at=again))


@fold(UnpinFailed)
def fail(db: Connection, event: UnpinFailed) -> None:
    """It is tried again after a while."""
    pin = get(db, event.site_id, event.cid)
    if pin is not None:
        again = later(event, pause_after(PAUSES, pin.failures))
        db.execute(_row(update(pins), event).values(failures=pin.failures + 1, deadline_at=again))


@fold(ContentUnpinned)
def forget(db: Connection, event: ContentUnpinned) -> None:
    """It has left, or is the business of another site."""
    db.execute(_row(delete(pins), event).where(pins.c.state == "leaving"))


@deadline(pins)
def try_again(_db: Connection, row: Row[Any], _now: datetime) -> UnpinRequested:
    """Ask for it once more, in a flow of its own."""
    pin = Pin(**row._mapping)
    return UnpinRequested(site_id=pin.site_id, site=pin.site, cid=pin.cid, again=pin.failures > 0)


def _row(statement: Any, event: ContentPinned | UnpinSignal) -> Any:
    return statement.where(pins.c.site_id == event.site_id, pins.c.cid == event.cid)
