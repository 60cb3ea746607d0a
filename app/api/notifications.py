"""The ledger of what was told to whom: `/v1/notifications`. A token of one site sees that site's lines."""

from typing import Any, Literal, cast

from pydantic import BaseModel, Field

from app.api.auth import asker, scope
from app.api.channels import TAGS
from app.api.paging import Listed, Page, listed
from app.api.requests import Moment, Text
from app.api.v1 import v1
from app.engine import reading
from app.models import notifications
from app.models.notifications import Notification

State = Literal["sent", "failed", "suppressed"]


class Which(Page):
    """Which lines of the ledger."""

    state: State | None = None
    channel: Text | None = Field(None, description="The name of a channel, or email, or log.")
    site: Text | None = Field(None, description="The slug of the site that was told of.")
    event: Text | None = Field(None, description="The id of the event that was told of.")


class NotificationAnswer(BaseModel):
    """One line: somebody was told, was not (`reason`), or could not be (`failure`).

    `event` is what was told of, `suppressed` how many messages had said the same since the last one. What is
    told later, for the reason `digest` or `quiet_hours`, is told about `until`.
    """

    id: str
    state: State
    channel: str | None
    recipient: str | None
    title: str | None
    text: str | None
    reason: str | None
    until: Moment | None
    failure: dict[str, Any] | None
    event: str
    event_type: str
    listener: str
    site: str | None
    deploy: str | None
    suppressed: int
    at: Moment


class NotificationList(Listed):
    """Lines of the ledger, newest first."""

    items: list[NotificationAnswer]


@v1.get("/notifications", tags=TAGS, responses={200: NotificationList})
@scope("read")
def list_notifications(query: Which) -> Any:
    """What was told to whom and what could not be, newest first."""
    like = {"status": query.state, "channel": query.channel, "site": query.site}
    like |= {"cause_event_id": query.event, "site_id": asker().site_id}
    with reading() as db:
        rows = notifications.page(db, query.limit + 1, query.after, like=like)
    return listed(rows, query.limit, _said, lambda line: line.id)


def _said(line: Notification) -> Any:
    names = ("id", "channel", "recipient", "title", "text", "reason", "failure", "event_type", "listener")
    same = {name: getattr(line, name) for name in (*names, "site", "suppressed", "until")}
    answer = NotificationAnswer(
        **same,
        state=cast(State, line.status),
        event=line.cause_event_id,
        deploy=line.deploy_id,
        at=line.created_at,
    )
    return answer.model_dump(mode="json")
