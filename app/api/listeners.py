"""Listeners: `/v1/listeners`. People configure them, but for the built-in ones, which can be paused."""

from typing import Any

from flask import Response
from pydantic import BaseModel, Field

from app.api.auth import check_everywhere, scope
from app.api.commands import Answer, Repeatable, perform
from app.api.conditions import Conditioned, Globs
from app.api.doing import Do, checked_do
from app.api.errors import body_problems, problems
from app.api.paging import Page, listed
from app.api.requests import Text
from app.api.shown import (
    ListenerAnswer,
    ListenerList,
    NewListenerAnswer,
    said,
    said_of_built_in,
    webhook_secret,
    with_secret,
)
from app.api.v1 import v1
from app.commands.listeners import (
    CONDITION,
    Wish,
    change_listener,
    create_listener,
    delete_listener,
    disable_listener,
    resume_listener,
)
from app.engine import reading
from app.engine.listeners import LISTENERS
from app.models import listeners

TAGS: Any = [{"name": "Listeners", "description": "What is done when something happens, as people want it."}]


class ListenerPath(BaseModel):
    """Which listener: an id, or the name of a built-in one."""

    id: Text


class ListenerPage(Page):
    """Which listeners: those that are built in, those that are not, or both."""

    built_in: bool | None = Field(None, description="Only built-in ones, or only those that are not.")


class NewListener(Conditioned):
    """A listener to be configured. `on` are types of events, `*` stands for one segment, `**` for any number.

    `when` is a pattern over the event in the shape of EventBridge's. With a `key`, which is a field of the
    events' data, those of one site with the same value are told of one after the other, in their order.
    """

    name: Text
    on: Globs
    when: dict[str, Any] | None = None
    do: Do
    key: Text | None = None


class ListenerChange(Conditioned):
    """What is to be different; what is left out stays. `enabled` false: it hears nothing any more."""

    name: Text | None = None
    on: Globs | None = None
    when: dict[str, Any] | None = None
    do: Do | None = None
    key: Text | None = None
    enabled: bool | None = None


@v1.get("/listeners", tags=TAGS, responses={200: ListenerList})
@scope("admin")
def list_listeners(query: ListenerPage) -> Any:
    """Configured listeners, newest first, and behind them the built-in ones by name."""
    check_everywhere()
    found: list[Any] = []
    behind = query.after if LISTENERS.get(query.after or "") else None
    with reading() as db:
        if not query.built_in and behind is None:
            found = [said(db, each) for each in listeners.page(db, query.limit + 1, query.after)]
        if query.built_in is not False:
            built_in = sorted(each.name for each in LISTENERS.all() if each.name > (behind or ""))
            found += said_of_built_in(db, built_in[: query.limit + 1 - len(found)])
    return listed(found, query.limit, lambda one: one, lambda one: one["id"])


@v1.post("/listeners", tags=TAGS, responses={201: NewListenerAnswer, **body_problems(409)})
@scope("admin")
def make_listener(header: Repeatable, body: NewListener) -> Response:
    """Configure a listener. A webhook's secret is in this answer and nowhere else."""
    check_everywhere()
    do = checked_do(body.do)

    def work(log: Any) -> Answer:
        condition = body.model_dump(include=set(CONDITION))
        wish = Wish(body.name, body.on, do, body.when, body.key, condition)
        listener = create_listener(log, wish, webhook_secret)
        return Answer(said(log.db, listener), 201, f"/v1/listeners/{listener.id}")

    return perform(work, header, body.model_dump(), with_secret)


@v1.get("/listeners/<id>", tags=TAGS, responses={200: ListenerAnswer, **problems(404)})
@scope("admin")
def show_listener(path: ListenerPath) -> Any:
    """One listener."""
    check_everywhere()
    with reading() as db:
        if LISTENERS.get(path.id) is not None:
            return said_of_built_in(db, [path.id])[0]
        return said(db, listeners.require(db, path.id))


@v1.patch("/listeners/<id>", tags=TAGS, responses={200: NewListenerAnswer, **body_problems(404, 409)})
@scope("admin")
def alter_listener(path: ListenerPath, body: ListenerChange) -> Response:
    """Change a listener: from its next revision on. What it had to answer by then it answers as it is now.

    A webhook that is to be signed otherwise gets new secrets, as if they had been rotated.
    """
    check_everywhere()
    changes = body.model_dump(exclude_unset=True, exclude={"enabled", "do", *CONDITION})
    changes["condition"] = body.model_dump(exclude_unset=True, include=set(CONDITION))
    if body.do is not None:
        changes["do"] = checked_do(body.do)

    def work(log: Any) -> Answer:
        change_listener(log, path.id, webhook_secret, **changes)
        if body.enabled is not None:
            (resume_listener if body.enabled else disable_listener)(log, path.id)
        return Answer(said(log.db, listeners.require(log.db, path.id)))

    return perform(work, reveal=with_secret)


@v1.delete("/listeners/<id>", tags=TAGS, responses={204: None, **problems(404, 409)})
@scope("admin")
def remove_listener(path: ListenerPath) -> Response:
    """Remove a listener. What it had to answer by then comes to nothing."""
    check_everywhere()

    def work(log: Any) -> Answer:
        delete_listener(log, path.id)
        return Answer(None, 204)

    return perform(work)
