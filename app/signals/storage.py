"""What storage says of the blocks it was given, and of those it can no longer read."""

from app.engine import FailureSignal, Signal
from app.signals.deploys import DeploySignal
from app.signals.sites import SiteSignal


class UploadCompleted(DeploySignal, type="storage.upload.completed"):
    """Every block under `root_cid` is durable in storage.

    `bytes` are the files' sizes, `blocks` all that the content consists of; `new_blocks` and `new_bytes`
    are what storage did not have before.
    """

    root_cid: str
    files: int
    bytes: int
    blocks: int
    new_blocks: int
    new_bytes: int
    duration_ms: int


class UploadFailed(SiteSignal, FailureSignal, type="storage.upload.failed", starts="upload", ends="failed"):
    """Content did not get into storage: the upload of a deploy's artifact, or an archive refused at the door.

    Of the latter no deploy was made, so `deploy_id` and `number` are empty.
    """

    deploy_id: str | None = None
    number: int | None = None

    @property
    def subject(self) -> str:
        """The deploy, or the site whose door refused."""
        return self.deploy_id or self.site_id

    @property
    def label(self) -> str:
        """Slug and number; the slug alone when there is no deploy."""
        return self.site if self.number is None else f"{self.site} #{self.number}"


class PinSignal(DeploySignal):
    """Base of what an IPFS node is asked to keep: `cid` is the content of the deploy that is live."""

    cid: str


class PinRequested(PinSignal, type="storage.pin.requested"):
    """What was published is to be fetched from IPFS too. Recorded only where a node is configured."""


class ContentPinned(PinSignal, type="storage.pin.pinned"):
    """A node keeps the content, and all of it was found there: now a DNSLink or an ENS name may lead to it.

    `blocks` are its different blocks; `sent_bytes` is 0 when the node had them all already.
    """

    blocks: int
    sent_bytes: int
    duration_ms: int


class PinFailed(PinSignal, FailureSignal, type="storage.pin.failed"):
    """A node does not keep the content, or not all of it. The site is live all the same, but for IPFS."""


class IntegritySignal(Signal):
    """Base of what happens to one block: `digest` is the hex sha2-256 that names it in storage."""

    digest: str

    @property
    def stream(self) -> str:
        """The block's stream."""
        return block_stream(self.digest)

    @property
    def label(self) -> str:
        """The beginning of the digest."""
        return f"block {self.digest[:12]}"


def block_stream(digest: str) -> str:
    """The stream of what happens to one block."""
    return f"/storage/{digest}"


class IntegrityFailed(
    IntegritySignal, FailureSignal, type="storage.integrity.failed", starts="integrity", ends="failed"
):
    """A block that must be there is gone or is not what its name says.

    `cid` names it, `path` was asked for when it was missed, `site` is the slug of the site that was asked,
    if one was. Recorded once a day until the block has been seen healthy again.
    """

    cid: str
    path: str | None = None
    site: str | None = None


class IntegrityRestored(IntegritySignal, type="storage.integrity.restored", starts="integrity"):
    """A block that had failed is there again and is what its name says."""
