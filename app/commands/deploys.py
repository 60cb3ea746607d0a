"""Asking for a deploy, and noting that an upload was refused at the door."""

from dataclasses import asdict, dataclass

from app.commands.sites import locked_site
from app.engine import Failure, Recording, new_id
from app.errors import InvalidInput, PlatformError, RetryableError
from app.models import deploys, gates
from app.models.deploys import Deploy
from app.signals.deploys import ArchiveSource, DeployRequested, Trigger
from app.signals.storage import UploadFailed


@dataclass(frozen=True, slots=True)
class Version:
    """What the sender says about the version that is deployed; nothing here is interpreted."""

    ref: str | None = None
    commit: str | None = None
    message: str | None = None


LONGEST = {"ref": 500, "commit": 500, "message": 2000}


def start_deploy(
    log: Recording, slug: str, source: ArchiveSource, trigger: Trigger, version: Version | None = None
) -> Deploy:
    """Ask for a deploy of a spooled archive: it draws the site's next intent number.

    NotFound `site_not_found`, InvalidInput `version_invalid` (a field is too long), Conflict `site_locked`
    or `quota_exceeded`.
    """
    said = _checked(version or Version())
    site = locked_site(log, slug)
    gates.check_unlocked(site)
    deploy_id = new_id()
    log.record(
        DeployRequested(
            site_id=site.id,
            site=slug,
            deploy_id=deploy_id,
            number=site.intent + 1,
            trigger=trigger,
            source=source,
            requested_by=log.origin.actor,
            **asdict(said),
        )
    )
    return deploys.require(log.db, deploy_id)


def refuse_upload(log: Recording, slug: str, error: PlatformError) -> None:
    """Record that an archive for a known site was refused or cut off: no deploy was made. NotFound."""
    site = locked_site(log, slug)
    failure = Failure(
        code=error.code,
        stage="upload",
        message=error.message,
        hint=error.hint,
        retryable=isinstance(error, RetryableError),
        evidence=dict(error.evidence),
    )
    log.record(UploadFailed(site_id=site.id, site=slug, failure=failure))


def _checked(version: Version) -> Version:
    for field, longest in LONGEST.items():
        if len(getattr(version, field) or "") > longest:
            raise InvalidInput(
                "version_invalid", f"The {field} is too long.", f"Use at most {longest} characters."
            )
    return version
