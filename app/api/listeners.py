"""Listeners that people configure: `/v1/listeners`. Built-in ones are on the map, and can be paused."""

from base64 import b64encode, urlsafe_b64decode
from typing import Any, Literal

from flask import Response
from pydantic import BaseModel

from app.api.auth import check_everywhere, scope
from app.api.commands import Answer, Repeatable, perform, secret_for
from app.api.conditions import Conditioned, Globs
from app.api.doing import Do, checked_do
from app.api.errors import body_problems, problems
from app.api.paging import Listed, Page, listed
from app.api.requests import Moment, Text
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
from app.models import listeners, webhooks
from app.models.listeners import Configured

TAGS: Any = [{"name": "Listeners", "description": "What is done when something happens, as people want it."}]


class ListenerPath(BaseModel):
    """Which listener: an id, or the name of a built-in one."""

    id: Text


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


class ListenerAnswer(Conditioned):
    """A listener. A paused one keeps what it is to answer for later, a disabled one hears nothing."""

    id: str
    name: str
    on: list[str]
    when: dict[str, Any] | None
    do: dict[str, Any]
    key: str | None
    state: Literal["active", "paused", "disabled"]
    enabled: bool
    created_at: Moment
    changed_at: Moment


class NewListenerAnswer(ListenerAnswer):
    """A listener with the secret of its webhook, which is shown this once and to repeats of the request."""

    secret: str | None


class ListenerList(Listed):
    """Listeners, newest first."""

    items: list[ListenerAnswer]


def said(listener: Configured) -> Any:
    """A listener in plain JSON values."""
    same = {name: getattr(listener, name) for name in ("id", "name", "state", "created_at", "changed_at")}
    spec = {name: listener.spec[name] for name in ("on", "when", "do", "key")}
    spec |= {name: listener.spec.get(name) for name in CONDITION}
    answer = ListenerAnswer(**same, **spec, enabled=listener.state != "disabled")
    return answer.model_dump(mode="json")


def webhook_secret(listener_id: str) -> str:
    """The secret that this request makes for a listener: a repeat finds the same one."""
    raw = urlsafe_b64decode(secret_for(listener_id) + "=")
    return f"whsec_{b64encode(raw).decode()}"


def with_secret(body: Any) -> Any:
    """The answer with the secret that its request has made, unless it is not good any more."""
    with reading() as db:
        known = webhooks.knows_secret(db, body["id"], secret := webhook_secret(body["id"]))
    return body | {"secret": secret if known else None}


@v1.get("/listeners", tags=TAGS, responses={200: ListenerList})
@scope("admin")
def list_listeners(query: Page) -> Any:
    """Configured listeners, newest first."""
    check_everywhere()
    with reading() as db:
        rows = listeners.page(db, query.limit + 1, query.after)
    return listed(rows, query.limit, said, lambda listener: listener.id)


@v1.post("/listeners", tags=TAGS, responses={201: NewListenerAnswer, **body_problems(409)})
@scope("admin")
def make_listener(header: Repeatable, body: NewListener) -> Response:
    """Configure a listener. A webhook's secret is in this answer and nowhere else."""
    check_everywhere()
    do = checked_do(body.do)

    def work(log: Any) -> Answer:
        condition = body.model_dump(include=set(CONDITION))
        wish = Wish(body.name, body.on, do, body.when, body.key, condition)
        listener, _ = create_listener(log, wish, webhook_secret)
        return Answer(said(listener), 201, f"/v1/listeners/{listener.id}")

    return perform(work, header, body.model_dump(), with_secret)


@v1.get("/listeners/<id>", tags=TAGS, responses={200: ListenerAnswer, **problems(404)})
@scope("admin")
def show_listener(path: ListenerPath) -> Any:
    """One configured listener."""
    check_everywhere()
    with reading() as db:
        return said(listeners.require(db, path.id))


@v1.patch("/listeners/<id>", tags=TAGS, responses={200: ListenerAnswer, **body_problems(404, 409)})
@scope("admin")
def alter_listener(path: ListenerPath, body: ListenerChange) -> Response:
    """Change a listener: from its next revision on. What it had to answer by then it answers as it is now."""
    check_everywhere()
    changes = body.model_dump(exclude_unset=True, exclude={"enabled", "do", *CONDITION})
    changes["condition"] = body.model_dump(exclude_unset=True, include=set(CONDITION))
    if body.do is not None:
        changes["do"] = checked_do(body.do)

    def work(log: Any) -> Answer:
        change_listener(log, path.id, **changes)
        if body.enabled is not None:
            (resume_listener if body.enabled else disable_listener)(log, path.id)
        return Answer(said(listeners.require(log.db, path.id)))

    return perform(work)


@v1.delete("/listeners/<id>", tags=TAGS, responses={204: None, **problems(404)})
@scope("admin")
def remove_listener(path: ListenerPath) -> Response:
    """Remove a listener. What it had to answer by then comes to nothing."""
    check_everywhere()

    def work(log: Any) -> Answer:
        delete_listener(log, path.id)
        return Answer(None, 204)

    return perform(work)
