"""How content that nobody deploys any more leaves the IPFS node."""

from typing import Literal

from app.engine import FailureSignal
from app.signals.sites import SiteSignal


class UnpinSignal(SiteSignal):
    """Base of what happens to content, `cid`, of a site that is deleted. `again`: it had failed before."""

    cid: str
    again: bool = False


class UnpinRequested(UnpinSignal, type="storage.pin.unpin_requested", starts="unpin"):
    """The site does not need it any more; the node may forget it, if no other site has it."""


class ContentUnpinned(UnpinSignal, type="storage.pin.unpinned"):
    """The node may clear it away, or did not have it pinned.

    `kept` says why it was left pinned: `shared` with another site, or `no_node` is configured any more.
    """

    kept: Literal["", "shared", "no_node"] = ""


class UnpinFailed(UnpinSignal, FailureSignal, type="storage.unpin.failed"):
    """The node still keeps it, which costs nothing but room. It is tried again."""
