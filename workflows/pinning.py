"""How what is live gets into IPFS.

Every publication and every rollback asks for its content to be pinned, where a node is configured. It is a
branch of the deploy flow: its end is waited for, its failure makes the deploy live in part and no more, and
is tried again every hour for some time. What leads there, DNSLink and ENS, hears that content is pinned.
The content of a site that is deleted leaves the node again, unless another site has the same.
"""

from app.engine import MINUTES, follow, on
from app.signals.deploys import DeployPublished
from app.signals.pins import UnpinRequested
from app.signals.rollback import DeployRolledBack
from app.signals.sites import SiteDeleted
from app.signals.storage import ContentPinned, PinFailed, PinRequested
from tasks import domains, pins, storage

on(DeployPublished | DeployRolledBack, do=storage.request_pin)
on(PinRequested, do=storage.pin_content, at_once=2)  # a node that hangs must not take every slot
on(ContentPinned, do=domains.follow_pin)
follow(PinFailed, do=storage.pin_again, after=60 * MINUTES)
on(SiteDeleted, do=pins.release)
on(UnpinRequested, do=pins.unpin_content, at_once=2)
