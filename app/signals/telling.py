"""What an event's data says in a few words, for a line on a page or a terminal, whatever the signal."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

#: Said elsewhere, or for machines only: and so are ids, keys and CIDs.
_LEFT_OUT = {"site", "number", "failure", "sha256", "profile", "intent", "meter", "unit", "text", "stage"}
_LEFT_OUT |= {"requested_by", "mechanism", "format", "digest", "calldata", "deeplink", "contenthash"}
_LEFT_OUT |= {"order_url", "token", "key_authorization", "start", "end"}
_FOR_MACHINES = ("_id", "_key", "cid")
#: What says by itself what it is.
_BARE = {"urls", "hostname", "updated", "title", "reason", "recipient", "message", "name"}
#: What stays as it is for any number.
_COUNTS = {"damaged"}
_LONGEST = 70
_UNITS = ("B", "kB", "MB", "GB", "TB")


def tell(data: Mapping[str, Any]) -> list[str]:
    """The readable values of an event's data as phrases: `4 files`, `12.3 kB`, `hello.localhost`."""
    return [f"{phrase[: _LONGEST - 1]}…" if len(phrase) > _LONGEST else phrase for phrase in _phrases(data)]


def counted(count: int, name: str) -> str:
    """A number of things; `name` is one of them."""
    return f"{count:,} {name}" if count == 1 else f"{count:,} {name}s"


def size(count: int) -> str:
    """A number of bytes as people say it."""
    if count < 1000:
        return f"{count} B"
    power = min(int(math.log10(count)) // 3, len(_UNITS) - 1)
    return f"{count / 1000**power:.1f} {_UNITS[power]}"


def duration(milliseconds: float) -> str:
    """A span of time as people say it."""
    seconds = milliseconds / 1000
    if seconds < 1:
        return f"{milliseconds:.0f} ms"
    if seconds < 60:
        return f"{seconds:.2f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def _phrases(data: Mapping[str, Any]) -> Iterator[str]:
    if "meter" in data:
        amount = data.get("quantity", 0)
        yield f"{data['meter'].replace('_', ' ')} {size(amount) if data.get('unit') == 'byte' else amount}"
    for name, value in data.items():
        if name in _LEFT_OUT or name.endswith(_FOR_MACHINES) or value in (None, "", [], {}):
            continue
        if isinstance(value, bool):
            yield from [name.replace("_", " ")] if value else []
        elif isinstance(value, int):
            yield from _number(name, value)
        elif isinstance(value, str):
            yield _named(name, _printable(value.replace("_", " ") if name == "reason" else value))
        elif isinstance(value, list) and isinstance(value[0], str):
            yield _named(name, ", ".join(map(_printable, value)))
        elif name == "diff":
            yield ", ".join(f"{count} {kind}" for kind, count in value.items() if count)
        elif name == "durations" and "total" in value:
            yield f"{duration(value['total'])} in all"


def _named(name: str, value: str) -> str:
    return value if name in _BARE else f"{name.replace('_', ' ')} {value}"


def _number(name: str, value: int) -> Iterator[str]:
    if name == "quantity":
        return
    if name.endswith("_ms"):
        yield duration(value)
    elif name == "size" or name.endswith("bytes"):
        yield f"{size(value)}{' new' if name.startswith('new_') else ''}"
    elif name.startswith("new_"):
        yield counted(value, f"new {name.removeprefix('new_').removesuffix('s')}")
    else:
        words = name.replace("_", " ")
        yield f"{value:,} {words}" if words in _COUNTS else counted(value, words.removesuffix("s"))


def _printable(value: str) -> str:
    return "".join(letter if letter.isprintable() else " " for letter in value)
