"""What Sites does for a deploy: take in its source, name its content, publish, complete or give it up."""

from collections.abc import Callable
from hashlib import sha256

from app.content.archive import entries
from app.content.cid import Cid
from app.content.diff import count_changes
from app.content.importer import import_tree
from app.content.reader import Reader
from app.engine import ReactionDeadLettered, action, current, reading
from app.errors import PermanentError
from app.models import deploys, integrity, sites
from app.models.deploys import Deploy
from app.models.endings import completed
from app.services.routing import url_for
from app.services.spool import open_spool
from app.services.storage import open_storage
from app.signals.deploys import (
    STAGES,
    ArtifactReady,
    BuildSkipped,
    DeployCompleted,
    DeployFailed,
    DeployPublished,
    DeployRequested,
    DeploySkipped,
    DeployStalled,
    DeploySuperseded,
    DeployUploaded,
    Diff,
    SourceFetched,
)
from app.signals.rollback import DeployRolledBack, RollbackRequested, RollbackSuperseded
from app.signals.storage import UploadCompleted, UploadFailed

#: An archive is read in pieces of so many bytes.
PIECE = 1024 * 1024


@action(service="spool", fails_with=DeployFailed, stage="fetch")
def fetch_source(event: DeployRequested) -> SourceFetched | None:
    """Check that the uploaded archive is here, whole, and what was sent."""
    return deploys.while_underway(event.deploy_id, lambda _deploy: _fetched(event))


@action(service="spool", fails_with=DeployFailed, stage="package")
def package_artifact(
    event: BuildSkipped,
) -> Callable[[], ArtifactReady | list[DeploySkipped | DeploySuperseded] | None] | None:
    """Name the content by reading the archive through, and compare it with what is live. Keeps nothing."""
    return deploys.while_underway(event.deploy_id, _packaged)


@action()
def accept_upload(event: UploadCompleted) -> DeployUploaded | None:
    """Announce the new version, now that storage has all of it."""
    deploy = deploys.underway(current().db, event.deploy_id)
    return DeployUploaded.of(deploy, root_cid=event.root_cid) if deploy else None


@action()
def publish_deploy(event: DeployUploaded) -> list[DeployPublished | DeploySuperseded] | None:
    """Move the site's pointer to this deploy, unless a newer wish was fulfilled first."""
    db = current().db
    deploy, site = deploys.underway(db, event.deploy_id), sites.get(db, event.site_id)
    if not deploy or not site or site.deleted:
        return None
    if deploy.number <= site.published_intent:
        return [*_supersede_older(site.id, site.published_intent + 1, site.live_deploy_id)]
    published = DeployPublished.of(
        deploy,
        cid=deploy.cid,
        previous_deploy_id=site.live_deploy_id,
        previous_cid=site.live_cid,
        urls=[url_for(site.slug)],
    )
    return [published, *_supersede_older(site.id, deploy.number, deploy.id)]


@action()
def roll_back(
    event: RollbackRequested,
) -> list[DeployRolledBack | DeploySuperseded] | RollbackSuperseded | None:
    """Move the site's pointer back to this deploy, unless a newer wish was fulfilled first."""
    db = current().db
    deploy, site = deploys.get(db, event.deploy_id), sites.get(db, event.site_id)
    if not deploy or not site or site.deleted:
        return None
    if event.intent <= site.published_intent:
        return RollbackSuperseded.of(event, intent=event.intent, by_deploy_id=site.live_deploy_id)
    rolled_back = DeployRolledBack.of(
        deploy,
        intent=event.intent,
        from_deploy_id=site.live_deploy_id,
        to_deploy_id=deploy.id,
        to_cid=deploy.cid,
        reason=event.reason,
        urls=[url_for(site.slug)],
    )
    return [rolled_back, *_supersede_older(site.id, event.intent, deploy.id)]


