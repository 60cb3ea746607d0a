"""How DNSLinks follow what is live.

Whose `_dnslink` was delegated to our zone once, by a CNAME, has nothing more to do: the sync of the site's
host names asks for each DNSLink to be written, or, where an IPFS node is configured, the pinning does. It is
a branch of the deploy flow: a name that fails makes the deploy live in part and no more. That name is tried
again for as long as it takes, and then the deploy is whole. What was written for a name that is removed is
deleted again.
"""

from app.engine import follow, on
from app.signals.dnslinks import DnsUpdateApplied, DnsUpdateRequested
from app.signals.domains import DomainRemoved
from app.signals.leftovers import DnsCleanupRequested
from tasks import dnslinks, leftovers

on(DnsUpdateRequested, do=dnslinks.write_link, key="domain_id")
on(DomainRemoved | DnsCleanupRequested, do=leftovers.clear_records, key="domain_id")
follow(DnsUpdateApplied, do=dnslinks.see_link)
