"""The life of a deploy, from the first request to the last target it must reach."""

from typing import Any, Literal, Protocol, Self

from pydantic import BaseModel, ConfigDict, Field

from app.engine import Failure, FailureSignal
from app.signals.sites import SiteSignal

#: What is being done to a deploy while it is in a state: the stage that a failure in that state names.
STAGES = {
    "requested": "fetch",
    "building": "build",
    "packaging": "package",
    "uploading": "upload",
    "ready": "publish",
    "published": "complete",
}


class Value(BaseModel):
    """Base of the plain values inside signals."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Trigger(Value):
    """Why there is a deploy: `ref` is the id of what asked (a hook's, for instance), where there is one."""

    kind: Literal["api", "cli", "hook", "manual"]
    ref: str | None = None


class Finding(Value):
    """What a person should look at but what stops nothing."""

    code: str
    message: str
    hint: str = ""


class ArchiveSource(Value):
    """An uploaded archive: the `key` of its bytes in the spool and what a first look inside found."""

    kind: Literal["archive"] = "archive"
    key: str
    sha256: str
    size: int
    format: str
    files: int
    bytes: int
    warnings: tuple[Finding, ...] = ()


class Diff(Value):
    """How many files differ from the deploy that was live."""

    added: int
    changed: int
    removed: int
    unchanged: int


class Target(Value):
    """One place that a deploy must reach: a host name, its DNSLink, an ENS name, and later a CDN.

    An action that was given up is shown as a target too, by its name: what it stood for is missing.
    `replaced` means that a newer deploy took the target over before this one ended, `cancelled` that somebody
    ended the flow before the target was reached. What is `awaiting` is not missing: the platform has done its
    part, and the rest is up to an owner's signature or to the blocks of a chain.
    """

    kind: Literal["host", "dnslink", "ens", "action"]
    id: str
    status: Literal["updated", "awaiting", "failed", "pending", "replaced", "cancelled"]
    failure: Failure | None = None


class DeployLike(Protocol):
    """What a deploy's signals take over from each other, or from the deploy's row."""

    @property
    def site_id(self) -> str:
        """The site's id."""

    @property
    def site(self) -> str:
        """The site's slug."""

    @property
    def deploy_id(self) -> str:
        """The deploy's id."""

    @property
    def number(self) -> int:
        """The deploy's intent number: of two deploys of a site, the higher one is wanted."""


class DeploySignal(SiteSignal):
    """Base of everything about one deploy. `number` is the intent that it drew when it was asked for."""

    deploy_id: str
    number: int

    @property
    def subject(self) -> str:
        """The deploy."""
        return self.deploy_id

    @property
    def label(self) -> str:
        """Slug and number, as people say it: "hello #3"."""
        return f"{self.site} #{self.number}"

    @classmethod
    def of(cls, deploy: DeployLike, **fields: Any) -> Self:
        """This fact about the deploy that a row or another signal is about."""
        return cls(
            site_id=deploy.site_id,
            site=deploy.site,
            deploy_id=deploy.deploy_id,
            number=deploy.number,
            **fields,
        )


class DeployRequested(DeploySignal, type="site.deploy.requested", starts="deploy"):
    """Somebody asked for a deploy. `source` is where its content comes from, `requested_by` the actor.

    `ref`, `commit` and `message` are what the sender said about the version: kept and shown, never
    interpreted.
    """

    trigger: Trigger
    source: ArchiveSource
    requested_by: str
    ref: str | None = None
    commit: str | None = None
    message: str | None = None


class SourceFetched(DeploySignal, type="site.deploy.source_fetched"):
    """The source is here, whole, and is what was asked for: its digest was checked."""

    sha256: str
    size: int


class BuildSkipped(DeploySignal, type="site.deploy.build_skipped"):
    """There is nothing to build, for this `reason`."""

    reason: Literal["archive_is_built"]


class ArtifactReady(DeploySignal, type="site.deploy.artifact_ready"):
    """What will be served is known: `root_cid` names it under the import rules called `profile`.

    `bytes` is the sum of the files' sizes; `diff` compares with what is live (None when storage cannot read
    that any more); `warnings` are what a person should look at but what stops nothing.
    """

    root_cid: str
    profile: str
    files: int
    bytes: int
    diff: Diff | None
    warnings: tuple[Finding, ...] = ()


class DeploySkipped(DeploySignal, type="site.deploy.skipped", ends="succeeded"):
    """There was nothing to do: the content `cid` is what `matched_deploy_id` already serves."""

    reason: Literal["no_change"]
    cid: str
    matched_deploy_id: str
    files: int
    bytes: int


class DeployUploaded(DeploySignal, type="site.deploy.uploaded"):
    """The new version is complete in storage and may be published."""

    root_cid: str


class DeployPublished(DeploySignal, type="site.deploy.published"):
    """The site now serves this deploy: the atomic point of its life, after which it cannot fail any more."""

    cid: str
    previous_deploy_id: str | None
    previous_cid: str | None
    urls: tuple[str, ...]


class DeploySuperseded(DeploySignal, type="site.deploy.superseded", ends="succeeded"):
    """A wish that came later was fulfilled first, so this deploy is not published any more.

    `by_deploy_id` is what is live instead, `at_stage` how far this one had come.
    """

    by_deploy_id: str
    at_stage: str


class DeployCompleted(DeploySignal, type="site.deploy.completed", ends="succeeded"):
    """A published deploy has reached its targets; `partial` says that some are missing.

    `durations` holds the milliseconds that each stage took, and their `total`.
    """

    status: Literal["ok", "partial"]
    cid: str
    targets: tuple[Target, ...]
    durations: dict[str, int] = Field(default_factory=dict)


class DeployFailed(DeploySignal, FailureSignal, type="site.deploy.failed", ends="failed"):
    """A deploy ended before it was published; what was live stays live.

    `failure.stage` says how far it had come.
    """


class DeployStalled(DeploySignal, FailureSignal, type="site.deploy.stalled"):
    """A deploy did not leave its state in time. What follows depends on whether it was published by then."""


#: Why a deploy was given up: somebody said so, of it or of its site.
Reason = Literal["site_deleted", "asked"]


class DeployCancelRequested(DeploySignal, type="site.deploy.cancel_requested"):
    """Somebody wants a deploy to end before it is published; `stage` is how far it had come by then."""

    by: str
    stage: str


class DeployCancelled(DeploySignal, type="site.deploy.cancelled", ends="cancelled"):
    """A deploy was given up on purpose, for this `reason`; nothing of it is at work any more.

    `by` is who asked, `stage` how far it had come (`at_stage` is the same: events of before have it alone),
    `forced` that something did not end by itself and was left behind.
    """

    reason: Reason
    at_stage: str
    stage: str = ""
    by: str = ""
    forced: bool = False
