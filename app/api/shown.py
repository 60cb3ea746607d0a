"""Listeners as the API shows them, configured or built in, and the secrets that it shows once."""

from base64 import b64encode, urlsafe_b64decode
from collections.abc import Sequence
from typing import Any, Literal

from app.api.commands import secret_for
from app.api.conditions import Conditioned
from app.api.paging import Listed
from app.api.requests import Moment
from app.commands.listeners import CONDITION
from app.engine import now, reading
from app.engine.listeners import LISTENERS, Listener
from app.models import listeners, webhooks
from app.models.listeners import Configured
from app.secrets.webhooks import PRIVATE, SHARED


class ListenerAnswer(Conditioned):
    """A listener. A paused one keeps what it is to answer for later, a disabled one hears nothing.

    A built-in one has its name as id, and its condition as `when`; it was there before anybody came. With one
    of the `public_keys` a receiver checks signatures `v1a`; the newest is the first.
    """

    id: str
    name: str
    on: list[str]
    when: dict[str, Any] | None
    do: dict[str, Any]
    key: str | None
    state: Literal["active", "paused", "disabled"]
    enabled: bool
    built_in: bool
    created_at: Moment | None
    changed_at: Moment | None
    public_keys: list[str]


class NewListenerAnswer(ListenerAnswer):
    """A listener with the secret of its webhook, which is shown this once and to repeats of the request."""

    secret: str | None


class ListenerList(Listed):
    """Listeners: those that are configured, newest first, and behind them those that are built in."""

    items: list[ListenerAnswer]


def said(db: Any, listener: Configured) -> Any:
    """A listener in plain JSON values; what its receiver may know is read from the database."""
    keys = webhooks.public_keys(db, listener.id, now()) if "webhook" in listener.spec["do"] else []
    same = {name: getattr(listener, name) for name in ("id", "name", "state", "created_at", "changed_at")}
    spec = {name: listener.spec[name] for name in ("on", "when", "do", "key")}
    spec |= {name: listener.spec.get(name) for name in CONDITION}
    answer = ListenerAnswer(
        **same, **spec, enabled=listener.state != "disabled", built_in=False, public_keys=keys
    )
    return answer.model_dump(mode="json")


def said_of_built_in(db: Any, names: Sequence[str]) -> list[Any]:
    """The same of built-in listeners of this process, whose states are read from the database."""
    states = listeners.states_of(db, names)
    return [_built_in(one, states[name]) for name in names if (one := LISTENERS.get(name)) is not None]


def _built_in(listener: Listener, state: Any) -> Any:
    fields = {name: list(allowed) for name, allowed in listener.when.items()}
    answer = ListenerAnswer(
        id=listener.name,
        name=listener.name,
        on=list(listener.types),
        when={"data": fields} if fields else None,
        do={"action": listener.action},
        key=listener.key,
        state=state,
        enabled=True,
        built_in=True,
        created_at=None,
        changed_at=None,
        public_keys=[],
    )
    return answer.model_dump(mode="json")


def webhook_secret(listener_id: str, kind: str) -> str:
    """The secret that this request makes for one kind of a listener's signatures: a repeat finds the same
    one.
    """
    raw = urlsafe_b64decode(secret_for(listener_id if kind == "v1" else f"{listener_id} {kind}") + "=")
    return (SHARED if kind == "v1" else PRIVATE) + b64encode(raw).decode()


def with_secret(body: Any) -> Any:
    """The answer with the secret that its request has made for a receiver to share, unless there is none that
    is good now, and with the public keys.
    """
    if body["id"] is None:
        return body
    secret = webhook_secret(body["id"], "v1")
    with reading() as db:
        known = webhooks.knows_secret(db, body["id"], secret)
        keys = webhooks.public_keys(db, body["id"], now())
    return body | {"secret": secret if known else None, "public_keys": keys}
