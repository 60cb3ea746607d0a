"""How facts move a deploy from state to state, and when a state has lasted too long.

A fact that comes too late, or that is impossible in the deploy's state, changes nothing, always the same way.
Facts that move the site's pointer as well are in `publishing`.
"""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from app.engine import Failure, ReactionDeadLettered, deadline, fold
from app.models.deploys import UNPUBLISHED, Deploy, deploys
from app.models.rows import one
from app.signals.deploys import (
    STAGES,
    ArtifactReady,
    BuildSkipped,
    DeployCancelled,
    DeployCompleted,
    DeployFailed,
    DeployRequested,
    DeploySignal,
    DeployStalled,
    DeploySuperseded,
    DeployUploaded,
    SourceFetched,
    Target,
)

#: How long a deploy may stay in a state.
PATIENCE = {
    "requested": timedelta(minutes=30),
    "building": timedelta(minutes=20),
    "packaging": timedelta(minutes=5),
    "uploading": timedelta(minutes=15),
    "ready": timedelta(minutes=5),
    "published": timedelta(minutes=30),
}
#: How long the answer to a stall may take before the stall is told again.
REMINDER = timedelta(minutes=5)


def move(db: Connection, event: DeploySignal, to: str, *, of: Collection[str], **also: Any) -> Deploy | None:
    """Bring the event's deploy from one of the states `of` into `to`, with `also` as further columns.

    Returns the deploy as it was before; None when it was in no such state, and then nothing has changed.
    """
    before = one(db, Deploy, select(deploys).where(deploys.c.id == event.deploy_id))
    if before is None or before.status not in of:
        return None
    time = event.recorded.time
    values = {
        "status": to,
        "last_event": event.recorded.id,
        "last_flow": event.recorded.flow,
        "entered_at": time,
        "deadline_at": time + PATIENCE[to] if to in PATIENCE else None,
        "durations": _durations(before, time),
        **also,
    }
    db.execute(update(deploys).where(deploys.c.id == before.id).values(values))
    return before


def _durations(deploy: Deploy, until: datetime) -> dict[str, int]:
    stage = STAGES.get(deploy.status)
    if stage is None:
        return deploy.durations
    return deploy.durations | {stage: round((until - deploy.entered_at) / timedelta(milliseconds=1))}


@fold(DeployRequested)
def create(db: Connection, event: DeployRequested) -> None:
    """A deploy begins as `requested`."""
    recorded = event.recorded
    db.execute(
        insert(deploys).values(
            id=event.deploy_id,
            stream=recorded.stream,
            site_id=event.site_id,
            site=event.site,
            number=event.number,
            status="requested",
            flow=recorded.flow,
            last_event=recorded.id,
            last_flow=recorded.flow,
            trigger=event.trigger.model_dump(mode="json"),
            source=event.source.model_dump(mode="json"),
            ref=event.ref,
            commit=event.commit,
            message=event.message,
            targets=[],
            partial=False,
            warnings=[warning.model_dump(mode="json") for warning in event.source.warnings],
            durations={},
            created_at=recorded.time,
            entered_at=recorded.time,
            deadline_at=recorded.time + PATIENCE["requested"],
        )
    )


@fold(SourceFetched)
def begin_build(db: Connection, event: SourceFetched) -> None:
    """The source is here: now it may be built."""
    move(db, event, "building", of=("requested",))


@fold(BuildSkipped)
def begin_packaging(db: Connection, event: BuildSkipped) -> None:
    """There is something to package."""
    move(db, event, "packaging", of=("building",))


@fold(ArtifactReady)
def begin_upload(db: Connection, event: ArtifactReady) -> None:
    """The content is known by name, size and difference."""
    move(
        db,
        event,
        "uploading",
        of=("packaging",),
        cid=event.root_cid,
        files=event.files,
        bytes=event.bytes,
        diff=event.diff and event.diff.model_dump(mode="json"),
        warnings=[warning.model_dump(mode="json") for warning in event.warnings],
    )


@fold(DeployUploaded)
def be_ready(db: Connection, event: DeployUploaded) -> None:
    """All that is missing is to be published."""
    move(db, event, "ready", of=("uploading",))


@fold(DeploySuperseded, DeployCancelled)
def give_way(db: Connection, event: DeploySuperseded | DeployCancelled) -> None:
    """Ended before it was published, through no fault of its own."""
    to = "superseded" if isinstance(event, DeploySuperseded) else "cancelled"
    move(db, event, to, of=UNPUBLISHED, stage=event.at_stage, completed_at=event.recorded.time)


@fold(DeployFailed)
def fail(db: Connection, event: DeployFailed) -> None:
    """Ended before it was published, with the reason."""
    failure = event.failure
    ended = {
        "stage": failure.stage,
        "failure": failure.model_dump(mode="json"),
        "completed_at": event.recorded.time,
    }
    move(db, event, "failed", of=UNPUBLISHED, **ended)


@fold(DeployCompleted)
def complete(db: Connection, event: DeployCompleted) -> None:
    """A published deploy becomes live; one that was replaced meanwhile stays archived, with its result."""
    result: dict[str, Any] = {
        "partial": event.status == "partial",
        "targets": [target.model_dump(mode="json") for target in event.targets],
        "completed_at": event.recorded.time,
    }
    if not move(db, event, "live", of=("published",), **result):
        replaced = (
            deploys.c.id == event.deploy_id,
            deploys.c.status == "archived",
            deploys.c.completed_at.is_(None),
        )
        db.execute(update(deploys).where(*replaced).values(result))


@fold(ReactionDeadLettered)
def miss_target(db: Connection, event: ReactionDeadLettered) -> None:
    """An action that was given up after the publication is a target that is missing."""
    deploy = one(db, Deploy, select(deploys).where(deploys.c.last_flow == event.recorded.flow))
    if deploy and not event.follower and deploy.published_at and not deploy.completed_at:
        missing = Target(kind="action", id=event.action, status="failed", failure=event.failure)
        targets = [*deploy.targets, missing.model_dump(mode="json")]
        db.execute(update(deploys).where(deploys.c.id == deploy.id).values(targets=targets))


@fold(DeployStalled)
def wait_for_answer(db: Connection, event: DeployStalled) -> None:
    """A stall moves nothing by itself; if nobody answers it, it is told again."""
    again = event.recorded.time + REMINDER
    waiting = (deploys.c.id == event.deploy_id, deploys.c.status.in_(PATIENCE))
    db.execute(update(deploys).where(*waiting).values(deadline_at=again))


@deadline(deploys)
def expire(_db: Connection, row: Row[Any], now: datetime) -> DeployStalled | None:
    """Tell that a deploy has been in its state for too long, in the flow that brought it there."""
    deploy = Deploy(**row._mapping)
    if deploy.status not in PATIENCE:
        return None
    stage = STAGES[deploy.status]
    minutes = round((now - deploy.entered_at) / timedelta(minutes=1))
    failure = Failure(
        code="stage_timeout",
        stage=stage,
        message=f"The deploy has been {deploy.status} for {minutes} minutes.",
        hint="Look whether the workers run, then deploy again.",
        evidence={"status": deploy.status, "since": deploy.entered_at.isoformat()},
    )
    return DeployStalled.of(deploy, failure=failure).within(deploy.last_flow, deploy.last_event)
