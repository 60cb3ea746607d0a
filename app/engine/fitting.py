"""Whether a pattern can match events of a type at all: that is told when a listener is saved, long before
nothing comes. What the type's schema leaves open is never refused.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from functools import cache
from json import dumps
from typing import Any

from app.engine.matching import OPERATORS, Condition, Leaf, Node, Path
from app.engine.patterns import parse, shown
from app.engine.shapes import ABSENT, OPEN, Schema, Shapes, can_be, described, one_of, reachable
from app.engine.signal import SIGNALS, Signal, types_like
from app.errors import InvalidInput

_TEXT: Schema = {"type": "string"}
_MAYBE: Schema = {"anyOf": [_TEXT, {"type": "null"}]}
#: What a pattern sees of an event besides its type and data, as everybody sees it who asks for the event.
ENVELOPE: Mapping[str, Schema] = {
    "id": _TEXT,
    "source": _TEXT,
    "time": _TEXT,
    "subject": _TEXT,
    "correlationid": _TEXT,
    "causationid": _MAYBE,
    "sequence": {"type": "string", "minLength": 10},
    "authtype": {"enum": ["api_key", "system", "user"]},
    "authid": _MAYBE,
}
MOST_STARS, LONGEST_GLOB = 8, 100


@dataclass(frozen=True, slots=True)
class Misfit:
    """Why a pattern can match no event of a type: a sentence around that type's name, which is left out
    when what is said is true of every event.
    """

    #: How far into the event the pattern was right: the deepest misfit is the closest one.
    depth: int
    head: str
    tail: str = ""
    of_type: bool = True
    hint: str = ""
    #: What was taken for a field, and the fields that there are.
    name: str = ""
    names: Sequence[str] = ()
    #: The leaf that nothing fits, and what there is at its place.
    leaf: Leaf | None = None
    kinds: Sequence[Schema] = ()

    def sentence(self, *types: str) -> str:
        """The reason, of these types."""
        return f"{self.head} of {one_of(types, 3)}{self.tail}" if self.of_type else f"{self.head}{self.tail}"


def misfit(pattern: Node, signal: type[Signal]) -> Misfit | None:
    """Why the pattern can match no event of this type, as far as its schema says; None when it can."""
    return _of_type(signal).node(pattern, (), [_of_type(signal).root])


def check(on: Sequence[str], when: Any = None) -> list[str]:
    """The types that a listener on these globs, under this pattern (None: always), can answer.

    InvalidInput: `type_unknown` for a glob that no declared type is like, `pattern_invalid` for what is no
    pattern, `pattern_never_matches` for a glob of whose types none can match; the message says why.
    """
    liked = {glob: _types(glob) for glob in on}
    pattern = None if when is None else parse(when)
    found = dict[str, None]()
    for glob, types in liked.items():
        wrong = {} if pattern is None else {x: why for x in types if (why := misfit(pattern, SIGNALS[x]))}
        if len(wrong) == len(types):
            where = f" {glob}" if len(liked) > 1 else ""
            what = f"This can never match{where}: {_told(wrong)}."
            raise InvalidInput("pattern_never_matches", what, _advice(wrong.values()))
        found |= dict.fromkeys(x for x in types if x not in wrong)
    return list(found)


def kinds_at(signal: type[Signal], path: Path) -> list[Schema] | None:
    """The kinds of what events of this type have at a path, `("data", "site")`; None when they have no such
    field. Of a list they are those of its elements.
    """
    return _of_type(signal).kinds_at(path)


def _types(glob: str) -> list[str]:
    usable = len(glob) <= LONGEST_GLOB and glob.count("*") <= MOST_STARS  # more stars would take for ever
    if usable and (types := types_like([glob])):
        return types
    close = get_close_matches(glob[:LONGEST_GLOB], SIGNALS, n=3, cutoff=0.5)
    hint = (
        f"Close to it: {', '.join(close)}." if close else "Types are like site.deploy.completed; ** is all."
    )
    raise InvalidInput("type_unknown", f"No type of event is like {shown(glob)}.", hint)


def _told(wrong: Mapping[str, Misfit]) -> str:
    alike: dict[tuple[str, str], list[str]] = {}
    for type_, why in sorted(wrong.items(), key=lambda each: -each[1].depth):
        alike.setdefault((why.head, why.tail), []).append(type_)
    told = [wrong[types[0]].sentence(*types) for types in list(alike.values())[:2]]
    left = sum(map(len, alike.values())) - sum(map(len, list(alike.values())[:2]))
    return "; ".join(told) + (f"; and so on for {left} more" if left else "")


def _advice(wrong: Iterable[Misfit]) -> str:
    """What to write instead, where that is known."""
    closest = max(wrong, key=lambda each: each.depth)
    if closest.hint or not closest.names:
        return closest.hint
    names = dict.fromkeys(name for each in wrong if each.name == closest.name for name in each.names)
    close = get_close_matches(closest.name, names, cutoff=0.6)
    if close:
        return f"Close to it: {', '.join(close)}."
    return f"There are {', '.join(names)}." if len(names) == len(closest.names) else ""


@cache
def _of_type(signal: type[Signal]) -> "_Type":
    return _Type(signal)


class _Type:
    def __init__(self, signal: type[Signal]) -> None:
        data = signal.model_json_schema(mode="serialization", by_alias=False)
        fields = {**ENVELOPE, "type": {"const": signal.type}, "data": data}
        self.name, self._shapes = signal.type, Shapes(data)
        self.root: Schema = {"type": "object", "properties": fields, "required": list(fields)}

    def node(self, node: Node, path: Path, kinds: Iterable[Schema]) -> Misfit | None:
        """Why no object of one of these kinds is as the node says."""
        tried = list[Misfit]()
        for kind in kinds:
            found = self._object(node, path, kind) if kind else None
            if found is None:
                return None
            tried.append(found)
        best = max(tried, key=lambda each: each.depth)
        alike = [each for each in tried if best.leaf is not None and each.leaf is best.leaf]
        if best.leaf is not None and len(alike) > 1:
            best = replace(best, tail=_tail(best.leaf, [kind for each in alike for kind in each.kinds]))
        others = [each for each in tried if each not in alike and each.depth >= len(path)]
        return self._joined(", or else ", [best, *others]) if others and alike else best

    def kinds_at(self, path: Path) -> list[Schema] | None:
        """The kinds of what is at a path; None when nothing can be there."""
        kinds = [self.root]
        for name in path:
            found = [self._shapes.field(kind, name) if kind else [OPEN] for kind in kinds]
            if not any(found):
                return None
            kinds = [kind for each in found for kind in each or ()]
        return kinds

    def _object(self, node: Node, path: Path, kind: Schema) -> Misfit | None:
        for name, inner in node.fields:
            if found := self._field(inner, (*path, name), kind):
                return found
        for group in node.either:
            tried = [found for branch in group if (found := self._object(branch, path, kind))]
            if len(tried) == len(group):
                return self._joined(", and ", tried)
        return None

    def _joined(self, word: str, tried: Sequence[Misfit]) -> Misfit:
        told = list(dict.fromkeys(each.sentence(self.name) for each in tried[:3]))
        text = word.join(told[:2]) + (", and so on" if len(tried) > 2 else "")
        return replace(tried[0], head=text, tail="", of_type=False, leaf=None)

    def _field(self, inner: Leaf | Node, path: Path, kind: Schema) -> Misfit | None:
        known = self._shapes.field(kind, path[-1])
        if known is None and len(path) == 1:  # no event at all has it: nothing can be meant by that
            return self._no_field(path, kind)
        kinds = [ABSENT] if known is None else known or [OPEN]
        if isinstance(inner, Node):
            found = self.node(inner, path, kinds)
        else:
            fits = any(can_be(inner, each) for each in kinds)
            found = None if fits else replace(_about(path, _tail(inner, kinds)), leaf=inner, kinds=kinds)
        return self._no_field(path, kind) if found and known is None else found

    def _no_field(self, path: Path, kind: Schema) -> Misfit:
        name, names = path[-1], list(kind.get("properties", ()))
        if kind.get("type") != "object":
            hint = f'Write {{"{path[-2]}": [{{"{name}": ...}}]}}.' if name in OPERATORS else ""
            what = described([kind]) or "nothing"
            depth = len(path) - (2 if kind == ABSENT else 1)
            return _about(path[:-1], f" is {what}, which has no fields", hint, depth)
        way = name.split(".")
        if len(path) == 1 and self._shapes.field(self.root["properties"]["data"], name):
            way = ["data", name]
        head, typed = f"{_dotted(path)} is not a field", path[0] == "data"
        hint = f"Write {_nested(way)}." if len(way) > 1 else ""
        return Misfit(len(path) - 1, head, "" if typed else " of events", typed, hint, name, names)


def _tail(leaf: Leaf, kinds: Sequence[Schema]) -> str:
    """Why nothing of these kinds is as the leaf says."""
    what = described(kinds)
    values = [shown(each) for each in leaf.values.values() if each is not None]
    first = next((each for each in leaf.conditions if each.operator != "exists"), None)
    if not what:
        return " is never there"
    if values:
        return f" is {what}, never {one_of(values)}"
    return f" is {what}, {_never(first, kinds)}" if first else " is always there"


def _never(condition: Condition, kinds: Sequence[Schema]) -> str:
    operator, operand = condition.operator, condition.operand
    if operator == "anything-but":
        return "and anything-but leaves nothing of that"
    if operator == "numeric":
        numbers = [each for each in kinds if each.get("type") in ("integer", "number")]
        said = " and ".join(f"{sign} {shown(number)}" for sign, number in operand)
        if numbers and not reachable(operand, {"type": numbers[0]["type"]}):
            return f"and none is {said}"
        return f"never {said}" if numbers else "and numeric is for numbers"
    if not any(isinstance(each, str) for kind in kinds for each in kind.get("enum", ())):
        return f"and {operator} is for texts"
    return f"never {operator} {shown('*'.join(operand) if operator == 'wildcard' else operand)}"


def _about(path: Path, tail: str, hint: str = "", depth: int | None = None) -> Misfit:
    return Misfit(len(path) if depth is None else depth, _dotted(path), tail, path[0] == "data", hint)


def _nested(way: Iterable[str]) -> str:
    *outer, last = way
    return "".join(f"{{{dumps(each)}: " for each in outer) + f'{{{dumps(last)}: ["..."]}}' + "}" * len(outer)


def _dotted(path: Path) -> str:
    text = ".".join(each if re.fullmatch(r"[\w$-]+", each) else shown(each) for each in path)
    return text if len(text) <= 200 else f"{text[:197]}..."
