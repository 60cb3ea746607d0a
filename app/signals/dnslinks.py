"""DNSLinks: texts in our own zone that follow what is live, one for each host name delegated there."""

from app.engine import FailureSignal
from app.signals.deploys import DeploySignal, Finding


class DnsLinkSignal(DeploySignal):
    """Base of what happens to one text: `fqdn` is its name in our zone, and `cid` what it is to lead to.

    `again` says that it had failed before, for the same deploy.
    """

    domain_id: str
    hostname: str
    cid: str
    fqdn: str
    again: bool = False

    @property
    def value(self) -> str:
        """What the text says."""
        return f"dnslink=/ipfs/{self.cid}"


class DnsUpdateRequested(DnsLinkSignal, type="domain.dns_update.requested", starts="dns_update"):
    """A host name's DNSLink is to follow what is live: something new is, or it is time to try again."""


class DnsUpdateApplied(DnsLinkSignal, type="domain.dns_update.applied"):
    """The zone holds it, read back from the server that took it; not `changed` if it did before.

    `was` is what we knew it to hold; `serial` is the zone's, if known. `warnings`: `not_provided` where no
    IPFS node keeps the content.
    """

    backend: str
    zone: str
    was: str | None
    changed: bool
    serial: int | None
    warnings: tuple[Finding, ...] = ()


class DnsUpdateFailed(DnsLinkSignal, FailureSignal, type="domain.dns_update.failed"):
    """The zone holds what it held before, or nobody knows. The site is live all the same, but for DNSLink."""


class DnsPropagated(DnsLinkSignal, type="domain.dns.propagated"):
    """All servers of the zone say it, so many milliseconds after it was written."""

    text: str
    ms: int


class PropagationFailed(DnsLinkSignal, FailureSignal, type="domain.dns.propagation.failed"):
    """It was written, but after hours some server of the zone still says something else."""
