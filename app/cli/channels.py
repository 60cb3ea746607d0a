"""`flask channels`: by which ways people can be told."""

import sys
from typing import Any

import rich_click as click
from click.exceptions import Exit

from app.cli.asking import asks, at_most
from app.cli.output import Output, table, when
from app.cli.platform import Platform, at
from app.cli.timeline import follow_events

EMPTY = "There is no channel. E-mail addresses need none: --notify me@example.org."
_ENDS = ("notification.sent", "notification.failed")


@click.group("channels")
def channels() -> None:
    """Channels: list, add, remove, test."""


@channels.command("list")
@at_most(50)
@asks
def list_channels(platform: Platform, out: Output, limit: int) -> None:
    """The newest channels first, without where they lead."""
    found = platform.items(at("channels"), limit)
    rows = [(each["name"], each["scheme"], when(each["created_at"])) for each in found]
    out.answer(found, table(("name", "kind", "added"), rows, EMPTY))


@channels.command("add")
@click.argument("name")
@asks
def add(platform: Platform, out: Output, name: str) -> None:
    """Add a channel called NAME. Its URL is asked for, or read from standard input: it is a secret.

    mailtos://user:password@example.org?to=me@example.org, slack://a/b/c/#channel, discord://id/token,
    tgram://token/chat
    """
    url = _asked() if sys.stdin.isatty() else sys.stdin.readline()
    channel = platform.post(at("channels"), name=name, url=url.strip())
    told = f"Added {channel['name']} ({channel['scheme']}). See whether it works:"
    out.answer(channel, [told, f"  flask channels test {channel['name']}"])


@channels.command("remove")
@click.argument("name")
@asks
def remove(platform: Platform, out: Output, name: str) -> None:
    """Remove a channel that no listener tells by."""
    platform.delete(at("channels", name))
    out.answer({"removed": name}, [f"Removed {name}."])


@channels.command("test")
@click.argument("name")
@asks
def test(platform: Platform, out: Output, name: str) -> None:
    """Send a message by a channel, and say what came of it; exits 1 when it failed."""
    asked = platform.post(at("channels", name, "test"))
    _wait(platform, asked["flow"])
    [line] = platform.items(at("notifications"), 1, event=asked["event"])
    out.answer(line, _outcome(name, line))
    if line["state"] != "sent":
        raise Exit(1)


def _asked() -> str:
    return str(click.prompt("URL", hide_input=True, err=True))


def _wait(platform: Platform, flow: str) -> None:
    """Until the message of a flow was sent, or could not be."""
    for event in follow_events(platform, flow=flow):
        if event and event["type"] in _ENDS:
            return


def _outcome(name: str, line: Any) -> list[str]:
    if line["state"] == "sent":
        return [f"Sent by {name}: {line['title']}."]
    failure = line["failure"]
    return [f"Not sent: {failure['message']} [{failure['code']}]", failure["hint"]]
