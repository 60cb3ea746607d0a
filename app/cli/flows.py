"""`flask flows`: everything that one first event caused, as lists and as a timeline."""

from typing import Any

import rich_click as click

from app.cli.asking import asks, at_most
from app.cli.output import Output, coloured, table, text, when
from app.cli.platform import Platform, at
from app.cli.timeline import Timeline
from app.cli.watching import see_cancelled

STATES = ("running", "waiting", "succeeded", "failed", "cancelled")
SAME = ("id", "kind", "label", "state", "open")
HEAD = ("id", "kind", "about", "state", "open", "started", "note")


@click.group("flows")
def flows() -> None:
    """Flows: list, show, cancel."""


@flows.command("list")
@click.option("--state", type=click.Choice(STATES))
@click.option("--kind", metavar="KIND", help="Only these: deploy, rollback, ...")
@click.option("--stalled/--not-stalled", default=None, help="Those in which nothing happens, or not.")
@at_most(20)
@asks
def list_flows(platform: Platform, out: Output, /, limit: int, **query: Any) -> None:
    """The newest flows first."""
    found = platform.items(at("flows"), limit, **query)
    rows = [(*(flow[name] for name in SAME), when(flow["started_at"]), _note(flow)) for flow in found]
    asked = any(value is not None for value in query.values())
    out.answer(found, table(HEAD, rows, "No flow is like that." if asked else "No flow yet."))


@flows.command("show")
@click.argument("flow_id", metavar="ID")
@asks
def show_flow(platform: Platform, out: Output, flow_id: str) -> None:
    """The timeline of a flow: its events, and under each the reactions that answered it."""
    flow = platform.get(at("flows", flow_id))
    out.answer(flow, _lines(flow))


@flows.command("cancel")
@click.argument("flow_id", metavar="ID")
@click.option("--watch/--no-watch", default=True, help="Show what happens until it is over. [default: watch]")
@asks
def cancel_flow(platform: Platform, out: Output, flow_id: str, watch: bool) -> None:
    """End whatever a flow still does. Watched, it exits 0 once nothing of it is at work any more."""
    flow = platform.post(at("flows", flow_id, "cancel"))
    out.say(f"Cancelling {flow['kind']} {text(flow['label'])}.")
    if watch:
        see_cancelled(platform, out, flow_id)
        flow = platform.get(at("flows", flow_id))
    out.answer(flow, _lines(flow) if watch else [f"See: flask flows show {flow_id}"])


def _lines(flow: dict[str, Any]) -> list[str]:
    timeline = Timeline(ids=True)
    lines = [f"{flow['kind']} {text(flow['label'])}: {coloured(flow['state'])}{_besides(flow)}"]
    for event in flow["events"]:
        lines.append(timeline.line(event))
        answers = (reaction for reaction in flow["reactions"] if reaction["event"] == event["id"])
        lines += [f"{'':>12}-> {_answer(reaction)}" for reaction in answers]
    return lines


def _note(flow: dict[str, Any]) -> str:
    """What of a flow its state does not say."""
    return ", ".join([*["stalled"] * flow["stalled"], *["cancelling"] * bool(flow["cancel_forced_at"])])


def _besides(flow: dict[str, Any]) -> str:
    """The same in a few more words."""
    stalled = ", stalled: nothing has happened in it for an hour" if flow["stalled"] else ""
    forced = flow["cancel_forced_at"]
    return stalled + (f", being cancelled, by force from {when(forced)}" if forced else "")


def _answer(reaction: dict[str, Any]) -> str:
    waits = f" ({_waits(reaction)})" if reaction["waits_for"] else ""
    tries = f", attempt {reaction['attempt']}" if reaction["attempt"] > 1 else ""
    failure = reaction["failure"]
    why = f": {text(failure['message'])} [{failure['code']}]" if failure else ""
    return f"{reaction['action']} {coloured(reaction['state'])}{waits}{tries}{why}"


def _waits(reaction: dict[str, Any]) -> str:
    """What a waiting reaction waits for, and until when at most."""
    what, key = reaction["waits_for"], text(reaction["key"] or "")
    words = {
        "key": f"its turn among those of {key}",
        "event": f"another event of {key}",
        "delay": "its time",
        "rate": "its time",
        "paused": "its listener to be resumed",
    }
    until = f", until {when(reaction['due_at'])}" if reaction["due_at"] else ""
    return f"for {words.get(what, f'a {what}')}{until}"
