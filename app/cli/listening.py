"""`flask listeners`, and the past: how often one would have answered, and letting it answer once more."""

from typing import Any

import rich_click as click
from click.exceptions import Exit

from app.cli.asking import asks, at_most
from app.cli.listeners import as_json, listeners
from app.cli.output import Output, fields, text, when
from app.cli.platform import Platform, at
from app.cli.replays import bound, finite
from app.errors import InvalidInput


@listeners.command("preview")
@click.argument("listener_id", metavar="[ID]", required=False)
@click.option("--on", multiple=True, metavar="TYPE", help="site.deploy.*, **.failed; repeatable.")
@click.option("--when", "pattern", callback=as_json, metavar="JSON", help='{"data": {"site": ["hello"]}}')
@click.option("--from", "begin", metavar="WHERE", help="This position, time or date. [default: 7 days ago]")
@click.option("--to", "end", metavar="WHERE", help="Up to this position, time or date (its midnight in UTC).")
@at_most(10, least=0, about="So many samples at most.")
@asks
def preview(platform: Platform, out: Output, /, listener_id: str | None, limit: int, **asked: Any) -> None:
    """How often a listener would have answered lately: one that there is, or one that there might be."""
    if bool(listener_id) == bool(asked["on"]):
        raise InvalidInput("listener_unclear", "Which listener?", "Say its ID, or what it would be --on.")
    wish: dict[str, Any] = {"on": list(asked["on"]), "when": asked["pattern"]}
    if listener_id:
        found = platform.get(at("listeners", listener_id))
        wish = {name: found[name] for name in ("on", "when", "do")}
    span = {"from": bound(asked["begin"]), "to": bound(asked["end"]), "limit": limit}
    answer = platform.post(at("listeners", "preview"), **wish, **span)
    out.answer(answer, _would(answer))


@listeners.command("backfill")
@click.argument("listener_id", metavar="ID")
@click.option("--from", "begin", required=True, metavar="WHERE", help="From this position, time or date on.")
@click.option("--to", "end", metavar="WHERE", help="Up to this position, time or date (its midnight in UTC).")
@click.option("--rate", type=float, callback=finite, metavar="N", help="At most so many a second.")
@at_most(1000, about="So many events at most.")
@asks
def backfill(platform: Platform, out: Output, /, listener_id: str, **asked: Any) -> None:
    """Let a listener answer what came before it and it has not answered yet, the oldest first."""
    wish = {"from": bound(asked["begin"]), "to": bound(asked["end"])}
    wish |= {name: asked[name] for name in ("limit", "rate")}
    replay = platform.post(at("listeners", listener_id, "backfill"), **wish)
    out.answer(replay, [_range(replay), f"  flask replays show {replay['id']}"])


@listeners.command("redeliver")
@click.argument("listener_id", metavar="ID")
@click.option("--event", metavar="EVENT", help="This event, whatever became of it.")
@click.option("--failed-since", metavar="TIME", help="All that failed since then, unless answered since.")
@click.option("--from", "begin", metavar="WHERE", help="All from this position, time or date on.")
@click.option("--to", "end", metavar="WHERE", help="Up to this position, time or date (its midnight in UTC).")
@click.option("--rate", type=float, callback=finite, metavar="N", help="At most so many a second.")
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="At most so many.")
@asks
def redeliver(platform: Platform, out: Output, /, listener_id: str, **asked: Any) -> None:
    """Let a listener answer events again: one, those that failed, or all of a range. A receiver knows them by
    their webhook-id.
    """
    wish = {"from": bound(asked.pop("begin")), "to": bound(asked.pop("end")), **asked}
    path = at("listeners", listener_id, "redeliver")
    answer = platform.post(path, **wish)
    while wish["failed_since"] and not wish["limit"] and answer["next"]:
        more = platform.post(path, **wish, after=answer["next"])
        answer = {**more, "count": answer["count"] + more["count"]}
    out.answer(answer, _again(answer))


@listeners.command("test")
@click.argument("listener_id", metavar="ID")
@asks
def test(platform: Platform, out: Output, listener_id: str) -> None:
    """Call a webhook's receiver once now, with an event that says that it is a test, and tell how it went."""
    answer = platform.post(at("listeners", listener_id, "test"))
    said = {name: answer[name] for name in ("verdict", "message", "advice", "snippet", "event")}
    out.answer(answer, fields(said))
    if answer["verdict"] != "taken":
        raise Exit(1)


def _again(answer: dict[str, Any]) -> list[str]:
    if replay := answer["replay"]:
        return [_range(replay), f"  flask replays show {replay['id']}"]
    if answer["reaction"]:
        return ["It is tried now.", f"  flask reactions show {answer['reaction']}"]
    more = f" There are more; begin again for those behind {answer['next']}." if answer["next"] else ""
    return [f"{answer['count']} that had failed are tried again.{more}"]


def _range(replay: dict[str, Any]) -> str:
    most = f", {replay['limit']} events at most" if replay["limit"] else ""
    where = f"positions {replay['after'] + 1} to {replay['until']}"
    return f"{text(replay['listener'])} answers {where}{most}."


def _would(answer: dict[str, Any]) -> list[str]:
    looked_from, looked_to = (when(answer[name]) for name in ("looked_from", "looked_to"))
    told = f"Would have answered {answer['matched']} events of {answer['looked_at']} of these types"
    lines = [f"{told}, from {looked_from} to {looked_to}."]
    if answer["capped"]:
        lines.append("There are more than are looked at; those were the newest.")
    lines += [f"  {count:>6}  {text(type_)}" for type_, count in answer["by_type"].items()]
    samples = answer["samples"]
    lines += ["The newest:"] if samples else []
    return lines + [
        f"  {when(each['time'])}  {text(each['type'])}  {text(each['subject'])}" for each in samples
    ]
