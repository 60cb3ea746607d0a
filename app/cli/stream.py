"""Reads an event stream: the lines of `text/event-stream` (WHATWG HTML, section 9.2) become messages."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Message:
    """One message: its place in the log, and the event as CloudEvents JSON."""

    place: int
    event: dict[str, Any]


def messages(lines: Iterable[str]) -> Iterator[Message | None]:
    """The messages in some lines; None for each comment, by which a silent server shows that it lives."""
    place, data = 0, list[str]()
    for line in lines:
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if not line:
            if data:
                yield Message(place, json.loads("\n".join(data)))
            data = []
        elif not name:
            yield None
        elif name == "id" and value.isdecimal():
            place = int(value)
        elif name == "data":
            data.append(value)
