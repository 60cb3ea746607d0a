"""Watching a flow of a deploy to its end, and what that end means for the command's exit."""

from collections.abc import Iterator
from typing import Any

from click.exceptions import Exit

from app.cli.output import Output, problem
from app.cli.platform import Platform, at
from app.cli.timeline import Timeline, follow_events
from app.engine.facts import FlowCancelMissed
from app.engine.signal import SIGNALS

#: The states that a deploy leaves no more, or only because of another one.
ENDED = ("live", "archived", "skipped", "failed", "superseded", "cancelled")
FAILED, OVERTAKEN, INTERRUPTED = 1, 3, 130
#: Targets that a live deploy has not reached for good.
MISSED = ("failed", "cancelled")
EXIT = {"failed": FAILED, "superseded": OVERTAKEN, "cancelled": OVERTAKEN}


def see_through(platform: Platform, out: Output, started: dict[str, Any]) -> None:
    """Show what happens to a deploy that was started until it has ended; exits as `flask deploy` promises."""
    _show(out, started["flow"], _until_ended(platform, started))
    ended = platform.get(at("deploys", started["id"]))
    if _was_called_off(platform, started, ended):
        out.answer(ended, ["Cancelled."])
        raise Exit(OVERTAKEN)
    out.answer(ended, _verdict(ended))
    raise Exit(EXIT.get(ended["status"], 0))


def see_cancelled(platform: Platform, out: Output, flow: str) -> None:
    """Show what happens in a flow that is being cancelled until nothing of it is at work any more."""
    _show(out, flow, _until_cancelled(platform, flow))


def _show(out: Output, flow: str, events: Iterator[dict[str, Any]]) -> None:
    timeline = Timeline()
    try:
        for event in events:
            out.say(timeline.line(event))
    except KeyboardInterrupt:
        out.say(f"It goes on without you. See: flask flows show {flow}")
        raise Exit(INTERRUPTED) from None


def _until_cancelled(platform: Platform, flow: str) -> Iterator[dict[str, Any]]:
    """The events of a flow until it has ended; with the last come those that were recorded together."""
    seen = set()
    for event in follow_events(platform, flow=flow):
        if event:
            seen.add(event["id"])
            yield event
        if event is None or _may_end(event["type"]) or event["type"] == FlowCancelMissed.type:
            whole = platform.get(at("flows", flow))
            if whole["ended_at"]:
                yield from (each for each in whole["events"] if each["id"] not in seen)
                return


def _was_called_off(platform: Platform, started: dict[str, Any], ended: dict[str, Any]) -> bool:
    """Whether it was a rollback, whose flow is not the deploy's own, and somebody has cancelled that."""
    if ended["flow"] == started["flow"]:
        return False
    return bool(platform.get(at("flows", started["flow"]))["state"] == "cancelled")


def _until_ended(platform: Platform, deploy: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The events of the flow as they happen, until one of them was the deploy's end."""
    for event in follow_events(platform, flow=deploy["flow"]):
        if event:
            yield event
            if _may_end(event["type"]) and platform.get(at("deploys", deploy["id"]))["status"] in ENDED:
                return
        elif platform.get(at("flows", deploy["flow"]))["ended_at"]:
            return


def _may_end(type_: str) -> bool:
    """Whether a flow can end with an event of this type; one that is not known here may always be the end."""
    return type_ not in SIGNALS or SIGNALS[type_].ends is not None


def _verdict(deploy: dict[str, Any]) -> list[str]:
    """How it ended, in words."""
    failure, url = deploy["failure"], deploy["url"]
    if failure and deploy["status"] == "failed":
        return problem(failure["code"], failure["message"], failure["hint"])
    missing = [target["id"] for target in deploy["targets"] if target["status"] in MISSED]
    said = {
        "live": [f"Live: {url}", f"CID:  {deploy['cid']}"],
        "skipped": [f"Unchanged: {url} serves this content already."],
        "superseded": ["Superseded: a newer deploy took its place."],
        "cancelled": ["Cancelled."],
        "archived": [f"Replaced: {url} serves another deploy by now."],
    }
    notes = [f"Note: {found['message']} {found['hint']}".rstrip() for found in deploy["warnings"]]
    return [
        *said.get(deploy["status"], [deploy["status"]]),
        *(f"Not reached: {each}" for each in missing),
        *notes,
    ]
