"""`flask reactions`: the answers to events, and those that were given up."""

from collections.abc import Callable, Iterable
from typing import Any

import rich_click as click
from click.exceptions import Exit

from app.cli.asking import asks, at_most
from app.cli.output import Output, Refused, fields, problem, table, text, when
from app.cli.platform import Platform, at
from app.errors import PermanentError, PlatformError

Command = Callable[..., Any]

STATES = ("waiting", "ready", "running", "done", "dead", "cancelled", "skipped")
FIELDS = (
    *("id", "event", "flow", "listener", "generation", "action", "state", "outcome", "attempt"),
    *("waits_for", "key", "held_back_by", "worker"),
)
TIMES = ("due_at", "started_at", "ended_at")
HEAD = ("id", "action", "state", "attempt", "why")
#: So many are shown of those that would be tried again.
SHOWN = 10
NONE = "Nothing dead is like that."


@click.group("reactions")
def reactions() -> None:
    """Reactions: list, show, dead, retry, skip."""


def _alike(command: Command) -> Command:
    """The options that say what reactions have in common."""
    options = (
        click.option("--listener", metavar="NAME", help="Those of one listener."),
        click.option("--action", metavar="NAME", help="Those of one action."),
        click.option("--code", metavar="CODE", help="Those whose failure has this code."),
        click.option("--flow", metavar="ID", help="Those of one flow."),
        click.option("--since", metavar="TIME", help="Ended then or later: 2026-01-31T12:00:00Z, 2026-01-31"),
    )
    for option in reversed(options):
        command = option(command)
    return command


@reactions.command("list")
@click.option("--state", type=click.Choice(STATES))
@_alike
@at_most(50)
@asks
def list_reactions(platform: Platform, out: Output, /, limit: int, **query: str | None) -> None:
    """The newest reactions first."""
    found = platform.items(at("reactions"), limit, **query)
    out.answer(found, table(HEAD, map(_row, found), "No reaction is like that."))


@reactions.command("dead")
@_alike
@at_most(50)
@asks
def dead_reactions(platform: Platform, out: Output, /, limit: int, **alike: str | None) -> None:
    """Reactions that were given up without being able to say so: bugs, or work that kills its worker."""
    found = platform.items(at("reactions"), limit, state="dead", **alike)
    nothing = "Nothing dead is like that." if any(alike.values()) else "Nothing was given up."
    out.answer(found, table(HEAD, map(_row, found), nothing))


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
@click.option("--all", is_flag=True, help="Every dead one.")
@_alike
@click.option("--dry-run", is_flag=True, help="Only say how many, and show the newest.")
@asks
def retry(platform: Platform, out: Output, /, reaction_ids: tuple[str, ...], **asked: Any) -> None:
    """Try dead reactions again: these, or all that are like that."""
    wish = {name: value for name, value in asked.items() if value not in (None, False)}
    dry_run = wish.pop("dry_run", False)
    if bool(reaction_ids) == bool(wish) or (reaction_ids and dry_run):
        raise click.UsageError("Name reactions by their ids, or say which: --all, --listener, --action, ...")
    if reaction_ids:
        _each(platform, out, reaction_ids, "retry", "Trying {} again for {}.")
    elif dry_run:
        _would_retry(platform, out, wish)
    else:
        count = _retry_many(platform, wish)
        out.answer({"count": count}, [f"Trying {count} again." if count else NONE])


@reactions.command("skip")
@click.argument("reaction_ids", metavar="ID...", nargs=-1, required=True)
@asks
def skip(platform: Platform, out: Output, reaction_ids: tuple[str, ...]) -> None:
    """Give dead reactions up for good, so that those they hold back go on."""
    _each(platform, out, reaction_ids, "skip", "Gave up {} for {}.")


def _each(platform: Platform, out: Output, ids: Iterable[str], act: str, said: str) -> None:
    """Act on one after the other. One that is refused keeps nobody from the others; exits 1 at the end."""
    done, refused = list[dict[str, Any]](), list[PlatformError]()
    try:
        for each in ids:
            try:
                done.append(platform.post(at("reactions", each, act)))
            except PermanentError as error:
                refused.append(type(error)(error.code, f"{each}: {error.message}", error.hint))
    finally:
        out.answer(done, [said.format(text(each["action"]), text(each["label"])) for each in done])
    for one in refused:
        Refused(one, as_json=out.as_json).show()
    if refused:
        raise Exit(1)


def _would_retry(platform: Platform, out: Output, wish: dict[str, Any]) -> None:
    count = _retry_many(platform, wish | {"dry_run": True})
    alike = {name: value for name, value in wish.items() if name != "all"}
    newest = platform.items(at("reactions"), SHOWN, state="dead", **alike)
    lines = [f"Would try {count} again:", *table(HEAD, map(_row, newest), "")] if count else [NONE]
    out.answer({"count": count}, [*lines, "..."] if count > len(newest) else lines)


def _retry_many(platform: Platform, wish: dict[str, Any]) -> int:
    """Part by part, and none twice, so that this ends also when all of them die again at once."""
    count, after = 0, None
    while True:
        part = platform.post(at("reactions", "retry"), after=after, **wish)
        count, after = count + int(part["count"]), part["next"]
        if after is None:
            return count


def _traceback(failure: dict[str, Any]) -> list[str]:
    lines = "".join(failure.get("traceback", [])).splitlines()
    return ["", *(f"  {text(line)}" for line in lines)] if lines else []


def _row(reaction: dict[str, Any]) -> tuple[Any, ...]:
    why = (reaction["failure"] or {}).get("code")
    return reaction["id"], reaction["action"], reaction["state"], reaction["attempt"], why
