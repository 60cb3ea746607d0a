"""What removed host names have left in our own zone, and when deleting it there is tried again."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Column, Connection, Integer, Row, String, Table, delete, insert, select, update

from app.engine import Json, Timestamp, deadline, fold, folded, metadata
from app.models import dnslinks
from app.models.dnslinks import PATIENCE, PAUSES
from app.models.rows import later, one, pause_after
from app.signals.dnslinks import DnsUpdateApplied
from app.signals.domains import DomainRemoved, DomainSignal
from app.signals.leftovers import DnsCleanupCompleted, DnsCleanupFailed, DnsCleanupRequested

leftovers = folded(
    Table(
        "leftovers",
        metadata,
        Column("id", String(36), primary_key=True),  # the domain's
        Column("stream", String(200), nullable=False),
        Column("site_id", String(36), nullable=False),
        Column("site", String(63), nullable=False),
        Column("hostname", String(253), nullable=False),
        Column("records", Json(), nullable=False),
        Column("failures", Integer, nullable=False),
        Column("deadline_at", Timestamp(), nullable=True, index=True),
    )
)


@dataclass(frozen=True, slots=True)
class Leftover:
    """One row of `leftovers`: `records` are the `records_to_clean` of `domain.removed`."""

    id: str
    stream: str
    site_id: str
    site: str
    hostname: str
    records: list[dict[str, Any]]
    failures: int
    deadline_at: datetime | None


def get(db: Connection, domain_id: str) -> Leftover | None:
    """What a removed host name has left, by the id of its domain."""
    return one(db, Leftover, select(leftovers).where(leftovers.c.id == domain_id))


@fold(DomainRemoved)
def leave(db: Connection, event: DomainRemoved) -> None:
    """The action that answers this event deletes it; should nothing come of that, it is asked for again."""
    if event.records_to_clean:
        _insert(db, event, event.records_to_clean, PATIENCE)


@fold(DnsUpdateApplied)
def come_late(db: Connection, event: DnsUpdateApplied) -> None:
    """What was written while its name was being removed is to go at once."""
    if dnslinks.get(db, event.domain_id) is None:
        written = {"name": event.fqdn, "type": "TXT", "values": [event.value]}
        known = get(db, event.domain_id)
        db.execute(delete(leftovers).where(leftovers.c.id == event.domain_id))
        _insert(db, event, [*(known.records if known else ()), written], 0)


@fold(DnsCleanupRequested)
def ask_again(db: Connection, event: DnsCleanupRequested) -> None:
    """It is asked for once more, unless it is gone meanwhile."""
    known = get(db, event.domain_id)
    if known is None:
        _insert(db, event, event.records_to_clean, PATIENCE)
    else:
        _change(db, event, deadline_at=later(event, max(pause_after(PAUSES, known.failures), PATIENCE)))


@fold(DnsCleanupFailed)
def fail(db: Connection, event: DnsCleanupFailed) -> None:
    """It is tried again after a while, for as long as it takes."""
    known = get(db, event.domain_id)
    if known is not None:
        again = later(event, pause_after(PAUSES, known.failures))
        _change(db, event, failures=known.failures + 1, deadline_at=again)


@fold(DnsCleanupCompleted)
def forget(db: Connection, event: DnsCleanupCompleted) -> None:
    """Nothing is left."""
    db.execute(delete(leftovers).where(leftovers.c.id == event.domain_id))


@deadline(leftovers)
def try_again(_db: Connection, row: Row[Any], _now: datetime) -> DnsCleanupRequested:
    """Ask for it in a flow of its own, so that no bound on loops ends the trying."""
    left = Leftover(**row._mapping)
    about = {"site_id": left.site_id, "site": left.site, "domain_id": left.id, "hostname": left.hostname}
    return DnsCleanupRequested(**about, records_to_clean=tuple(left.records), again=left.failures > 0)


def _insert(db: Connection, event: DomainSignal | DnsUpdateApplied, records: Any, seconds: float) -> None:
    about = {name: getattr(event, name) for name in ("site_id", "site", "hostname")}
    about |= {"id": event.domain_id, "stream": event.recorded.stream, "records": list(records)}
    db.execute(insert(leftovers).values(**about, failures=0, deadline_at=later(event, seconds)))


def _change(db: Connection, event: DomainSignal, **values: Any) -> None:
    db.execute(update(leftovers).where(leftovers.c.id == event.domain_id).values(**values))
