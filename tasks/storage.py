"""What Storage does for a deploy: take in the blocks that it lacks, and have a node pin what is live."""

from datetime import timedelta

from app.content.archive import entries
from app.content.cid import Cid
from app.content.importer import import_tree
from app.engine import MINUTES, action, current, now, reading
from app.errors import PermanentError
from app.models import deploys, integrity, sites
from app.models.deploys import Deploy
from app.services.ipfs import open_ipfs
from app.services.spool import open_spool
from app.services.storage import open_storage
from app.signals.deploys import ArtifactReady, DeployPublished
from app.signals.rollback import DeployRolledBack
from app.signals.storage import (
    ContentPinned,
    IntegrityRestored,
    PinFailed,
    PinRequested,
    UploadCompleted,
    UploadFailed,
)

#: What is held back before storage is asked which of it is missing.
BATCH_BYTES = 32 * 1024 * 1024
BATCH_BLOCKS = 2048
#: Seconds between the attempts to have something pinned: what waits for it is a deploy that is live already.
PIN_PAUSES = (2, 10, 30, 60)


@action(service="storage", fails_with=UploadFailed, stage="upload", attempts=8, time_limit=15 * MINUTES)
def upload_artifact(event: ArtifactReady) -> list[UploadCompleted | IntegrityRestored] | None:
    """Send the artifact's missing blocks to storage. Twice is harmless: blocks are named by their digest."""
    return deploys.while_underway(event.deploy_id, lambda deploy: _uploaded(event, deploy))


@action()
def request_pin(event: DeployPublished | DeployRolledBack) -> PinRequested | None:
    """Ask for what is live now to be pinned, where there is a node to do it."""
    cid = event.cid if isinstance(event, DeployPublished) else event.to_cid
    return PinRequested.of(event, cid=cid) if open_ipfs() else None


@action(service="ipfs", fails_with=PinFailed, stage="pin", pauses=PIN_PAUSES, time_limit=15 * MINUTES)
def pin_content(event: PinRequested) -> ContentPinned | None:
    """Have the node keep the content, and see that it does. Twice is harmless: what is there is not sent."""
    node, storage, attempt, began = open_ipfs(), open_storage(), current(), now()
    if node is None:
        return None  # it was taken out of the settings meanwhile

    def stored(cid: Cid) -> bytes:
        attempt.check()
        return storage.get(cid.key)

    pinned = node.pin(Cid.parse(event.cid), stored)
    return ContentPinned.of(
        event,
        cid=event.cid,
        blocks=pinned.blocks,
        sent_bytes=pinned.sent_bytes,
        duration_ms=round((now() - began) / timedelta(milliseconds=1)),
    )


@action()
def pin_again(event: PinFailed) -> PinRequested | None:
    """Ask once more for what could not be pinned, while it is live: a node may be away for hours."""
    site = sites.get(current().db, event.site_id)
    is_live = site is not None and site.live_deploy_id == event.deploy_id
    return PinRequested.of(event, cid=event.cid) if is_live and open_ipfs() else None


def _uploaded(event: ArtifactReady, deploy: Deploy) -> list[UploadCompleted | IntegrityRestored]:
    began = now()
    upload = _Upload()
    imported = import_tree(entries(open_spool().path(deploy.source["key"])), upload.take)
    upload.send()
    if str(imported.root) != event.root_cid:
        evidence = {"expected": event.root_cid, "found": str(imported.root)}
        what = "The archive's content has changed since it was named."
        raise PermanentError("blob_hash_mismatch", what, "Deploy it again.", evidence=evidence)
    completed = UploadCompleted.of(
        event,
        root_cid=event.root_cid,
        files=imported.files,
        bytes=imported.bytes,
        blocks=imported.blocks,
        new_blocks=len(upload.new),
        new_bytes=sum(upload.new.values()),
        duration_ms=round((now() - began) / timedelta(milliseconds=1)),
    )
    return [
        completed,
        *(IntegrityRestored(digest=digest) for digest in sorted(upload.new.keys() & _broken())),
    ]


def _broken() -> frozenset[str]:
    with reading() as db:
        return integrity.all_broken(db)


class _Upload:
    """Collects blocks and sends those that storage lacks, a batch at a time, so that memory stays bounded."""

    def __init__(self) -> None:
        self._storage = open_storage()
        self._attempt = current()
        self._batch: dict[str, bytes] = {}
        self._held = 0
        #: The sizes of the blocks that storage did not have, by digest.
        self.new: dict[str, int] = {}

    def take(self, cid: Cid, block: bytes) -> None:
        """Take one more block. Stops when the lease is lost, or when the flow is being cancelled."""
        self._attempt.check()
        if cid.key not in self._batch:
            self._batch[cid.key] = block
            self._held += len(block)
        if self._held >= BATCH_BYTES or len(self._batch) >= BATCH_BLOCKS:
            self.send()

    def send(self) -> None:
        """Send what is held back: it is durable afterwards. Stops as `take` does."""
        self._attempt.check()
        missing = self._storage.missing(self._batch)
        self._storage.put(
            self._batch.items()
        )  # not only what is missing: another upload may not have synced it
        self.new |= {digest: len(self._batch[digest]) for digest in missing}
        self._batch, self._held = {}, 0
