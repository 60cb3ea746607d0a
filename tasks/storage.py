"""What Storage does for a deploy: take in the blocks that it lacks."""

from datetime import timedelta

from app.content.archive import entries
from app.content.cid import Cid
from app.content.importer import import_tree
from app.engine import MINUTES, action, current, now, reading
from app.errors import PermanentError
from app.models import deploys, integrity
from app.models.deploys import Deploy
from app.services.spool import open_spool
from app.services.storage import open_storage
from app.signals.deploys import ArtifactReady
from app.signals.storage import IntegrityRestored, UploadCompleted, UploadFailed

#: What is held back before storage is asked which of it is missing.
BATCH_BYTES = 32 * 1024 * 1024
BATCH_BLOCKS = 2048


@action(service="storage", fails_with=UploadFailed, stage="upload", attempts=8, time_limit=15 * MINUTES)
def upload_artifact(event: ArtifactReady) -> list[UploadCompleted | IntegrityRestored] | None:
    """Send the artifact's missing blocks to storage. Twice is harmless: blocks are named by their digest."""
    return deploys.while_underway(event.deploy_id, lambda deploy: _uploaded(event, deploy))


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
