"""`flask doctor`: what works here and what does not, in a few lines."""

import os
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


class Finding(NamedTuple):
    """One part, whether it works, and what there is to say about it."""

    part: str
    works: bool
    said: str


@click.command("doctor")
@asks
def doctor(platform: Platform, out: Output) -> None:
    """Look at the database, the broker, the workers and, when it is here, what else is needed."""
    found = [*_leaned_on(platform), *(_here() if platform.inside else ())]
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


def _here() -> Iterator[Finding]:
    """What only this machine can tell."""
    home = Path(current_app.config["ANTIPHON_HOME"])
    if home.is_dir() and os.access(home, os.W_OK):
        yield Finding("home", True, f"{home}, {size(shutil.disk_usage(home).free)} free")
    else:
        yield Finding("home", False, f"{home} is no folder that this user can write to")
    for part, url in (
        ("web", current_app.config["PUBLIC_URL"]),
        ("gateway", current_app.config["GATEWAY_URL"]),
    ):
        try:
            status, _ = remote(url, None).ask("/healthz")
            yield Finding(part, status == 200, f"{url} answers {status}")
        except PlatformError:
            yield Finding(part, False, f"{url} does not answer")


def _sign(works: bool) -> str:
    return click.style("ok  ", fg="green") if works else click.style("bad ", fg="red")
