"""`flask events`: the log of everything that happened, and the proof that the tables follow from it."""

import json
from typing import Any

import rich_click as click

from app.cli.asking import asks, at_most, prints
from app.cli.output import Output, fields, table, text, when
from app.cli.platform import Platform, at
from app.cli.timeline import WIDEST, follow_events, words
from app.engine import rebuild as folding
from app.errors import Conflict

#: More than this is not printed at once.
MOST = 10_000


@click.group("events")
def events() -> None:
    """Events: tail, show, explain, missing, rebuild, verify."""


@events.command("tail")
@click.option("--type", "type_", metavar="GLOB", help="Such types only: site.deploy.*, **.failed")
@click.option("--flow", metavar="ID", help="One flow only.")
@click.option("--after", type=int, metavar="POSITION", help="All behind this place in the log.")
@at_most(20, least=0, about="What is among so many of the newest.")
@click.option("--follow/--no-follow", "-f", help="Go on as more happens, until Ctrl-C.")
@asks
def tail(platform: Platform, out: Output, /, **asked: Any) -> None:
    """The newest events, the oldest of them first."""
    query = {"type": asked["type_"], "flow": asked["flow"]}
    place = _recent(platform, asked["limit"]) if asked["after"] is None else asked["after"]
    for event in platform.items(at("events"), MOST, after=place or None, **query):
        _show(out, event)
        place = event["position"]
    if asked["follow"]:
        for news in follow_events(platform, place, **query):
            if news:
                _show(out, news)


@events.command("show")
@click.argument("event_id", metavar="ID")
@asks
def show_event(platform: Platform, out: Output, event_id: str) -> None:
    """One event with its data."""
    event = platform.get(at("events", event_id))
    known = {name: value for name, value in event.items() if isinstance(value, str | int)}
    data = json.dumps(event["data"], indent=2, ensure_ascii=False)
    out.answer(event, [*fields(known), *map(text, data.splitlines())])


@events.command("explain")
@click.argument("event_id", metavar="EVENT")
@click.argument("listener", required=False)
@asks
def explain_event(platform: Platform, out: Output, event_id: str, listener: str | None) -> None:
    """Why a listener did or did not answer an event; without one, all of them."""
    answer = platform.get(at("events", event_id, "explain"), listener=listener)
    rows = [(each["listener"], each["code"], each["reason"]) for each in answer["items"]]
    out.answer(answer["items"], table(("listener", "code", "why"), rows, "No listener was declared."))


@events.command("missing")
@at_most(50)
@asks
def missing(platform: Platform, out: Output, limit: int) -> None:
    """Reactions that ought to be there and are not. There should never be any: see flask events explain."""
    found = platform.items(at("coverage"), limit)
    rows = [(each["event"], each["listener"], when(each["found_at"])) for each in found]
    nothing = "Nothing is missing: every event was answered."
    out.answer(found, table(("event", "listener", "found"), rows, nothing))


@events.command("rebuild")
@click.option("--yes", is_flag=True, help="Do not ask.")
@prints
def rebuild(out: Output, yes: bool) -> None:
    """Make the tables anew from the log. Nothing else is recorded meanwhile."""
    if not yes:
        click.confirm("Empty the tables and fold the whole log into them again?", abort=True)
    count = folding.rebuild()
    out.answer({"events": count}, [f"Folded {count} events."])


@events.command("verify")
@prints
def verify(out: Output) -> None:
    """Compare the tables with what the log leads to. Exit 1 when they differ."""
    found = folding.verify()
    if not found:
        out.answer({"differences": []}, ["The tables are what the log leads to."])
        return
    lines = [f"{each.table}: {row}" for each in found for row in (*each.unexplained, *each.missing)]
    raise Conflict("tables_differ", "\n".join(lines), "flask events rebuild makes the tables anew.")


def _recent(platform: Platform, count: int) -> int:
    """A place in the log with at least `count` events behind it, seen from the newest flow."""
    flows = platform.items(at("flows"), 1)
    newest = platform.get(at("flows", flows[0]["id"]))["events"] if flows else []
    return max([0, *(int(event.get("position", 0)) - count for event in newest)])


def _show(out: Output, event: dict[str, Any]) -> None:
    if out.as_json:
        click.echo(json.dumps(event, ensure_ascii=False))
        return
    known = f"{when(event['time'])}  {click.style(event['id'], dim=True)}  {event['type']:<{WIDEST}}"
    click.echo(f"{known}  {words(event)}".rstrip())
