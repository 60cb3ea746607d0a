"""What the local start shows: its own lines, and those of its processes, readable, under their names."""

import json
import threading
from contextlib import suppress
from datetime import datetime
from typing import Any, TextIO

_COLOURS = (36, 33, 32, 35, 34, 96, 93, 92)
_LOUD = ("warning", "error", "critical")
_LEFT_OUT = ("timestamp", "level", "logger", "message", "exception")


class Screen:
    """One terminal for many writers. Until `open()` only the processes' warnings pass: people read first."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._lock = threading.Lock()
        self._open = False
        self._colours: dict[str, int] = {}

    def open(self) -> None:
        """From now on every line of the processes is shown."""
        self._open = True

    def say(self, text: str) -> None:
        """A line of the local start itself. A terminal that has gone is no reason to fail."""
        with self._lock, suppress(OSError, ValueError):
            self._out.write(f"{text}\n")
            self._out.flush()

    def echo(self, name: str, line: str) -> None:
        """A line that the process `name` wrote: a JSON log line becomes a sentence with its fields."""
        entry = _entry(line)
        if self._open or (entry and entry.get("level") in _LOUD):
            shown = _sentence(entry) if entry else line
            self.say("\n".join(f"{self._prefix(name)} {part}" for part in shown.splitlines()))

    def _prefix(self, name: str) -> str:
        text = f"{name:<8}|"
        if not self._out.isatty():
            return text
        colour = self._colours.setdefault(name, _COLOURS[len(self._colours) % len(_COLOURS)])
        return f"\x1b[{colour}m{text}\x1b[0m"


def _entry(line: str) -> dict[str, Any] | None:
    with suppress(ValueError):
        found = json.loads(line) if line.startswith("{") else None
        if isinstance(found, dict) and "message" in found:
            return found
    return None


def _sentence(entry: dict[str, Any]) -> str:
    words = [_local_time(str(entry.get("timestamp", ""))), str(entry["message"])]
    if entry.get("level") in _LOUD:
        words.insert(1, f"{str(entry['level']).upper()}:")
    words += [f"{key}={value}" for key, value in entry.items() if key not in _LEFT_OUT]
    return "\n".join([" ".join(filter(None, words)), *str(entry.get("exception", "")).splitlines()])


def _local_time(stamp: str) -> str:
    with suppress(ValueError):
        return datetime.fromisoformat(stamp).astimezone().strftime("%H:%M:%S")
    return ""
