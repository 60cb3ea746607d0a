"""`flask reactions`: the answers to events, and those that were given up."""

from typing import Any

import rich_click as click

from app.cli.asking import asks
from app.cli.output import Output, fields, problem, table, text, when
from app.cli.platform import Platform, at

STATES = ("waiting", "ready", "running", "done", "dead", "cancelled", "skipped")
FIELDS = ("id", "event", "flow", "listener", "action", "state", "outcome", "attempt")
TIMES = ("due_at", "started_at", "ended_at")
HEAD = ("id", "action", "state", "attempt", "why")


@click.group("reactions")
def reactions() -> None:
    """Reactions: list, show, dead, retry, skip."""


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
    """One reaction; of a dead one, why it died and where in the code."""
    reaction = platform.get(at("reactions", reaction_id))
    known: dict[str, Any] = {name: reaction[name] for name in FIELDS}
    known |= {name: when(reaction[name]) for name in TIMES if reaction[name]}
    failure = reaction["failure"]
    why = problem(failure["code"], failure["message"], failure.get("hint", "")) if failure else []
    out.answer(reaction, [*fields(known), *why, *_traceback(failure or {})])


@reactions.command("retry")
@click.argument("reaction_ids", metavar="[ID]...", nargs=-1)
@click.option("--all", "every", is_flag=True, help="Every dead one.")
@click.option("--listener", metavar="NAME", help="The dead ones of a listener.")
@click.option("--action", metavar="NAME", help="The dead ones of an action.")
@click.option("--code", metavar="CODE", help="Those that died of a failure with this code.")
@click.option("--flow", metavar="ID", help="The dead ones of a flow.")
@click.option("--since", metavar="TIME", help="That died then or later: 2026-01-31T12:00:00Z, 2026-01-31")
@asks
def retry(
    platform: Platform, out: Output, /, reaction_ids: tuple[str, ...], every: bool, **like: Any
) -> None:
    """Try dead reactions again: these, or all that are like that."""
    by_filter = every or any(like.values())
    if bool(reaction_ids) == by_filter:
        raise click.UsageError("Name reactions by their ids, or say which: --all, --listener, --action, ...")
    if by_filter:
        count = _retry_many(platform, like)
        out.answer({"count": count}, [f"Trying {count} again." if count else "Nothing dead is like that."])
        return
    tried = [platform.post(at("reactions", each, "retry")) for each in reaction_ids]
    out.answer(tried, [f"Trying {text(each['action'])} again for {text(each['label'])}." for each in tried])


@reactions.command("skip")
@click.argument("reaction_ids", metavar="ID...", nargs=-1, required=True)
@asks
def skip(platform: Platform, out: Output, reaction_ids: tuple[str, ...]) -> None:
    """Give dead reactions up for good, so that those they hold back go on."""
    skipped = [platform.post(at("reactions", each, "skip")) for each in reaction_ids]
    out.answer(skipped, [f"Gave up {text(each['action'])} for {text(each['label'])}." for each in skipped])


def _retry_many(platform: Platform, like: dict[str, Any]) -> int:
    """Part by part, and none twice, so that this ends also when all of them die again at once."""
    count, after = 0, None
    while True:
        part = platform.post(at("reactions", "retry"), after=after, **like)
        count, after = count + int(part["count"]), part["next"]
        if after is None:
            return count


def _traceback(failure: dict[str, Any]) -> list[str]:
    lines = "".join(failure.get("traceback", [])).splitlines()
    return ["", *(f"  {text(line)}" for line in lines)] if lines else []


def _row(reaction: dict[str, Any]) -> tuple[Any, ...]:
    why = (reaction["failure"] or {}).get("code")
    return reaction["id"], reaction["action"], reaction["state"], reaction["attempt"], why
