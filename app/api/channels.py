"""Channels by which people are told: `/v1/channels`. What they lead to is taken in and never shown again."""

from typing import Annotated, Any

from flask import Response, current_app
from pydantic import BaseModel, Field

from app.api.auth import check_everywhere, scope
from app.api.commands import Answer, Repeatable, perform
from app.api.errors import body_problems, problems
from app.api.paging import Listed, Page, listed
from app.api.requests import Moment, Text
from app.api.v1 import v1
from app.commands.channels import add_channel, remove_channel, try_channel
from app.engine import reading
from app.models import channels
from app.models.channels import Channel

TAGS: Any = [{"name": "Notifications", "description": "Who is told what, and what came of it."}]


class ChannelPath(BaseModel):
    """Which channel."""

    name: Text


class NewChannel(BaseModel):
    """A channel to be added: where it leads, as an apprise URL (mailtos://, slack://, discord://, tgram://)."""

    name: Text
    url: Annotated[str, Field(max_length=2000, json_schema_extra={"writeOnly": True, "format": "password"})]


class ChannelAnswer(BaseModel):
    """A channel, without its URL. `scheme` is what kind it is."""

    id: str
    name: str
    scheme: str
    created_at: Moment


class ChannelList(Listed):
    """Channels, newest first."""

    items: list[ChannelAnswer]


class TestAnswer(BaseModel):
    """A message is being sent: `/v1/notifications?event=` tells what came of it, and the flow shows it."""

    event: str
    flow: str


def _said(channel: Channel) -> Any:
    same = {name: getattr(channel, name) for name in ChannelAnswer.model_fields}
    return ChannelAnswer(**same).model_dump(mode="json")


@v1.get("/channels", tags=TAGS, responses={200: ChannelList})
@scope("admin")
def list_channels(query: Page) -> Any:
    """Channels, newest first."""
    check_everywhere()
    with reading() as db:
        rows = channels.page(db, query.limit + 1, query.after)
    return listed(rows, query.limit, _said, lambda channel: channel.id)


@v1.post("/channels", tags=TAGS, responses={201: ChannelAnswer, **body_problems(409)})
@scope("admin")
def make_channel(header: Repeatable, body: NewChannel) -> Response:
    """Add a channel. Its URL is kept encrypted and is nowhere shown."""
    check_everywhere()
    scheme = current_app.extensions["check_channel"](body.url)

    def work(log: Any) -> Answer:
        channel = add_channel(log, body.name, body.url, scheme)
        return Answer(_said(channel), 201, f"/v1/channels/{channel.name}")

    return perform(work, header, body.model_dump())


@v1.get("/channels/<name>", tags=TAGS, responses={200: ChannelAnswer, **problems(404)})
@scope("admin")
def show_channel(path: ChannelPath) -> Any:
    """One channel."""
    check_everywhere()
    with reading() as db:
        return _said(channels.require(db, path.name))


@v1.delete("/channels/<name>", tags=TAGS, responses={204: None, **problems(404, 409)})
@scope("admin")
def drop_channel(path: ChannelPath) -> Response:
    """Remove a channel that no listener tells by."""
    check_everywhere()

    def work(log: Any) -> Answer:
        remove_channel(log, path.name)
        return Answer(None, 204)

    return perform(work)


@v1.post("/channels/<name>/test", tags=TAGS, responses={202: TestAnswer, **problems(404)})
@scope("admin")
def test_channel(header: Repeatable, path: ChannelPath) -> Response:
    """Send a message by a channel, once."""
    check_everywhere()

    def work(log: Any) -> Answer:
        event = try_channel(log, path.name)
        return Answer(TestAnswer(event=event.id, flow=event.flow).model_dump(mode="json"), 202)

    return perform(work, header)
