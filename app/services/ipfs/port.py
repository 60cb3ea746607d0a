"""The port: what the platform asks of an IPFS node, and what comes back."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from app.content.cid import Cid

GetBlock = Callable[[Cid], bytes]


@dataclass(frozen=True, slots=True)
class Pinned:
    """Content that a node keeps: so many different blocks, and how many bytes had to be sent for it.

    Nothing is sent for content that the node holds already.
    """

    cid: Cid
    blocks: int
    sent_bytes: int


class Ipfs(Protocol):
    """A node that keeps content by its CID. Every call may be repeated.

    RetryableError `ipfs_unavailable` (down, or too slow), `ipfs_cut` (it hung up in the middle), `ipfs_full`
    and `ipfs_failed` (it says why); PermanentError `ipfs_denied` (it wants other credentials) and
    `ipfs_refused` (it does not know the call, or is no such node).
    """

    def pin(self, root: Cid, get_block: GetBlock) -> Pinned:
        """Make the node keep everything under `root`; when it returns, every block was found there.

        `get_block` is asked for one block after the other; what it raises ends the call, and the node may
        then hold a part, which it will clear away. RetryableError `ipfs_incomplete` when the node lacks
        something in the end; PermanentError `ipfs_wrong_cid` when it has pinned something else.
        """

    def holds(self, root: Cid, get_block: GetBlock) -> bool:
        """Whether `root` is pinned with every block under it; `get_block` is asked for nodes only."""

    def unpin(self, root: Cid) -> bool:
        """Let the node forget it when it clears up; False when it was not pinned."""
