"""How a site gets its host name.

A new site gets a label under the gateway's host at once. A host name that is added when something is live
already is made to lead there.
"""

from app.engine import on
from app.signals.domains import DomainAdded
from app.signals.sites import SiteCreated
from tasks import domains

on(SiteCreated, do=domains.add_default_hostname)
on(DomainAdded, do=domains.sync_records)
