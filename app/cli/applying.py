"""`flask listeners apply` and `export`: listeners that people keep in a file."""

import json
from pathlib import Path
from typing import IO, Any

import rich_click as click

from app.cli.asking import asks
from app.cli.listeners import listeners, signed_with
from app.cli.output import Output, text
from app.cli.platform import Platform, at
from app.cli.written import Place, Written, written_out
from app.errors import InvalidInput, PermanentError

#: What of a listener stands in a file, and what it is when it does not stand there.
KEPT: dict[str, Any] = {
    "on": None,
    "when": None,
    "count": None,
    "then": None,
    "unless": None,
    "for_each": None,
}
KEPT |= {"do": None, "key": None, "enabled": True}
MOST = 500


@listeners.command("apply")
@click.argument("file", type=click.File("rb"), metavar="FILE")
@click.option("--prune", is_flag=True, help="Remove the listeners that are not in the file.")
@click.option("--dry-run", is_flag=True, help="Only say what would be done.")
@click.option("--yes", is_flag=True, help="Ask nothing.")
@asks
def apply(platform: Platform, out: Output, /, file: IO[bytes], *, yes: bool, **asked: bool) -> None:
    """Bring the listeners to what a YAML file says, where each is known by its name. Shows what that would
    change, and does all of it or nothing.
    """
    written = Written(Path(file.name).name, file.read())
    wish = {"listeners": _listed(written), "prune": asked["prune"]}
    plan = _post(platform, written, **wish, dry_run=True)
    changes = [*_would(plan)]
    for line in changes or ["Nothing to do: the listeners are as the file says."]:
        out.say(line)
    if plan["kept"]:
        names = ", ".join(text(name) for name in plan["kept"][:5])
        out.say(f"Not in the file: {len(plan['kept'])} ({names}). They stay; --prune removes such.")
    if asked["dry_run"] or not changes:
        out.answer(plan, [])
        return
    if not yes:
        click.confirm("Do that?", abort=True, err=True)
    answer = _post(platform, written, **wish, revision=plan["revision"])
    out.answer(answer, [*_secrets(answer), "Done."])


@listeners.command("export")
@asks
def export(platform: Platform, out: Output) -> None:
    """Print the configured listeners as a file for `apply`. Secrets are not in it."""
    found = platform.items(at("listeners"), MOST + 1, built_in="false")
    if len(found) > MOST:
        raise InvalidInput("too_many", f"There are more than {MOST} listeners.", "No file holds so many.")
    kept = [
        {"name": one["name"], **{name: one[name] for name, usual in KEPT.items() if one[name] != usual}}
        for one in sorted(found, key=lambda each: each["name"])
    ]
    said = {"listeners": kept}
    out.answer(said, written_out(said).splitlines())


def _listed(written: Written) -> list[Any]:
    value = written.value
    found = value.get("listeners") if isinstance(value, dict) else None
    if not isinstance(found, list) or set(value) != {"listeners"}:
        what = f"{written.where(())}: it must hold `listeners:` and a list of them, and nothing else."
        raise InvalidInput("file_invalid", what, "See what you have now: flask listeners export")
    for place, each in enumerate(found):
        if not isinstance(each, dict):
            what = f"{written.where(('listeners', place))}: a listener has fields: name, on, do."
            raise InvalidInput("file_invalid", what, "See what you have now: flask listeners export")
    return found


def _post(platform: Platform, written: Written, **wish: Any) -> Any:
    try:
        return platform.post(at("listeners", "apply"), **wish)
    except PermanentError as error:
        mistakes = error.evidence.get("errors")
        if not mistakes:
            raise
        told = [f"{written.where(_place(each['field']))}: {_mistake(each, written)}" for each in mistakes]
        many = f"{len(told)} mistakes" if len(told) > 1 else "a mistake"
        what = f"{written.name} has {many}; nothing was changed."
        hint = "\n  ".join(text(line) for line in told)
        raise InvalidInput(error.code, what, hint, evidence=error.evidence) from error


def _mistake(each: dict[str, str], written: Written) -> str:
    """What is wrong, with the listener's name and its field."""
    _, *place = _place(each["field"])
    name = ""
    if place and isinstance(place[0], int):
        name = str(written.value["listeners"][place[0]].get("name", "")) or f"number {place[0] + 1}"
    where = ": ".join(filter(None, (name, ".".join(map(str, place[1:])))))
    return f"{where}: {each['message']} {each.get('hint', '')}".strip()


def _place(field: str) -> Place:
    return tuple(int(part) if part.isdigit() else part for part in field.split("."))


def _would(plan: dict[str, Any]) -> list[str]:
    lines = [f"+ {text(one['name'])}" for one in plan["added"]]
    for one in plan["changed"]:
        lines.append(f"~ {text(one['name'])}")
        lines += [
            f"    {name}: {_json(field['before'])} -> {_json(field['after'])}"
            for name, field in one["fields"].items()
        ]
    return lines + [f"- {text(name)}" for name in plan["removed"]]


def _secrets(answer: dict[str, Any]) -> list[str]:
    made = [one for one in (*answer["added"], *answer["changed"]) if one["secret"] or one["public_keys"]]
    return [line for one in made for line in (f"{text(one['name'])}:", *signed_with(one))]


def _json(value: Any) -> str:
    return text(json.dumps(value, ensure_ascii=False))
