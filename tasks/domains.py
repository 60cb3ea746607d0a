"""What Domains does: give a site its host name, and make its host names lead to what is live."""

from app.engine import Signal, action, current, new_id
from app.models import deploys, dnslinks, domains, ens, sites
from app.models.deploys import Deploy
from app.services.dns import zone_name
from app.services.ipfs import open_ipfs
from app.services.routing import hostname_for
from app.signals.deploys import DeployPublished
from app.signals.dnslinks import DnsUpdateRequested
from app.signals.domains import (
    DomainAdded,
    DomainDnsConfigured,
    DomainSyncCompleted,
    DomainSyncFailed,
    DomainTargetUpdated,
)
from app.signals.ens import EnsUpdateRequested
from app.signals.rollback import DeployRolledBack
from app.signals.sites import SiteCreated
from app.signals.storage import ContentPinned


@action()
def add_default_hostname(event: SiteCreated) -> DomainAdded | None:
    """Give a new site its label under the gateway's host."""
    site = sites.get(current().db, event.site_id)
    if site is None or site.deleted:
        return None
    hostname = hostname_for(event.site)
    return DomainAdded(
        site_id=event.site_id,
        site=event.site,
        domain_id=new_id(),
        hostname=hostname,
        kind="subdomain",
        mode="default",
    )


@action(fails_with=DomainSyncFailed)
def sync_records(
    event: DeployPublished | DeployRolledBack | DomainAdded | DomainDnsConfigured,
) -> list[DomainTargetUpdated | DnsUpdateRequested | EnsUpdateRequested | DomainSyncCompleted] | None:
    """Make the site's host names lead to what is live; what is newer than the event has a sync of its own."""
    db = current().db
    site = sites.get(db, event.site_id)
    live = site and site.live_deploy_id
    about = live if isinstance(event, DomainAdded | DomainDnsConfigured) else event.deploy_id
    deploy = about and deploys.get(db, about)
    if not live or not deploy:
        return None
    known = domains.of_site(db, event.site_id)
    led_astray = [domain for domain in known if deploy.id == live and domain.deploy_id != live]
    updated = [
        DomainTargetUpdated.of(deploy, domain_id=x.id, hostname=x.hostname, cid=deploy.cid, mechanism="route")
        for x in led_astray
    ]
    unchanged = [domain.hostname for domain in known if domain not in led_astray]
    return [
        *updated,
        *(_followers(deploy, event) if deploy.id == live else ()),
        DomainSyncCompleted.of(deploy, updated=[x.hostname for x in led_astray], unchanged=unchanged),
    ]


@action()
def follow_pin(event: ContentPinned) -> list[DnsUpdateRequested | EnsUpdateRequested] | None:
    """Ask for the site's DNSLinks and ENS names to follow what a node keeps now, if that is live."""
    db = current().db
    site, deploy = sites.get(db, event.site_id), deploys.get(db, event.deploy_id)
    if not deploy or not site or site.live_deploy_id != deploy.id:
        return None
    return _followers(deploy, event)


def _followers(deploy: Deploy, event: Signal) -> list[DnsUpdateRequested | EnsUpdateRequested]:
    """The DNSLinks and ENS names that are to follow at once: where an IPFS node is configured, they follow
    its pin. To host names that come to a live site no ENS name has anything to say.
    """
    db, zone = current().db, zone_name()
    if open_ipfs() and not dnslinks.is_pinned(db, deploy.site_id, deploy.cid):
        return []
    names = [] if isinstance(event, DomainAdded | DomainDnsConfigured) else ens.requests(db, deploy)
    return [*(dnslinks.requests(db, deploy, zone) if zone else ()), *names]
