"""What Domains does for DNSLinks: let the texts in our own zone follow what is live, and see them arrive."""

from datetime import timedelta

from app.engine import action, current, now, reading
from app.errors import RetryableError
from app.models import dnslinks, sites
from app.services.dns import link_at, own_zone, zone_name
from app.services.dns.port import Change
from app.services.ipfs import open_ipfs
from app.signals.deploys import Finding
from app.signals.dnslinks import (
    DnsPropagated,
    DnsUpdateApplied,
    DnsUpdateFailed,
    DnsUpdateRequested,
    PropagationFailed,
)
from app.signals.leftovers import DnsCleanupRequested

#: Seconds between the attempts to write: a deploy that is live already waits for them.
WRITTEN = (1, 5, 20)
#: Seconds between the looks at the servers: some three hours, in which any secondary has fetched the zone.
SEEN = (2, 10, 30, 60, 300, 900, 3600, 7200)
#: Seconds for which resolvers may remember a DNSLink: a deploy is everywhere so soon.
TTL = 60
#: What is said where no IPFS node is configured.
NOT_PROVIDED = Finding(
    code="not_provided",
    message="No IPFS node keeps this content, so that IPFS cannot find what the DNSLink leads to.",
    hint="Set KUBO_API; visitors of the host name are served all the same.",
)


@action(service="dns", fails_with=DnsUpdateFailed, stage="dns", pauses=WRITTEN, time_limit=60)
def write_link(event: DnsUpdateRequested) -> DnsUpdateApplied | DnsCleanupRequested | None:
    """Write the DNSLink of what is live, in one act. Twice is harmless: what says so already is left alone.

    The first attempt stands on what we last wrote. When somebody else has changed it since, the next ones
    stand on what is there.
    """
    with reading() as db:
        link, site = dnslinks.get(db, event.domain_id), sites.get(db, event.site_id)
    if link is None and current().attempt > 1:
        return _left(event)
    if link is None or site is None or site.live_deploy_id != event.deploy_id or not zone_name():
        return None
    known = (link.value,) if link.value and current().attempt == 1 else None
    zone = own_zone()
    change = Change(name=event.fqdn, type="TXT", values=(event.value,), ttl=TTL, was=known)
    written = zone.replace(change)
    return DnsUpdateApplied(
        **event.model_dump(),
        backend=zone.name,
        zone=zone.zone,
        was=link.value,
        changed=written.changed,
        serial=written.serial,
        warnings=() if open_ipfs() else (NOT_PROVIDED,),
    )


@action(service="dns", fails_with=PropagationFailed, stage="propagate", pauses=SEEN, time_limit=60)
def see_link(event: DnsUpdateApplied) -> DnsPropagated | None:
    """Look until all servers of the zone say what was written, or something newer was."""
    with reading() as db:
        link = dnslinks.get(db, event.domain_id)
    if link is None or link.value != event.value or not zone_name():
        return None
    finding = link_at(event.fqdn, event.value)
    if not finding.ok and finding.verdict != "stale_cache":
        raise RetryableError(finding.code, finding.message, finding.hint)
    took = round((now() - event.recorded.time) / timedelta(milliseconds=1))
    about = event.model_dump(include=set(DnsUpdateRequested.model_fields))
    return DnsPropagated(**about, text=event.value, ms=took)


def _left(event: DnsUpdateRequested) -> DnsCleanupRequested:
    """What an attempt that died may have written before the name was removed."""
    about = event.model_dump(include={"site_id", "site", "domain_id", "hostname"})
    record = {"name": event.fqdn, "type": "TXT", "values": [event.value]}
    return DnsCleanupRequested(**about, records_to_clean=(record,))
