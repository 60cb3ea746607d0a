"""What a pattern says of an event, and whether an event is as it says: the parsed form of `patterns`.

Null, and a list that holds nothing else, counts as absent; of a list one element has to match. The time that
matching takes is bounded by the size of the pattern times that of the event.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from operator import eq, ge, gt, le, lt
from typing import Any

LARGEST_NUMBER = 1e300
COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {"<": lt, "<=": le, "=": eq, ">=": ge, ">": gt}

#: Where in an event: ("data", "site").
Path = tuple[str, ...]
Scalar = str | int | float | bool | None
#: What a value is recognised by: 1 is 1.0, and true is not 1.
Identity = tuple[bool, Scalar]


@dataclass(frozen=True, slots=True)
class Condition:
    """What a field may be besides plain values.

    The operand is a text; for `equals-ignore-case` one without case; for `wildcard` the texts between the
    stars; for `numeric` the pairs; for `exists` true or false; for `anything-but` a Leaf.
    """

    operator: str
    operand: Any

    def means(self, value: Any) -> bool:
        """Whether this is meant, which is no list; None is a field that is not there."""
        return OPERATORS[self.operator](self.operand, value)


@dataclass(frozen=True, slots=True)
class Leaf:
    """What one field must be: one of the values, or what one of the conditions means."""

    values: Mapping[Identity, Scalar]
    conditions: tuple[Condition, ...]

    def means(self, value: Any) -> bool:
        """Whether this is meant, which is no list; None is a field that is not there."""
        plain = is_scalar(value) and identity(value) in self.values
        return plain or any(each.means(value) for each in self.conditions)

    def holds(self, value: Any) -> bool:
        """Whether a field that has this value is meant."""
        return any(self.means(each) for each in elements(value))


@dataclass(frozen=True, slots=True)
class Node:
    """What an object must be: all `fields`, and of each group of `either` one."""

    fields: tuple[tuple[str, "Leaf | Node"], ...]
    either: tuple[tuple["Node", ...], ...]

    def holds(self, value: Any) -> bool:
        """Whether an object, or one of a list of objects, is meant; what is no object counts as empty."""
        return any(self._holds(each if isinstance(each, Mapping) else {}) for each in elements(value))

    def _holds(self, found: Mapping[str, Any]) -> bool:
        return all(inner.holds(found.get(name)) for name, inner in self.fields) and all(
            any(each._holds(found) for each in group) for group in self.either
        )


def elements(value: Any) -> list[Any]:
    """Of a list all that is not null, through lists of lists; of all else the value itself. Never empty:
    None is a field that is not there.
    """
    if not isinstance(value, list | tuple):
        return [value]
    found, waiting = [], [value]
    while waiting:
        for each in waiting.pop():
            if isinstance(each, list | tuple):
                waiting.append(each)
            elif each is not None:
                found.append(each)
    return found or [None]


def identity(value: Scalar) -> Identity:
    """What a plain value is recognised by."""
    return isinstance(value, bool), value


def is_scalar(value: Any) -> bool:
    """Whether it is neither a list nor an object."""
    return value is None or isinstance(value, str | bool | int | float)


def is_number(value: Any) -> bool:
    """Whether it is a number that can be compared: true is none, nor is what is not finite."""
    is_one = isinstance(value, int | float) and not isinstance(value, bool)
    return is_one and -LARGEST_NUMBER < value < LARGEST_NUMBER


def _like(pieces: tuple[str, ...], text: str) -> bool:
    if len(pieces) == 1:
        return text == pieces[0]
    if not text.startswith(pieces[0]) or not text.endswith(pieces[-1]):
        return False
    place, end = len(pieces[0]), len(text) - len(pieces[-1])
    for piece in pieces[1:-1]:  # the first place is the best one: nothing has to be tried twice
        place = text.find(piece, place, end)
        if place < 0:
            return False
        place += len(piece)
    return place <= end


OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "prefix": lambda text, value: isinstance(value, str) and value.startswith(text),
    "suffix": lambda text, value: isinstance(value, str) and value.endswith(text),
    "equals-ignore-case": lambda text, value: isinstance(value, str) and value.casefold() == text,
    "anything-but": lambda leaf, value: value is not None and is_scalar(value) and not leaf.means(value),
    "numeric": lambda bounds, value: (
        is_number(value) and all(COMPARISONS[name](value, number) for name, number in bounds)
    ),
    "exists": lambda wanted, value: (value is not None) is wanted,
    "wildcard": lambda pieces, value: isinstance(value, str) and _like(pieces, value),
}
#: Those that only texts can be.
OF_TEXTS = frozenset(["prefix", "suffix", "equals-ignore-case", "wildcard"])
