"""What Domains does for removed names: delete from our own zone what was written there for them."""

from typing import Any

from app.dns.names import is_below
from app.engine import action, current, reading
from app.models import leftovers
from app.services.dns import own_zone, zone_name
from app.services.dns.port import Change, OwnZone
from app.signals.domains import DomainRemoved
from app.signals.leftovers import DnsCleanupCompleted, DnsCleanupFailed, DnsCleanupRequested

#: Seconds between the attempts: a removal waits for none of them.
WRITTEN = (1, 5, 20)


@action(service="dns", fails_with=DnsCleanupFailed, stage="dns", pauses=WRITTEN, time_limit=60)
def clear_records(event: DomainRemoved | DnsCleanupRequested) -> DnsCleanupCompleted | None:
    """Delete what we wrote for a removed name, if it still says what we wrote. Twice is harmless."""
    with reading() as db:
        left = leftovers.get(db, event.domain_id)
    if left is None:
        return None
    zone = own_zone() if zone_name() else None
    deleted: list[str] = []
    kept: list[dict[str, Any]] = []
    for record in left.records:
        current().check()
        found = _cleared(zone, record)
        if found is None:
            kept.append(record)
        elif found:
            deleted.append(record["name"])
    about = event.model_dump(include={"site_id", "site", "domain_id", "hostname"})
    about |= {"records_to_clean": tuple(left.records), "again": left.failures > 0}
    return DnsCleanupCompleted(**about, deleted=tuple(deleted), kept=tuple(kept))


def _cleared(zone: OwnZone | None, record: dict[str, Any]) -> bool | None:
    """Whether it was there and is deleted now; None when it is not ours to delete."""
    name, kind, values = record["name"], record["type"], record["values"]
    if zone is None or not is_below(name, zone.zone):
        return None
    found = zone.read(name, kind)
    if found and values and not set(found) <= set(values):
        return None
    return zone.replace(Change(name=name, type=kind, values=(), was=found)).changed
