"""`flask replays`: past events for one listener, tried out, begun, watched and cancelled."""

import math
from typing import Any

import rich_click as click

from app.cli.asking import asks, at_most
from app.cli.output import Output, fields, table, text, when
from app.cli.platform import Platform, at

HEAD = ("id", "listener", "state", "made", "of", "suppressed", "started")


def finite(_context: click.Context, _option: click.Parameter, said: float | None) -> float | None:
    """A rate that is a number."""
    if said is not None and not math.isfinite(said):
        raise click.BadParameter(f"{said} is no rate: say how many reactions per second.")
    return said


@click.group("replays")
def replays() -> None:
    """Replays: start, list, show, cancel."""


@replays.command("start")
@click.argument("listener", metavar="LISTENER")
@click.option("--from", "begin", metavar="WHERE", help="From this position in the log, this time or date on.")
@click.option("--until", metavar="WHERE", help="Up to this position, time or date (its midnight in UTC).")
@click.option("--rate", type=float, callback=finite, metavar="N", help="At most so many reactions a second.")
@click.option("--again", is_flag=True, help="Also events that the listener has answered before.")
@click.option("--dry-run", is_flag=True, help="Only say what would happen.")
@asks
def start(platform: Platform, out: Output, /, **asked: Any) -> None:
    """Give past events to a listener, old or new: all, or those of a range."""
    wish = {"from": bound(asked.pop("begin")), "until": bound(asked.pop("until")), **asked}
    answer = platform.post(at("replays"), **wish)
    out.answer(answer, _would(answer) if asked["dry_run"] else _begun(answer))


@replays.command("list")
@at_most(20)
@asks
def list_replays(platform: Platform, out: Output, limit: int) -> None:
    """The newest replays first."""
    found = platform.items(at("replays"), limit)
    out.answer(found, table(HEAD, map(_row, found), "Nothing was replayed yet."))


@replays.command("show")
@click.argument("replay_id", metavar="ID")
@asks
def show(platform: Platform, out: Output, replay_id: str) -> None:
    """One replay, and how far its reactions are."""
    replay = platform.get(at("replays", replay_id))
    times = {name: when(replay[name]) for name in ("started_at", "ended_at") if replay[name]}
    reactions = ", ".join(f"{count} {state}" for state, count in replay["reactions"].items())
    out.answer(replay, fields({**replay, **times, "reactions": reactions}))


@replays.command("cancel")
@click.argument("replay_id", metavar="ID")
@asks
def cancel(platform: Platform, out: Output, replay_id: str) -> None:
    """Make no more reactions, and cancel those that have not begun."""
    replay = platform.post(at("replays", replay_id, "cancel"))
    out.answer(
        replay, [f"Cancelled the replay to {text(replay['listener'])} after {replay['made']} reactions."]
    )


def bound(said: str | None) -> int | str | None:
    """A position, or whatever else was said: the platform knows times."""
    return int(said) if said and said.isascii() and said.isdigit() else said


def _begun(replay: dict[str, Any]) -> list[str]:
    where = f"positions {replay['after'] + 1} to {replay['until']}"
    told = f"Replaying {where} to {text(replay['listener'])}, generation {replay['generation']}."
    return [told, f"  flask replays show {replay['id']}"]


def _would(preview: dict[str, Any]) -> list[str]:
    before = f", {preview['suppressed']} were answered before" if preview["suppressed"] else ""
    lines = [f"Would make {preview['made']} reactions of {preview['matched']} events{before}."]
    samples = preview["samples"]
    lines += [f"  {when(each['time'])}  {text(each['type'])}  {text(each['subject'])}" for each in samples]
    return [*lines, "  ..."] if preview["made"] > len(samples) else lines


def _row(replay: dict[str, Any]) -> tuple[Any, ...]:
    known = (replay[name] for name in ("id", "listener", "state", "made", "matched", "suppressed"))
    return (*known, when(replay["started_at"]))
