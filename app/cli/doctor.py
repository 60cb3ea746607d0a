"""`flask doctor`: what works here and what does not, in a few lines."""

import os
import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import rich_click as click
from click.exceptions import Exit
from flask import current_app

from app.cli.asking import asks
from app.cli.output import Output
from app.cli.platform import Platform, remote
from app.errors import PlatformError
from app.signals.telling import size

_FIGURE = re.compile(r"^(antiphon_[^ ]+) ([^ ]+)$", re.MULTILINE)
#: A part, the figure that must be 0, and what it counts.
_TROUBLES = (
    ("flows", "antiphon_flows_stalled", "stalled", "flask flows list --stalled"),
    ("reactions", 'antiphon_reactions{state="dead"}', "dead", "flask reactions dead"),
    ("coverage", "antiphon_coverage_missing", "missing", "flask events missing"),
    ("listeners", "antiphon_listeners_unread", "unreadable here", "bring this process to the newest version"),
)


class Finding(NamedTuple):
    """One part, whether it works, and what there is to say about it."""

    part: str
    works: bool
    said: str


@click.command("doctor")
@asks
def doctor(platform: Platform, out: Output) -> None:
    """Look at the database, the broker, the workers, the work and, when it is here, what else is needed."""
    leaned_on = list(_leaned_on(platform))
    work = _work(platform) if leaned_on[0].works else ()
    found = [*leaned_on, *work, *(_here() if platform.inside else ())]
    lines = (f"{_sign(each.works)} {each.part:<9} {each.said}" for each in found)
    out.answer([each._asdict() for each in found], lines)
    if not all(each.works for each in found):
        raise Exit(1)


def _leaned_on(platform: Platform) -> Iterator[Finding]:
    """What the web process says of itself."""
    _, said = platform.ask("/readyz")
    yield Finding("database", said["database"] == "ok", said["database"])
    yield Finding("broker", said["broker"] == "ok", said["broker"])
    workers = said["workers"]
    yield Finding("workers", bool(workers), ", ".join(workers) or "none answers: start them (make run)")


def _work(platform: Platform) -> Iterator[Finding]:
    """What its figures say of the work that was taken on; those that an older platform has."""
    try:
        known = dict(_FIGURE.findall(platform.text("/metrics")))
    except PlatformError as error:
        yield Finding("work", True, f"not looked at: {error.message}")
        return
    for part, figure, what, command in _TROUBLES:
        if figure in known:
            count = round(float(known[figure]))
            yield Finding(part, count == 0, f"{count} {what}: {command}" if count else f"none {what}")
    if "antiphon_backlog" in known:
        yield _backlog(*(round(float(known[f"antiphon_backlog{end}"])) for end in ("", "_limit")))


def _backlog(work: int, limit: int) -> Finding:
    if work <= limit:
        return Finding("backlog", True, f"{work:,} to work off")
    return Finding("backlog", False, f"full, more than {limit:,} to work off: start more workers")


def _here() -> Iterator[Finding]:
    """What only this machine can tell."""
    home = Path(current_app.config["ANTIPHON_HOME"])
    if home.is_dir() and os.access(home, os.W_OK):
        yield Finding("home", True, f"{home}, {size(shutil.disk_usage(home).free)} free")
    else:
        yield Finding("home", False, f"{home} is no folder that this user can write to")
    yield from _certificates()
    for part, url in (
        ("web", current_app.config["PUBLIC_URL"]),
        ("gateway", current_app.config["GATEWAY_URL"]),
    ):
        try:
            status, _ = remote(url, None).ask("/healthz")
            yield Finding(part, status == 200, f"{url} answers {status}")
        except PlatformError:
            yield Finding(part, False, f"{url} does not answer")


def _certificates() -> Iterator[Finding]:
    """Whether the proxy in front can be told of new certificates, where we get them."""
    command = shlex.split(current_app.config["CERTS_RELOAD_COMMAND"])
    if current_app.config["ACME_DIRECTORY"] and not command:
        yield Finding("certs", True, "no proxy is told of new ones (CERTS_RELOAD_COMMAND)")
    elif current_app.config["ACME_DIRECTORY"]:
        found = shutil.which(command[0])
        yield Finding("certs", bool(found), f"told by {found}" if found else f"there is no {command[0]}")


def _sign(works: bool) -> str:
    return click.style("ok  ", fg="green") if works else click.style("bad ", fg="red")
