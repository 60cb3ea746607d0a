"""What commands print: lines for people, JSON for machines, and errors with their hint."""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import IO, Any

import click

from app.errors import PlatformError

Row = Sequence[object]

_COLOURS = {
    **dict.fromkeys(("live", "succeeded", "done", "updated"), "green"),
    **dict.fromkeys(("failed", "dead"), "red"),
    **dict.fromkeys(("superseded", "cancelled", "skipped", "archived"), "bright_black"),
    **dict.fromkeys(("running", "ready", "waiting", "requested", "building", "packaging"), "yellow"),
    **dict.fromkeys(("uploading", "published"), "yellow"),
}


class Output:
    """Where a command's answer goes: `as_json` prints the answer itself, else what a person reads of it."""

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json

    def answer(self, answer: Any, lines: Iterable[str]) -> None:
        """Print an answer: as JSON, or these lines about it."""
        if self.as_json:
            click.echo(json.dumps(answer, indent=2, ensure_ascii=False))
            return
        for line in lines:
            click.echo(line)

    def say(self, line: str) -> None:
        """A line on the way to the answer, for people only."""
        if not self.as_json:
            click.echo(line)


class Refused(click.ClickException):
    """A command could not do what it was asked: shown as message and hint, as JSON where that was wished."""

    def __init__(self, error: PlatformError, *, as_json: bool = False) -> None:
        super().__init__(error.message)
        self._error = error
        self._as_json = as_json

    def show(self, file: IO[Any] | None = None) -> None:
        """On standard error, so that what is piped on stays clean."""
        error = self._error
        if self._as_json:
            said = {"code": error.code, "detail": error.message, "hint": error.hint}
            click.echo(json.dumps(said, ensure_ascii=False), file=file, err=True)
            return
        for line in problem(error.code, error.message, error.hint):
            click.echo(line, file=file, err=True)


def problem(code: str, message: str, hint: str) -> list[str]:
    """What went wrong and what to do, in two or three lines."""
    lines = [f"{click.style('Error:', fg='red', bold=True)} {message} [{code}]"]
    return [*lines, f"  {hint}"] if hint else lines


def table(head: Sequence[str], rows: Iterable[Row], empty: str) -> list[str]:
    """Rows under a head, in columns as wide as their widest word; `empty` says what to do without rows."""
    cells = [[text(cell) for cell in row] for row in rows]
    if not cells:
        return [empty]
    widths = [max(map(len, column)) for column in zip(head, *cells, strict=True)]
    above = "  ".join(name.upper().ljust(width) for name, width in zip(head, widths, strict=True))
    return [click.style(above.rstrip(), dim=True), *(_line(row, widths) for row in cells)]


def fields(pairs: Mapping[str, object]) -> list[str]:
    """One thing, a line for each of its fields that is known."""
    width = max(map(len, pairs))
    known = ((name, text(value)) for name, value in pairs.items() if value not in (None, "", [], {}))
    return [f"{click.style(name.ljust(width), dim=True)}  {coloured(value)}" for name, value in known]


def text(value: object) -> str:
    """A value for people: nothing is a dash, lists are joined, control characters never reach a terminal."""
    if value is None or value == "":
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(map(text, value)) or "-"
    return "".join(letter if letter.isprintable() else "�" for letter in str(value))


def when(instant: str | None) -> str:
    """An RFC 3339 time as people on this machine read it."""
    if instant is None:
        return "-"
    return datetime.fromisoformat(instant).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def coloured(word: str) -> str:
    """A state in its colour; anything else as it is."""
    return click.style(word, fg=_COLOURS[word]) if word in _COLOURS else word


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    padded = [coloured(cell) + " " * (width - len(cell)) for cell, width in zip(row, widths, strict=True)]
    return "  ".join(padded).rstrip()
