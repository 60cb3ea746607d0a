"""Reading the Procfile: one `name: command` a line."""

import re
from pathlib import Path

_LINE = re.compile(r"^([A-Za-z0-9_-]+):\s*(\S.*)$")


class ProcfileError(Exception):
    """A line of the Procfile that names no process."""


def read_procfile(file: Path) -> dict[str, str]:
    """The commands by process name, in the file's order."""
    commands: dict[str, str] = {}
    for number, line in enumerate(file.read_text().splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        found = _LINE.match(line)
        if not found or found[1] in commands:
            raise ProcfileError(f"{file.name} line {number} is not `name: command` with a new name: {line!r}")
        commands[found[1]] = found[2]
    return commands
