"""`flask notifications`: what was told to whom, and what could not be."""

from typing import Any

import rich_click as click

from app.cli.asking import asks, at_most
from app.cli.output import Output, table, when
from app.cli.platform import Platform, at

STATES = ("sent", "failed", "suppressed")


@click.group("notifications")
def notifications() -> None:
    """Notifications: list."""


@notifications.command("list")
@click.option("--state", type=click.Choice(STATES), help="Only these.")
@click.option("--channel", metavar="NAME", help="By this channel; email and log are such names too.")
@click.option("--site", metavar="SLUG", help="About this site.")
@at_most(20)
@asks
def list_notifications(platform: Platform, out: Output, /, limit: int, **asked: Any) -> None:
    """The newest first."""
    found = platform.items(at("notifications"), limit, **asked)
    head = ("at", "state", "to", "by", "what", "why")
    out.answer(found, table(head, map(_line, found), "Nobody was told anything yet."))


def _line(each: Any) -> tuple[Any, ...]:
    why = each["reason"] or (each["failure"] or {}).get("code", "")
    why += f" until {when(each['until'])}" if each["until"] else ""
    what = each["title"] or each["event_type"]
    return when(each["at"]), each["state"], each["recipient"] or "", each["channel"] or "", what, why
