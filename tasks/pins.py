"""What Storage does for content that nobody deploys any more: have the IPFS node let it go."""

from typing import Literal

from app.content.cid import Cid
from app.engine import action, current, reading
from app.models import pins
from app.services.ipfs import open_ipfs
from app.services.ipfs.port import Ipfs
from app.services.storage import open_storage
from app.signals.pins import ContentUnpinned, UnpinFailed, UnpinRequested
from app.signals.sites import SiteDeleted

#: Seconds between the attempts: nobody waits for it.
PAUSES = (30, 300)


@action()
def release(event: SiteDeleted) -> list[UnpinRequested]:
    """Ask for all that a deleted site had to be let go."""
    cids = pins.kept_for(current().db, event.site_id)
    return [UnpinRequested(site_id=event.site_id, site=event.site, cid=cid) for cid in cids]


@action(service="ipfs", fails_with=UnpinFailed, stage="unpin", pauses=PAUSES, time_limit=600)
def unpin_content(event: UnpinRequested) -> ContentUnpinned | None:
    """Let the node forget it, unless a site has it. Twice is harmless.

    A site may come to have it in this very moment: then it is pinned again here, before anybody misses it.
    What is published later than the second look asks for its pin later too.
    """
    node = open_ipfs()
    with reading() as db:
        pin, wanted = pins.get(db, event.site_id, event.cid), pins.is_wanted(db, event.cid)
    if pin is None or pin.state != "leaving":
        return None
    about = event.model_dump()
    if node is None:
        return ContentUnpinned(**about, kept="no_node")
    if wanted and current().attempt == 1 and not event.again:
        return ContentUnpinned(**about, kept="shared")
    return ContentUnpinned(**about, kept=_let_go(node, Cid.parse(event.cid), wanted=wanted))


def _let_go(node: Ipfs, root: Cid, *, wanted: bool) -> Literal["", "shared"]:
    """Unpin it if nobody wants it, and pin it if somebody does: an attempt before may have unpinned it."""
    if not wanted:
        node.unpin(root)
        with reading() as db:
            wanted = pins.is_wanted(db, str(root))
    if wanted:
        storage = open_storage()
        node.pin(root, lambda cid: storage.get(cid.key))
    return "shared" if wanted else ""
