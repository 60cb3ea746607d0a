"""Patterns over whole events, in the shape of EventBridge's: JSON in which names lead into the event and
lists hold alternatives, `{"data": {"site": ["hello"], "bytes": [{"numeric": [">", 1000]}]}}`.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from app.engine.matching import (
    COMPARISONS,
    OF_TEXTS,
    OPERATORS,
    Condition,
    Leaf,
    Node,
    identity,
    is_number,
    is_scalar,
)
from app.errors import InvalidInput

#: What a pattern may be at most: levels (an `$or` is one too), and alternatives in all.
DEEPEST, MOST_ALTERNATIVES, LONGEST_TEXT = 10, 500, 1000
OR = "$or"
#: Where in a pattern, for what errors say: ("data", "site", "prefix").
Place = tuple[str, ...]


def parse(pattern: Any) -> Node:
    """A pattern from its JSON. InvalidInput `pattern_invalid` says where it is wrong and what may stand
    there.
    """
    return _Parser().node(pattern, ())


def shown(value: Any) -> str:
    """A value of JSON in a few words, however large it is."""
    if isinstance(value, Mapping):
        return f"an object of {shown(next(iter(value)))}" if value else "an empty object"
    if isinstance(value, list | tuple):
        return "a list" if value else "an empty list"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, int | float) and not is_number(value):
        return "a number that no event has"
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


class _Parser:
    def __init__(self) -> None:
        self.alternatives = 0

    def node(self, given: Any, place: Place) -> Node:
        if not isinstance(given, Mapping) or not given:
            raise _wrong(place, f"is {shown(given)}", 'Write {"data": {"site": ["hello"]}}.')
        if len(place) >= DEEPEST:
            raise _wrong(place, f"lies more than {DEEPEST} levels deep", "No event is as deep.")
        fields: list[tuple[str, Leaf | Node]] = []
        either = []
        for name, inner in given.items():
            here = (*place, _text(name, place))
            if name == OR:
                either.append(self.either(inner, here))
            elif isinstance(inner, Mapping):
                fields.append((name, self.node(inner, here)))
            else:
                fields.append((name, self.leaf(inner, here)))
        return Node(tuple(fields), tuple(either))

    def either(self, given: Any, place: Place) -> tuple[Node, ...]:
        if not isinstance(given, list | tuple) or len(given) < 2:
            hint = 'Write {"$or": [{"subject": ["a"]}, {"data": {"site": ["b"]}}]}: two patterns or more.'
            raise _wrong(place, f"is {shown(given)}", hint)
        return tuple(self.node(each, (*place[:-1], f"{OR}[{n}]")) for n, each in enumerate(given))

    def leaf(self, given: Any, place: Place) -> Leaf:
        if not isinstance(given, list | tuple) or not given:
            hint = "What a field may be is a list, also when it is one value: [value]."
            if place[-1] in OPERATORS and len(place) > 1:
                hint = f'Write {{"{place[-2]}": [{{"{place[-1]}": ...}}]}}.'
            raise _wrong(place, f"is {shown(given)}", hint)
        self.count(given, place)
        conditions = (self.condition(each, place) for each in given if not is_scalar(each))
        return Leaf(_values([each for each in given if is_scalar(each)], place), tuple(conditions))

    def condition(self, given: Any, place: Place) -> Condition:
        operator, operand = _only(given)
        if operator not in OPERATORS:
            hint = f"There may stand a value, or an object of one of {', '.join(OPERATORS)}."
            raise _wrong(place, f"has {shown(given)}", hint)
        here = (*place, operator)
        if operator == "anything-but":
            return Condition(operator, self.unwanted(operand, here))
        return Condition(operator, _OPERANDS[operator](operand, here))

    def unwanted(self, given: Any, place: Place) -> Leaf:
        operator, operand = _only(given)
        listed = given if operator is None else operand
        listed = listed if isinstance(listed, list | tuple) and listed else [listed]
        self.count(listed, place)
        if operator in OF_TEXTS:
            here = (*place, operator)
            return Leaf({}, tuple(Condition(operator, _OPERANDS[operator](each, here)) for each in listed))
        if operator is not None or not all(is_scalar(each) and each is not None for each in listed):
            hint = 'Write {"anything-but": ["a", "b"]} or {"anything-but": {"prefix": "a"}}.'
            raise _wrong(place, f"is {shown(given)}", hint)
        return Leaf(_values(listed, place), ())

    def count(self, given: Any, place: Place) -> None:
        self.alternatives += len(given)
        if self.alternatives > MOST_ALTERNATIVES:
            what = f"goes beyond the {MOST_ALTERNATIVES} alternatives that there may be in all"
            raise _wrong(place, what, "Use a prefix, for instance.")


def _only(given: Any) -> tuple[Any, Any]:
    """The name and the value of an object that has one of each; None and None for all else."""
    one = isinstance(given, Mapping) and len(given) == 1
    return next(iter(given.items())) if one else (None, None)


def _values(given: Sequence[Any], place: Place) -> dict[tuple[bool, Any], Any]:
    for each in given:
        if isinstance(each, str):
            _text(each, place)
        elif each is not None and not isinstance(each, bool):
            _number(each, place)
    return {identity(each): each for each in given}


def _text(value: Any, place: Place) -> str:
    if not isinstance(value, str) or len(value) > LONGEST_TEXT:
        raise _wrong(place, f"has {shown(value)}", f"It must be a text of at most {LONGEST_TEXT} characters.")
    if "\0" in value or value.encode(errors="replace").decode() != value:
        raise _wrong(place, f"has {shown(value)}", "No event holds NUL or half a character.")
    return value


def _number(value: Any, place: Place) -> Any:
    if not is_number(value):
        raise _wrong(place, f"has {shown(value)}", "It must be a number between -1e300 and 1e300.")
    return value


def _bounds(operand: Any, place: Place) -> tuple[tuple[str, Any], ...]:
    said = operand if isinstance(operand, list | tuple) and len(operand) in (2, 4) else ("", 0)
    if not all(isinstance(name, str) and name in COMPARISONS for name in said[::2]):
        hint = f'Write {{"numeric": [">", 0, "<=", 5]}}; there are {" ".join(COMPARISONS)}.'
        raise _wrong(place, f"is {shown(operand)}", hint)
    return tuple((name, _number(number, place)) for name, number in zip(said[::2], said[1::2], strict=True))


def _yes_or_no(operand: Any, place: Place) -> bool:
    if not isinstance(operand, bool):
        raise _wrong(place, f"is {shown(operand)}", 'Write {"exists": true} or {"exists": false}.')
    return operand


def _pieces(operand: Any, place: Place) -> tuple[str, ...]:
    r"""The parts between the stars; `\*` is a star, and `\\` a backslash."""
    pieces = [""]
    for char in re.findall(r"\\.?|[^\\]", _text(operand, place), re.DOTALL):
        if char == "*":
            pieces.append("")
        elif char[0] == "\\" and char not in (r"\*", r"\\"):
            raise _wrong(place, f"has {char} in it", r"Write \* for a star and \\ for a backslash.")
        else:
            pieces[-1] += char[-1]
    if "" in pieces[1:-1]:
        raise _wrong(place, "has two stars in a row", "One star stands for any number of characters.")
    return tuple(pieces)


def _wrong(place: Place, what: str, hint: str) -> InvalidInput:
    where = ".".join(place) or "The pattern"
    where = where if len(where) <= 200 else f"{where[:197]}..."
    return InvalidInput("pattern_invalid", f"{where} {what}.", hint)


_OPERANDS: dict[str, Callable[[Any, Place], Any]] = {
    "prefix": _text,
    "suffix": _text,
    "equals-ignore-case": lambda operand, place: _text(operand, place).casefold(),
    "wildcard": _pieces,
    "numeric": _bounds,
    "exists": _yes_or_no,
}
