"""`flask usage`: what was used, by meter and day, and the measurements that make a number."""

from collections.abc import Callable
from typing import Any, TypeVar

import rich_click as click

from app.cli.asking import asks, at_most
from app.cli.output import Output, table, text, when
from app.cli.platform import Platform, at

EMPTY = "Nothing was used in these days."
F = TypeVar("F", bound=Callable[..., Any])


def _range(command: F) -> F:
    """The options that say of what usage it is."""
    for option in (
        click.option("--to", metavar="DAY", help="The last day. [default: today]"),
        click.option("--from", "begin", metavar="DAY", help="The first day. [default: 30 days back]"),
        click.option("--site", metavar="SLUG", help="Of this site alone."),
    ):
        command = option(command)
    return command


@click.group("usage")
def usage() -> None:
    """Usage: show, measurements."""


@usage.command("show")
@click.option("--meter", help="Of this alone, day by day.")
@_range
@asks
def show(platform: Platform, out: Output, /, meter: str | None, begin: str | None, **asked: Any) -> None:
    """What was used: a total of each meter, or one meter day by day."""
    found = platform.get(at("usage"), meter=meter, **{"from": begin, **asked})
    if meter:
        [only] = found["meters"]
        rows = [(each["day"], each["quantity"], only["unit"], each["count"]) for each in only["by_day"]]
        out.answer(found, table(("day", meter, "unit", "measurements"), rows, EMPTY))
    else:
        totals = [(each["meter"], each["total"], each["unit"]) for each in found["meters"]]
        out.answer(found, table(("meter", "total", "unit"), totals, EMPTY))


@usage.command("measurements")
@click.argument("meter")
@_range
@at_most(20)
@asks
def measurements(
    platform: Platform, out: Output, /, meter: str, begin: str | None, limit: int, **asked: Any
) -> None:
    """The newest measurements of METER first, each with the event that it counts."""
    found = platform.items(at("usage", "measurements"), limit, meter=meter, **{"from": begin, **asked})
    head = ("measured", "day", "quantity", "unit", "site", "event", "counts", "of the file")
    out.answer(found, table(head, map(_row, found), EMPTY))


def _row(each: dict[str, Any]) -> tuple[Any, ...]:
    place = f"{each['file']} {each['start']}-{each['end']}" if each["file"] else ""
    known = (each["day"], each["quantity"], each["unit"], text(each["site"]), each["id"], each["cause"])
    return (when(each["measured_at"]), *known, place)
