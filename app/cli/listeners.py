"""`flask listeners`: what people configured to happen when something happens."""

import json
from typing import Any

import rich_click as click

from app.cli.asking import asks, at_most
from app.cli.output import Output, fields, table, text, when
from app.cli.platform import Platform, at

EMPTY = "No listener is configured. The built-in ones: flask listeners list --all."


def as_json(_context: click.Context, _option: click.Parameter, said: str | None) -> Any:
    """What an option says as JSON; None when it was not given."""
    try:
        return None if said is None else json.loads(said)
    except ValueError as error:
        raise click.BadParameter(f"That is no JSON: {error}.") from error


@click.group("listeners")
def listeners() -> None:
    """Listeners: list, add, show, delete, apply, export, actions, preview, backfill, pause, resume, test,
    attempts, redeliver, rotate-secret.
    """


@listeners.command("list")
@click.option("--all", "every", is_flag=True, help="Also the built-in ones.")
@at_most(50)
@asks
def list_listeners(platform: Platform, out: Output, limit: int, *, every: bool) -> None:
    """The newest listeners first."""
    found = platform.items(at("listeners"), limit, built_in=None if every else "false")
    rows = [(each["id"], each["name"], each["state"], " ".join(each["on"]), _does(each)) for each in found]
    out.answer(found, table(("id", "name", "state", "on", "does"), rows, EMPTY))


@listeners.command("add")
@click.argument("name")
@click.option(
    "--on", multiple=True, required=True, metavar="TYPE", help="site.deploy.*, **.failed; repeatable."
)
@click.option("--when", "pattern", callback=as_json, metavar="JSON", help='{"data": {"site": ["hello"]}}')
@click.option("--webhook", metavar="URL", help="What is called.")
@click.option("--thin", is_flag=True, help="Without the data, which the receiver then fetches.")
@click.option(
    "--signature", type=click.Choice(["v1", "v1a", "both"]), help="How calls are signed. [default: v1]"
)
@click.option("--notify", metavar="TO", help="Who is told instead: an e-mail address, or a channel's name.")
@click.option("--title", metavar="TEXT", help='The subject line: "{data.site} failed"')
@click.option("--template", metavar="TEXT", help='The message: "{data.failure.message} {data.failure.hint}"')
@click.option("--digest", type=int, metavar="SECONDS", help="Tell what comes in such a time in one message.")
@click.option("--quiet", metavar="FROM-TO", help="Tell nothing in these hours, but after them: 22:00-07:00")
@click.option("--tz", metavar="ZONE", help="Whose clocks --quiet means: Europe/Berlin. [default: UTC]")
@click.option("--action", metavar="NAME", help="What is run instead: see flask listeners actions.")
@click.option(
    "--with", "given", callback=as_json, metavar="JSON", help='Its parameters: {"site": "$.data.site"}'
)
@click.option("--key", metavar="FIELD", help="One after the other, of each value of this field of the data.")
@click.option("--count", type=int, metavar="N", help="Not at each event, but when there were so many.")
@click.option("--then", multiple=True, metavar="TYPE", help="When one of these follows; repeatable.")
@click.option("--unless", multiple=True, metavar="TYPE", help="When none of these follows; repeatable.")
@click.option("--within", type=float, metavar="SECONDS", help="In what time, for the three above.")
@click.option("--for-each", metavar="FIELD", help="Of each value of this field by itself: data.site")
@asks
def add(platform: Platform, out: Output, /, name: str, pattern: Any, **asked: Any) -> None:
    """Call an address when something happens, tell somebody, or run an action. The secret that calls are
    signed with is printed once.
    """
    wish = {"name": name, "on": list(asked["on"]), "key": asked["key"], "when": pattern}
    wish |= _condition(**asked)
    answer = platform.post(at("listeners"), do=_wanted(**asked), **wish)
    out.answer(answer, [f"Configured {answer['id']}.", *signed_with(answer)])


def signed_with(answer: Any) -> list[str]:
    """What a receiver checks calls with: the secret, once, and the public keys."""
    keys = answer["public_keys"]
    note = "The calls are signed with this secret (Standard Webhooks). It is shown this once:"
    lines = [note, answer["secret"]] if answer["secret"] else []
    note = "The calls can be checked with this public key; the newest is the first:"
    return [*lines, *([note, *keys] if keys else [])]


@listeners.command("actions")
@asks
def list_actions(platform: Platform, out: Output) -> None:
    """The actions that a listener may run."""
    found = platform.get(at("actions"))["items"]
    rows = [
        (each["name"], " ".join(each["parameters"].get("properties", {})), each["summary"]) for each in found
    ]
    out.answer(found, table(("name", "takes", "does"), rows, "There is none."))


@listeners.command("show")
@click.argument("listener_id", metavar="ID")
@asks
def show(platform: Platform, out: Output, listener_id: str) -> None:
    """One listener."""
    found = platform.get(at("listeners", listener_id))
    said = {name: found[name] for name in ("id", "name", "state", "key")}
    said |= {"on": " ".join(found["on"]), "when": found["when"] and json.dumps(found["when"])}
    said |= {"waits for": _waits(found)} if _waits(found) else {}
    said |= {
        "does": _does(found),
        "public keys": found["public_keys"],
        "created": when(found["created_at"]),
        "changed": when(found["changed_at"]),
    }
    out.answer(found, fields(said))


