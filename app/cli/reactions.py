"""`flask reactions`: the answers to events, and those that were given up."""

from typing import Any

import rich_click as click

from app.cli.asking import asks
from app.cli.output import Output, fields, problem, table, when
from app.cli.platform import Platform, at

STATES = ("waiting", "ready", "running", "done", "dead", "cancelled", "skipped")
FIELDS = ("id", "event", "flow", "listener", "action", "state", "outcome", "attempt")
TIMES = ("due_at", "started_at", "ended_at")
HEAD = ("id", "action", "state", "attempt", "why")


@click.group("reactions")
def reactions() -> None:
    """Reactions: list, show, dead."""


@reactions.command("list")
@click.option("--state", type=click.Choice(STATES))
@click.option("--flow", metavar="ID", help="One flow only.")
@click.option("--listener", metavar="NAME", help="One listener only.")
@click.option("--limit", default=50, show_default=True)
@asks
def list_reactions(platform: Platform, out: Output, /, limit: int, **query: str | None) -> None:
    """The newest reactions first."""
    found = platform.items(at("reactions"), limit, **query)
    out.answer(found, table(HEAD, map(_row, found), "No reaction is like that."))


@reactions.command("dead")
@click.option("--limit", default=50, show_default=True)
@asks
def dead_reactions(platform: Platform, out: Output, limit: int) -> None:
    """Reactions that were given up without being able to say so: bugs, or work that kills its worker."""
    found = platform.items(at("reactions"), limit, state="dead")
    out.answer(found, table(HEAD, map(_row, found), "Nothing was given up."))


@reactions.command("show")
@click.argument("reaction_id", metavar="ID")
@asks
def show_reaction(platform: Platform, out: Output, reaction_id: str) -> None:
    """One reaction."""
    reaction = platform.get(at("reactions", reaction_id))
    known: dict[str, Any] = {name: reaction[name] for name in FIELDS}
    known |= {name: when(reaction[name]) for name in TIMES if reaction[name]}
    failure = reaction["failure"]
    why = problem(failure["code"], failure["message"], failure.get("hint", "")) if failure else []
    out.answer(reaction, [*fields(known), *why])


def _row(reaction: dict[str, Any]) -> tuple[Any, ...]:
    why = (reaction["failure"] or {}).get("code")
    return reaction["id"], reaction["action"], reaction["state"], reaction["attempt"], why
