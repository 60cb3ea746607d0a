"""Templates of messages: text with fields of an event in braces, `{data.site} is live`, checked when saved.

A field is looked up in plain JSON values and put in as plain text: nothing is ever run, called or formatted.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from typing import Any

from app.engine.fitting import ENVELOPE
from app.engine.shapes import OPEN, Schema, Shapes
from app.engine.signal import SIGNALS
from app.errors import InvalidInput

LONGEST_TITLE, LONGEST_TEXT, LONGEST_VALUE = 200, 10_000, 2000
MOST_FIELDS = 50

Path = tuple[str, ...]
_PIECE = re.compile(r"(\{\{|\}\}|\{[^{}]*\}|[{}])")
_FIELD = re.compile(r"[a-z][a-z0-9_]*(\.[A-Za-z0-9_-]+){0,9}")
_JOINER = "\u200d"  # keeps emoji together
_DEEPEST = 3  # of the fields that are proposed


@dataclass(frozen=True, slots=True)
class Template:
    """A text in pieces: literal ones, and the paths of fields."""

    pieces: tuple[str | Path, ...]

    @property
    def fields(self) -> list[Path]:
        """The fields, in their order."""
        return [piece for piece in self.pieces if isinstance(piece, tuple)]

    def filled(self, event: Mapping[str, Any]) -> str:
        """The text with an event's values; what an event has no value for is left out."""
        return "".join(each if isinstance(each, str) else _text(_found(event, each)) for each in self.pieces)


def parse(text: str, longest: int = LONGEST_TEXT) -> Template:
    """Read a template; `{{` is a brace. InvalidInput `template_invalid`."""
    if len(text) > longest:
        raise _invalid(f"it is longer than {longest} characters")
    pieces: list[str | Path] = []
    for piece in filter(None, _PIECE.split(text)):
        if piece in ("{{", "}}"):
            pieces.append(piece[0])
        elif piece in ("{", "}"):
            raise _invalid(f"it has a {piece} that belongs to no other")
        elif not piece.startswith("{"):
            pieces.append(piece)
        elif _FIELD.fullmatch(piece[1:-1]):
            pieces.append(tuple(piece[1:-1].split(".")))
        else:
            raise _invalid(f"{piece[:60]} is no field")
    found = Template(tuple(pieces))
    if len(found.fields) > MOST_FIELDS:
        raise _invalid(f"it has more than {MOST_FIELDS} fields")
    return found


def check(template: Template, types: Sequence[str]) -> None:
    """Raise InvalidInput `template_unknown_field` for a field that one of the types has not."""
    for path in dict.fromkeys(template.fields):
        missing = [type_ for type_ in types if not _of_type(type_).has(path)]
        if missing:
            raise _unknown(path, missing, [type_ for type_ in types if type_ not in missing])


def one_line(text: str, longest: int = LONGEST_TITLE) -> str:
    """A text without line breaks and control characters: nobody begins another header by it."""
    plain = "".join(each if each.isprintable() or each == _JOINER else " " for each in text)
    line = " ".join(plain.split())
    return line if len(line) <= longest else f"{line[: longest - 1]}…"


def lines(text: str) -> str:
    """A text of lines without other control characters, cut when it is too long."""
    shown = (
        "".join(each if each.isprintable() or each == _JOINER else " " for each in x)
        for x in text.splitlines()
    )
    whole = "\n".join(line.rstrip() for line in shown).strip("\n")
    return whole if len(whole) <= LONGEST_TEXT else f"{whole[: LONGEST_TEXT - 1]}…"


def _found(value: Any, path: Path) -> Any:
    for name in path:
        if isinstance(value, list):
            value = [_found(each, (name,)) for each in value]
        else:
            value = value.get(name) if isinstance(value, Mapping) else None
    return value


def _text(value: Any) -> str:
    if isinstance(value, list):
        text = ", ".join(filter(None, map(_text, value[:100])))
    elif isinstance(value, Mapping):
        text = ", ".join(f"{name}: {_text(each)}" for name, each in list(value.items())[:100])
    elif isinstance(value, bool):
        text = "yes" if value else "no"
    else:
        text = "" if value is None else str(value)
    return text if len(text) <= LONGEST_VALUE else f"{text[: LONGEST_VALUE - 1]}…"


@cache
def _of_type(type_: str) -> "_Type":
    return _Type(type_)


class _Type:
    """The fields that an event of a type has, as far as its schema says."""

    def __init__(self, type_: str) -> None:
        data = SIGNALS[type_].model_json_schema(mode="serialization", by_alias=False)
        self._shapes = Shapes(data)
        fields = {**ENVELOPE, "type": {"type": "string"}, "label": {"type": "string"}, "data": data}
        self._root: Schema = {"type": "object", "properties": fields, "required": list(fields)}

    def has(self, path: Path) -> bool:
        """Whether an event may have this field."""
        return self._has([self._root], path)

    def names(self) -> Iterator[str]:
        """The fields, those inside others too."""
        yield from self._named([self._root], (), _DEEPEST)

    def _has(self, kinds: Iterable[Schema], path: Path) -> bool:
        for kind in kinds:
            found = [OPEN] if kind == OPEN else self._shapes.field(kind, path[0])
            if found is not None and (len(path) == 1 or self._has(found or [OPEN], path[1:])):
                return True
        return False

    def _named(self, kinds: Iterable[Schema], before: Path, left: int) -> Iterator[str]:
        for kind in kinds:
            for name in kind.get("properties", ()) if left else ():
                yield ".".join((*before, name))
                yield from self._named(self._shapes.field(kind, name) or (), (*before, name), left - 1)


def _unknown(path: Path, missing: Sequence[str], others: Sequence[str]) -> InvalidInput:
    name = ".".join(path)
    more = f" and {len(missing) - 3} more" if len(missing) > 3 else ""
    what = f"{{{name}}} is not a field of {', '.join(missing[:3])}{more}."
    names = dict.fromkeys(each for type_ in missing[:20] for each in _of_type(type_).names())
    close = get_close_matches(name, names, 3, 0.6) or [x for x in names if x == f"data.{name}"]
    hint = "See the event in the catalogue, or leave it out."
    if close:
        hint = f"Close to it: {', '.join(f'{{{each}}}' for each in close)}."
    elif others:
        hint = (
            f"Only {', '.join(others[:3])} {'has' if len(others) == 1 else 'have'} it: listen to that alone."
        )
    evidence = {"field": name, "types": list(missing[:20]), "near": close}
    return InvalidInput("template_unknown_field", what, hint, evidence=evidence)


def _invalid(why: str) -> InvalidInput:
    hint = "Fields are written {type} or {data.site}, a brace itself {{ or }}."
    return InvalidInput("template_invalid", f"That is no template: {why}.", hint)
