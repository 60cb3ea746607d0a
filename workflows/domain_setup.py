"""How a site gets its host names.

A new site gets a label under the gateway's host at once. A name of somebody's own has to be proven and to
lead to us first: its records are looked at again and again, and each step that is done stays done, however
long the next one takes. Meanwhile the flow waits, and reminders name the one record that is missing.
"""

from app.engine import MINUTES, awaited, follow, on
from app.signals.certificates import DomainCertificateInstalled
from app.signals.domains import (
    DomainAdded,
    DomainCertificateHandedOver,
    DomainDnsConfigured,
    DomainRemoved,
    DomainSetupAdvanced,
    DomainSetupResumed,
    DomainVerificationRequested,
)
from app.signals.sites import SiteCreated
from tasks import domains, names

HOURS = 60 * MINUTES
YEARS = 365 * 24 * HOURS
#: What is not a label under the gateway's own host.
OWN = {"mode": ["manual", "delegated"]}
ENDS = DomainCertificateInstalled | DomainCertificateHandedOver | DomainRemoved
#: From here on somebody is waited for.
MOVED = DomainSetupAdvanced | DomainSetupResumed

on(SiteCreated, do=domains.add_default_hostname)
on(DomainAdded | DomainDnsConfigured, do=domains.sync_records)

on(DomainAdded, do=names.look_up, when=OWN, name="domain_setup:look_at_once")
on(DomainVerificationRequested, do=names.look_up, key="domain_id")
on(DomainDnsConfigured, do=names.certify)
on(awaited(DomainAdded, until=ENDS, by="domain_id", within=5 * YEARS), do=names.go_live, when=OWN)

follow(MOVED, do=names.remind, after=15 * MINUTES, name="domain_setup:remind_15min")
follow(MOVED, do=names.remind, after=4 * HOURS, name="domain_setup:remind_4h")
follow(MOVED, do=names.remind, after=24 * HOURS, name="domain_setup:remind_24h")
follow(MOVED, do=names.remind, after=72 * HOURS, name="domain_setup:remind_72h")
