"""What is told of a host name that is removed: the records that its owner may delete, and what we clear."""

from typing import Any

from app.dns.records import (
    CHALLENGE_LABEL,
    DNSLINK_LABEL,
    Ours,
    delegated_name,
    expected_records,
    record_types,
)
from app.engine import Recording
from app.models import dnslinks, setups, sites
from app.models.setups import Setup
from app.models.sites import Site
from app.signals.domains import DomainRemoved


def removed(log: Recording, setup: Setup, ours: Ours, reason: str = "asked") -> DomainRemoved:
    """The fact that a name leads to its site no more, in the flow of its set-up while that goes on."""
    told = DomainRemoved(
        **setup.about(),
        records=_of_its_owner(log, setup, ours),
        records_to_clean=_of_ours(log, setup, ours),
        reason=reason,
    )
    return told if setup.is_done else told.within(setup.flow, setup.last_event)


def remove_all(log: Recording, site: Site, ours: Ours) -> None:
    """Remove the host names of a site that is deleted; its stream is locked."""
    for setup in setups.of_site(log.db, site.id):
        log.record(removed(log, setup, ours, "site_deleted"))


def _of_its_owner(log: Recording, setup: Setup, ours: Ours) -> tuple[dict[str, str], ...]:
    site = sites.get(log.db, setup.site_id)
    link = f"/ipfs/{site.live_cid}" if site and site.live_cid else ""
    expected = expected_records(setup.hostname, setup.owner, ours, apex=setup.apex, dnslink=link)
    return tuple(
        {"name": each.name, "type": kind, "value": value}
        for each in expected
        for kind, values in record_types(each).items()
        for value in values
        if value
    )


def _of_ours(log: Recording, setup: Setup, ours: Ours) -> tuple[dict[str, Any], ...]:
    """The DNSLink that was written, or may have been; of a certificate's challenge whatever is there."""
    link, found = dnslinks.get(log.db, setup.id), []
    if link is not None:
        values = dict.fromkeys(filter(None, (link.value, f"dnslink=/ipfs/{link.cid}")))
        found.append({"name": link.fqdn, "type": "TXT", "values": list(values)})
    elif setup.mode == "delegated" and ours.zone:
        name = delegated_name(DNSLINK_LABEL, setup.owner, ours.zone)
        found.append({"name": name, "type": "TXT", "values": []})
    if setup.mode == "delegated" and ours.zone:
        name = delegated_name(CHALLENGE_LABEL, setup.owner, ours.zone)
        found.append({"name": name, "type": "TXT", "values": []})
    return tuple(found)
