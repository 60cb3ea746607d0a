"""Ending what is under way: a deploy before it is published, or whatever a flow still does."""

from app.engine import Recording, replays, views
from app.engine.cancelling import lock_flow, request_cancel
from app.engine.views import Flow
from app.errors import Conflict
from app.models import deploys, endings
from app.models.deploys import Deploy
from app.signals.deploys import STAGES, DeployCancelRequested


def cancel_deploy(log: Recording, deploy_id: str) -> Deploy:
    """Ask for the end of a deploy; asking again changes nothing. Returns it as it is then.

    NotFound `deploy_not_found`; Conflict `deploy_not_cancellable` when it is not under way any more.
    """
    lock_flow(log, deploys.require(log.db, deploy_id).flow)
    deploy = deploys.require(log.db, deploy_id)
    if deploy.status == "cancelled":
        return deploy
    if not deploy.unpublished:
        hint = "Only a deploy that is not published yet can be cancelled. To go back, use a rollback."
        what = f"{deploy.site} #{deploy.number} cannot be cancelled any more: it is {deploy.status}."
        raise Conflict("deploy_not_cancellable", what, hint)
    end_deploy(log, deploy)
    return deploys.require(log.db, deploy_id)


def end_deploy(log: Recording, deploy: Deploy) -> None:
    """Let an unpublished deploy end with its flow; at once when nothing of that is open any more."""
    by, cause = log.origin.actor, (deploy.flow, deploy.last_event)
    told = DeployCancelRequested.of(deploy, by=by, stage=STAGES[deploy.status]).within(*cause)
    if not request_cancel(log, deploy.flow, told):
        log.record(told)
        log.record(endings.cancelled(deploy, "asked", by=by).within(deploy.flow, told.recorded.id))


def cancel_flow(log: Recording, flow_id: str) -> Flow:
    """Ask for the end of all that a flow still does; a deploy that it has not published yet is cancelled.

    A replay ends with its flow. Asking again changes nothing. NotFound `flow_not_found`; Conflict
    `flow_ended`.
    """
    replay = replays.of_flow(log.db, flow_id)
    if replay is not None and replay.state == "running":
        replays.cancel(log, replay.id)
    row = lock_flow(log, flow_id)
    deploy = deploys.moved_by_flow(log.db, flow_id)
    if deploy is not None and deploy.unpublished:
        end_deploy(log, deploy)
    elif row.state != "cancelled" and not request_cancel(log, flow_id):
        hint = "There is nothing to cancel. What a flow did can be undone by another, such as a rollback."
        raise Conflict("flow_ended", f"The flow has ended: it {row.state}.", hint)
    found = views.get_flow(log.db, flow_id)
    assert found is not None  # noqa: S101 - narrows the type: its row was locked
    return found
