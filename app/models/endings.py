"""How deploys end that were published, and how those end that somebody cancels."""

from collections.abc import Iterable
from datetime import timedelta

from sqlalchemy import Connection

from app.engine import CancelledFlow, acknowledges, now
from app.engine.actions import ACTIONS
from app.engine.views import reactions_of_flow
from app.models import deploys, domains, sites
from app.models.deploys import Deploy
from app.signals.deploys import STAGES, DeployCancelled, DeployCompleted, Reason, Target

#: A published deploy with a target in such a state is live in part.
MISSING = ("failed", "pending", "cancelled")


def completed(
    db: Connection, deploy: Deploy, *, partial: bool = False, also: Iterable[Target] = ()
) -> DeployCompleted | None:
    """What a published deploy has reached, if that was not said yet; `also` are further targets."""
    if deploy.status not in ("published", "archived") or deploy.completed_at:
        return None
    targets = [*domains.targets_of(db, deploy), *also]
    partial = partial or any(target.status in MISSING for target in targets)
    took = deploy.durations | {"complete": round((now() - deploy.entered_at) / timedelta(milliseconds=1))}
    return DeployCompleted.of(
        deploy,
        status="partial" if partial else "ok",
        cid=deploy.cid,
        targets=targets,
        durations=took | {"total": sum(took.values())},
    )


def cancelled(deploy: Deploy, reason: Reason, *, by: str, forced: bool = False) -> DeployCancelled:
    """That a deploy was given up before it was published."""
    stage = STAGES[deploy.status]
    return DeployCancelled.of(deploy, reason=reason, at_stage=stage, stage=stage, by=by, forced=forced)


@acknowledges("deploy")
@acknowledges("rollback")
def end_with_flow(db: Connection, flow: CancelledFlow) -> DeployCancelled | DeployCompleted | None:
    """A deploy ends with the flow that brought it into its state: unpublished it is cancelled, afterwards it
    is live, with what was cancelled as missing targets. A rollback that did not take place leaves no trace.
    """
    deploy = deploys.moved_by_flow(db, flow.id)
    if deploy is None:
        return None
    if not deploy.unpublished:
        said = completed(db, deploy, also=_prevented(db, flow.id))
        return said and said.model_copy(update={"targets": tuple(map(_unreached, said.targets))})
    site = sites.get(db, deploy.site_id)
    reason: Reason = "site_deleted" if site is None or site.deleted else "asked"
    return cancelled(deploy, reason, by=flow.by, forced=flow.forced)


def _unreached(target: Target) -> Target:
    """Nothing of the flow is left that could still reach it."""
    return target.model_copy(update={"status": "cancelled"}) if target.status == "pending" else target


def _prevented(db: Connection, flow: str) -> list[Target]:
    """The actions that were cancelled, but for those that only decide and cannot fail: they reach nothing."""
    found = {
        reaction.action
        for reaction in reactions_of_flow(db, flow)
        if reaction.state == "cancelled" and not reaction.follower
    }
    decide = {name for name, action in ACTIONS.items() if not (action.outer or action.fails_with)}
    return [Target(kind="action", id=name, status="cancelled") for name in sorted(found - decide)]