@listeners.command("pause")
@click.argument("listener_id", metavar="ID")
@asks
def pause(platform: Platform, out: Output, listener_id: str) -> None:
    """Keep what a listener is to answer, also a built-in one by its name, until it is resumed."""
    answer = platform.post(at("listeners", listener_id, "pause"))
    out.answer(answer, [f"{listener_id} is {answer['state']}: what it is to answer waits."])


@listeners.command("resume")
@click.argument("listener_id", metavar="ID")
@asks
def resume(platform: Platform, out: Output, listener_id: str) -> None:
    """Let a listener work off what has waited, or hear again."""
    answer = platform.post(at("listeners", listener_id, "resume"))
    out.answer(answer, [f"{listener_id} is {answer['state']}."])


@listeners.command("delete")
@click.argument("listener_id", metavar="ID")
@asks
def delete(platform: Platform, out: Output, listener_id: str) -> None:
    """Remove a listener. What it had to answer by then comes to nothing."""
    platform.delete(at("listeners", listener_id))
    out.answer({"deleted": listener_id}, [f"Deleted {listener_id}."])


@listeners.command("rotate-secret")
@click.argument("listener_id", metavar="ID")
@asks
def rotate(platform: Platform, out: Output, listener_id: str) -> None:
    """Sign with a new secret, for a day besides the old one, and print it, once."""
    answer = platform.post(at("listeners", listener_id, "rotate-secret"))
    out.answer(answer, ["The old one is good for a day besides the new one.", *signed_with(answer)])


@listeners.command("attempts")
@click.argument("listener_id", metavar="ID")
@at_most(20)
@asks
def attempts(platform: Platform, out: Output, listener_id: str, limit: int) -> None:
    """The newest calls of a webhook first, and what was answered."""
    found = platform.items(at("listeners", listener_id, "attempts"), limit)
    head = ("at", "event", "type", "attempt", "answer", "ms", "next")
    out.answer(found, table(head, map(_attempt, found), "It was not called yet."))


def _attempt(call: Any) -> tuple[Any, ...]:
    answer = call["http_status"] or call["code"]
    following = when(call["next_attempt_at"]) if call["next_attempt_at"] else ""
    return (
        when(call["at"]),
        call["event"],
        call["event_type"],
        call["attempt"],
        answer,
        call["ms"],
        following,
    )


def _wanted(*, webhook: str | None, action: str | None, given: Any, **others: Any) -> dict[str, Any]:
    how = {"to": others["notify"], "quiet": _quiet(others["quiet"], others["tz"])}
    how |= {name: others[name] for name in ("title", "template", "digest")}
    notify = {name: value for name, value in how.items() if value is not None}
    call = {"url": webhook, "payload": "thin" if others["thin"] else None, "signature": others["signature"]}
    said = {
        "webhook": webhook and {name: value for name, value in call.items() if value is not None},
        "action": action,
        "with": given,
        "notify": notify or None,
    }
    return {name: value for name, value in said.items() if value is not None}


def _quiet(hours: str | None, zone: str | None) -> dict[str, str] | None:
    if hours is None:
        if zone is not None:
            raise click.UsageError("Say --quiet FROM-TO besides --tz.")
        return None
    begin, _, end = hours.partition("-")
    return {"from": begin, "to": end, "tz": zone or "UTC"}


def _condition(*, within: float | None, for_each: str | None, **asked: Any) -> dict[str, Any]:
    """What it waits for over several events."""
    said = {
        "count": asked["count"] and {"times": asked["count"]},
        "then": asked["then"] and {"on": list(asked["then"])},
        "unless": asked["unless"] and {"on": list(asked["unless"])},
    }
    wanted = {name: {**how, "within": within} for name, how in said.items() if how}
    if bool(wanted) != (within is not None):
        raise click.UsageError("Say --within SECONDS besides --count, --then or --unless, and only then.")
    return {**wanted, **({"for_each": for_each} if for_each else {})}


def _waits(listener: Any) -> str | None:
    """A condition in words; None for one that answers each event."""
    for_each = f" of one {listener['for_each']}" if listener["for_each"] else ""
    if count := listener["count"]:
        return f"{count['times']} within {count['within']:g} s{for_each}"
    for name in ("then", "unless"):
        if other := listener[name]:
            return f"{name} {' '.join(other['on'])} within {other['within']:g} s{for_each}"
    return None


def _does(listener: Any) -> str:
    do = listener["do"]
    if "action" in do:
        return " ".join(
            [do["action"], *(f"{name}={text(value)}" for name, value in do.get("with", {}).items())]
        )
    if "webhook" in do:
        return f"webhook {do['webhook']['url']}"
    how = do["notify"]
    said = [f"notify {how['to']}"]
    if how.get("digest"):
        said.append(f"gathered for {how['digest']} s")
    if quiet := how.get("quiet"):
        said.append(f"not {quiet['from']}-{quiet['to']} {quiet['tz']}")
    return ", ".join(said)