@action()
def complete_deploy(event: DeployPublished | DeployRolledBack) -> DeployCompleted | None:
    """Sum up which targets a publication has reached, once everything that it caused has settled."""
    deploy = deploys.get(current().db, event.deploy_id)
    return completed(current().db, deploy) if deploy and deploy.last_event == event.recorded.id else None


@action()
def fail_deploy(
    event: UploadFailed | DeployStalled | ReactionDeadLettered,
) -> DeployFailed | DeployCompleted | None:
    """Give up the flow's deploy: before it is published it fails, afterwards it is complete as it is."""
    deploy = deploys.moved_by_flow(current().db, event.recorded.flow)
    if deploy and deploy.unpublished:
        failure = event.failure.model_copy(update={"stage": STAGES[deploy.status]})
        return DeployFailed.of(deploy, failure=failure)
    given_up = isinstance(event, DeployStalled) or getattr(event, "action", "") == complete_deploy.name
    return completed(current().db, deploy, partial=True) if deploy and given_up else None


def _fetched(event: DeployRequested) -> SourceFetched:
    source = event.source
    digest, attempt = sha256(), current()
    with open_spool().path(source.key).open("rb") as archive:
        while piece := archive.read(PIECE):
            attempt.check()
            digest.update(piece)
    found = digest.hexdigest()
    if found != source.sha256:
        evidence = {"expected": source.sha256, "found": found}
        what = "The uploaded archive is not what was sent any more."
        raise PermanentError("blob_hash_mismatch", what, "Deploy it again.", evidence=evidence)
    return SourceFetched.of(event, sha256=found, size=source.size)


def _packaged(deploy: Deploy) -> Callable[[], ArtifactReady | list[DeploySkipped | DeploySuperseded] | None]:
    with reading() as db:
        site, broken = sites.get(db, deploy.site_id), integrity.all_broken(db)
    attempt, heals = current(), False

    def look(cid: Cid, _block: bytes) -> None:
        nonlocal heals
        attempt.check()
        heals = heals or cid.key in broken

    def stored(cid: Cid) -> bytes:
        attempt.check()
        return open_storage().get(cid.key)

    imported = import_tree(entries(open_spool().path(deploy.source["key"])), look)
    live = Cid.parse(site.live_cid) if site and site.live_cid else None
    changes = count_changes(Reader(stored), live, imported.tree)
    ready = ArtifactReady.of(
        deploy,
        root_cid=str(imported.root),
        profile=imported.profile,
        files=imported.files,
        bytes=imported.bytes,
        diff=changes and Diff(**changes._asdict()),
        warnings=deploy.warnings,
    )
    return lambda: _ready_or_skipped(ready, heals=heals)


def _ready_or_skipped(
    ready: ArtifactReady, *, heals: bool
) -> ArtifactReady | list[DeploySkipped | DeploySuperseded] | None:
    """Decide under the lock. Content that is live is sent again only to heal what storage lost of it."""
    db = current().db
    deploy, site = deploys.underway(db, ready.deploy_id), sites.get(db, ready.site_id)
    if not deploy or not site:
        return None
    if heals or site.live_cid != ready.root_cid or deploy.number <= site.published_intent:
        return ready
    skipped = DeploySkipped.of(
        deploy,
        reason="no_change",
        cid=ready.root_cid,
        matched_deploy_id=site.live_deploy_id,
        files=ready.files,
        bytes=ready.bytes,
    )
    return [skipped, *_supersede_older(site.id, deploy.number, site.live_deploy_id)]


def _supersede_older(site_id: str, intent: int, by: str | None) -> list[DeploySuperseded]:
    """What was wanted before and is still under way is wanted no more: each is told so in its own flow."""
    return [
        DeploySuperseded.of(older, by_deploy_id=by, at_stage=STAGES[older.status]).within(
            older.last_flow, older.last_event
        )
        for older in deploys.underway_of_site(current().db, site_id, below=intent)
    ]
