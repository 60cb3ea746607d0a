"""Facts for the tests of the models: a site and its deploys told signal by signal, without any action."""

from collections.abc import Callable
from typing import Any

from app.engine import Failure, ReactionDeadLettered, Signal, reading, recording
from app.models import deploys, sites
from app.models.deploys import Deploy
from app.models.sites import Site
from app.signals.deploys import (
    ArchiveSource,
    ArtifactReady,
    BuildSkipped,
    DeployCancelled,
    DeployCompleted,
    DeployFailed,
    DeployPublished,
    DeployRequested,
    DeploySkipped,
    DeployStalled,
    DeploySuperseded,
    DeployUploaded,
    Diff,
    Finding,
    SourceFetched,
    Target,
    Trigger,
)
from app.signals.rollback import DeployRolledBack, RollbackRequested
from app.signals.sites import SiteCreated
from app.signals.storage import UploadCompleted

SITE = {"site_id": "s1", "site": "hello"}
WARNING = Finding(code="w", message="W.")
SOURCE = ArchiveSource(
    key="key-1", sha256="ab" * 32, size=10, format="zip", files=2, bytes=30, warnings=(WARNING,)
)
FAILURE = Failure(code="backend_full", stage="upload", message="The disk is full.", hint="Make room.")
HOST = Target(kind="host", id="hello.localhost", status="updated")
DIFF = Diff(added=2, changed=0, removed=0, unchanged=0)


def about(number: int) -> dict[str, Any]:
    return {**SITE, "deploy_id": f"d{number}", "number": number}


def dead_letter(number: int, **other: Any) -> ReactionDeadLettered:
    said = {"reaction": "r1", "listener": "deploy:x", "action": "domains.sync_records", "of_event": "e1"}
    said |= {"of_stream": "/sites/s1", "of_label": f"hello #{number}", "follower": False, "failure": FAILURE}
    return ReactionDeadLettered.model_validate(said | other)


#: Every fact about deploy `n`, by the last words of its type.
FACTS: dict[str, Callable[[int], Signal]] = {
    "requested": lambda n: DeployRequested(
        **about(n), trigger=Trigger(kind="api"), source=SOURCE, requested_by="token:t1", message="First"
    ),
    "source_fetched": lambda n: SourceFetched(**about(n), sha256="ab" * 32, size=10),
    "build_skipped": lambda n: BuildSkipped(**about(n), reason="archive_is_built"),
    "artifact_ready": lambda n: ArtifactReady(
        **about(n), root_cid=f"cid{n}", profile="unixfs-v1-2025", files=2, bytes=30, diff=DIFF
    ),
    "upload_completed": lambda n: UploadCompleted(
        **about(n), root_cid=f"cid{n}", files=2, bytes=30, blocks=3, new_blocks=3, new_bytes=30, duration_ms=1
    ),
    "uploaded": lambda n: DeployUploaded(**about(n), root_cid=f"cid{n}"),
    "published": lambda n: DeployPublished(
        **about(n), cid=f"cid{n}", previous_deploy_id=None, previous_cid=None, urls=()
    ),
    "completed": lambda n: DeployCompleted(**about(n), status="ok", cid=f"cid{n}", targets=(HOST,)),
    "skipped": lambda n: DeploySkipped(
        **about(n), reason="no_change", cid=f"cid{n}", matched_deploy_id="d0", files=2, bytes=30
    ),
    "superseded": lambda n: DeploySuperseded(**about(n), by_deploy_id="d9", at_stage="package"),
    "cancelled": lambda n: DeployCancelled(**about(n), reason="site_deleted", at_stage="package"),
    "failed": lambda n: DeployFailed(**about(n), failure=FAILURE),
    "stalled": lambda n: DeployStalled(**about(n), failure=FAILURE),
    "rolled_back": lambda n: DeployRolledBack(
        **about(n),
        intent=50 + n,
        from_deploy_id=None,
        to_deploy_id=f"d{n}",
        to_cid=f"cid{n}",
        reason=None,
        urls=(),
    ),
    "rollback_requested": lambda n: RollbackRequested(**about(n), intent=50 + n, from_deploy_id="d9"),
    "dead_lettered": dead_letter,
}

#: The facts that bring a deploy into each of its states.
PATHS = {"requested": ["requested"]}
PATHS["building"] = [*PATHS["requested"], "source_fetched"]
PATHS["packaging"] = [*PATHS["building"], "build_skipped"]
PATHS["uploading"] = [*PATHS["packaging"], "artifact_ready"]
PATHS["ready"] = [*PATHS["uploading"], "upload_completed", "uploaded"]
PATHS["published"] = [*PATHS["ready"], "published"]
PATHS["live"] = [*PATHS["published"], "completed"]
PATHS["skipped"] = [*PATHS["packaging"], "skipped"]
PATHS["failed"] = [*PATHS["uploading"], "failed"]
PATHS["superseded"] = [*PATHS["building"], "superseded"]
PATHS["cancelled"] = [*PATHS["building"], "cancelled"]


def tell(*signals: Signal, flow: str | None = None) -> None:
    """Record facts, each in a transaction of its own, in one flow (by default a new one for each)."""
    for signal in signals:
        with recording() as work:
            work.record(signal.within(flow, None) if flow else signal)


def make_site() -> Site:
    tell(SiteCreated(**SITE, name="Hello"))
    return the_site()


def bring(number: int, state: str) -> Deploy:
    """Make deploy `number` and tell what brings it into `state`."""
    if state == "archived":
        bring(number, "live")
        bring(number + 1, "live")
    else:
        tell(*(FACTS[fact](number) for fact in PATHS[state]), flow=f"flow-{number}")
    return the_deploy(number)


def the_site() -> Site:
    with reading() as db:
        site = sites.get(db, "s1")
    assert site
    return site


def the_deploy(number: int) -> Deploy:
    with reading() as db:
        return deploys.require(db, f"d{number}")
