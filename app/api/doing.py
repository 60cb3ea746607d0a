"""What a listener does: the `do` of `/v1/listeners`, and `/v1/actions`, which it may run."""

from typing import Any, Literal

from flask import current_app
from pydantic import BaseModel, ConfigDict, Field

from app.api.auth import scope
from app.api.requests import Text
from app.api.v1 import v1
from app.engine.actions import ACTIONS, Action


class Webhook(BaseModel):
    """A signed call to an address: CloudEvents, signed as Standard Webhooks has it.

    A `thin` payload has no `data`, and in `dataref` where the whole event is to be had with a token. The
    `signature` is `v1` (a secret that both sides share), `v1a` (ed25519: the receiver knows a public key) or
    both.
    """

    model_config = ConfigDict(extra="forbid")

    url: Text = Field(max_length=2000)
    payload: Literal["full", "thin"] = "full"
    signature: Literal["v1", "v1a", "both"] = "v1"


class Quiet(BaseModel):
    """Hours of every day, such as from 22:00 to 07:00, by the clocks of an IANA time zone."""

    model_config = ConfigDict(extra="forbid")

    from_: Text = Field(alias="from", max_length=10)
    to: Text = Field(max_length=10)
    tz: Text = Field(max_length=100)


class Notify(BaseModel):
    """A message to people: `to` is an e-mail address or the name of a channel. Without a `template` and a
    `title` it says what is known of the event; in these, `{data.site}` is a field of it.

    What is to be told in `quiet` hours is told at their end, and what is to be told within `digest` seconds
    after the first is told at once: several messages as one that lists them.
    """

    model_config = ConfigDict(extra="forbid")

    to: Text = Field(min_length=1, max_length=320)
    title: Text | None = None
    template: Text | None = None
    digest: int | None = Field(None, description="60 seconds to 7 days.")
    quiet: Quiet | None = None


class Do(BaseModel):
    """What is done, which is one thing: a webhook, a message to people, or an exposed action (see
    `/v1/actions`) `with` parameters, of which a text like `$.data.site` is taken from the event; `$$`
    begins one that begins with `$`.
    """

    model_config = ConfigDict(extra="forbid", validate_by_name=True)

    webhook: Webhook | None = None
    notify: Notify | None = None
    action: Text | None = None
    with_: dict[Text, Any] = Field(default_factory=dict, alias="with")


def checked_do(do: Do) -> dict[str, Any]:
    """What is to be done, in plain values. Raises what addresses that may not be called raise."""
    if do.webhook is not None:
        check = current_app.extensions["check_url"]
        check(do.webhook.url)
    return plain_do(do)


def plain_do(do: Do) -> dict[str, Any]:
    """What is to be done, in plain values."""
    said = do.model_dump(mode="json", by_alias=True, exclude_unset=True)
    return {name: value for name, value in said.items() if value is not None}


class ActionAnswer(BaseModel):
    """An action that a listener may run. `parameters` is the JSON schema of `with`, `answers` are the types
    of events that it can answer (all, when there are none), `records` those that it may record.
    """

    name: str
    summary: str
    parameters: dict[str, Any]
    answers: list[str]
    records: list[str]


class ActionList(BaseModel):
    """The exposed actions, by name."""

    items: list[ActionAnswer]


@v1.get("/actions", tags=[{"name": "Listeners"}], responses={200: ActionList})
@scope("read")
def list_actions() -> Any:
    """The actions that a configured listener may run."""
    exposed = sorted((each for each in ACTIONS.values() if each.exposed), key=lambda each: each.name)
    return ActionList(items=[_said(each) for each in exposed]).model_dump(mode="json")


def _said(action: Action) -> ActionAnswer:
    return ActionAnswer(
        name=action.name,
        summary=action.summary,
        parameters=action.parameters.model_json_schema(),
        answers=[signal.type for signal in action.takes],
        records=[signal.type for signal in action.emits],
    )
