"""What a field of an event may be, as far as the JSON schema of its signal says: a few plain kinds. What is
neither said nor understood is open.
"""

from collections.abc import Iterable, Iterator, Mapping
from math import ceil, floor
from typing import Any

from app.engine.matching import LARGEST_NUMBER, OF_TEXTS, Condition, Leaf, is_number
from app.engine.patterns import shown

#: A JSON schema. A kind is one without references, alternatives and lists: an enum, one of `_KINDS`, or open.
Schema = Mapping[str, Any]
OPEN: Schema = {}
ABSENT: Schema = {"enum": [None]}
_KINDS = {"object": "an object", "string": "a text", "integer": "a whole number", "number": "a number"}
_NOT_UNDERSTOOD = {"allOf", "not", "if", "patternProperties"}
_LIMITS = {"minimum": ">=", "exclusiveMinimum": ">", "maximum": "<=", "exclusiveMaximum": "<"}


class Shapes:
    """The kinds of the fields under one schema, whose `$defs` it looks up."""

    def __init__(self, schema: Schema) -> None:
        self._defs: Schema = schema.get("$defs", {})

    def kinds(self, schema: Any, seen: frozenset[str] = frozenset()) -> Iterator[Schema]:
        """The kinds of values that a schema allows; of a list those of its elements. `ABSENT` is one."""
        if not isinstance(schema, Mapping) or _NOT_UNDERSTOOD & schema.keys():
            yield OPEN
        elif "$ref" in schema:
            name = schema["$ref"].rpartition("/")[2]
            if name not in seen:  # what is made of itself adds nothing
                yield from self.kinds(self._defs[name], seen | {name})
        elif alternatives := schema.get("anyOf") or schema.get("oneOf"):
            for each in alternatives:
                yield from self.kinds(each, seen)
        elif isinstance(schema.get("type"), list):
            for each in schema["type"]:
                yield from self.kinds({**schema, "type": each}, seen)
        elif schema.get("type") == "array":
            yield from () if schema.get("minItems") else [ABSENT]
            for each in [*schema.get("prefixItems", ()), *_rest(schema)]:
                yield from self.kinds(each, seen)
        else:
            yield _plain(schema)

    def field(self, kind: Schema, name: str) -> list[Schema] | None:
        """The kinds of a field of an object of this kind; None when there is no such field."""
        fields, others = kind.get("properties"), kind.get("additionalProperties", False)
        if fields and name in fields:
            optional = [] if name in kind.get("required", ()) else [ABSENT]
            return [*self.kinds(fields[name]), *optional]
        if fields is None and "additionalProperties" not in kind and kind.get("type") == "object":
            others = OPEN
        return [*self.kinds(others), ABSENT] if others is not False else None


def can_be(leaf: Leaf, kind: Schema) -> bool:
    """Whether some value of this kind is as the leaf says."""
    if "enum" in kind:
        return any(leaf.means(each) for each in kind["enum"])
    if kind.get("type") == "object":
        return leaf.means({})
    return (
        not kind
        or any(_is_one(each, kind) for each in leaf.values.values())
        or any(_can_be(each, kind) for each in leaf.conditions)
    )


def can_meet(one: Schema, other: Schema) -> bool:
    """Whether a value can be of both kinds, as far as their sorts say; being absent is no value."""
    if not one or not other:
        return True
    if "enum" in one or "enum" in other:
        listed, kind = (one, other) if "enum" in one else (other, one)
        values = [each for each in listed["enum"] if each is not None]
        return any(each in kind["enum"] if "enum" in kind else _is_one(each, kind) for each in values)
    return one["type"] == other["type"] or {one["type"], other["type"]} == {"integer", "number"}


def reachable(bounds: Iterable[tuple[str, Any]], kind: Schema) -> bool:
    """Whether some number of this kind lies within bounds as `numeric` has them."""
    said = [*bounds, *((sign, kind[name]) for name, sign in _LIMITS.items() if name in kind)]
    low, above = max(((each, sign == ">") for sign, each in said if ">" in sign or sign == "="), default=_LOW)
    high, upto = min(
        ((each, sign != "<") for sign, each in said if "<" in sign or sign == "="), default=_HIGH
    )
    if kind.get("type") == "integer":
        return bool((floor(low) + 1 if above else ceil(low)) <= (floor(high) if upto else ceil(high) - 1))
    return bool(low < high or (low == high and upto and not above))


def described(kinds: Iterable[Schema]) -> str:
    """What these kinds are, in words: "ok or partial", "a text"; "" when that is nothing at all."""
    words = list[str]()
    for kind in kinds:
        if "enum" in kind:
            values = (each for each in kind["enum"] if each is not None)
            words += [each if each and isinstance(each, str) else shown(each) for each in values]
        else:
            least = kind.get("minLength")
            words.append(_KINDS[kind["type"]] + (f" of {least} characters or more" if least else ""))
    return one_of(dict.fromkeys(words))


def one_of(words: Iterable[str], most: int = 6) -> str:
    """ "a, b or c"; of many the first and how many more."""
    listed = list(words)
    if len(listed) > most:
        listed[most:] = [f"one of {len(listed) - most} more"]
    return " or ".join(filter(None, [", ".join(listed[:-1]), *listed[-1:]]))


_LOW, _HIGH = (-LARGEST_NUMBER, False), (LARGEST_NUMBER, True)


def _rest(schema: Schema) -> list[Any]:
    """What a list holds behind the elements that are said one by one."""
    if schema.get("maxItems") == len(schema.get("prefixItems", ())):
        return []
    return [] if schema.get("items") is False else [schema.get("items", OPEN)]


def _plain(schema: Schema) -> Schema:
    if "enum" in schema:
        return {"enum": schema["enum"]}
    if "const" in schema:
        return {"enum": [schema["const"]]}
    known = {"null": ABSENT, "boolean": {"enum": [True, False]}} | dict.fromkeys(_KINDS, schema)
    return known.get(schema.get("type", ""), OPEN)


def _is_one(value: Any, kind: Schema) -> bool:
    if kind["type"] == "string":
        least, most = kind.get("minLength", 0), kind.get("maxLength", float("inf"))
        return isinstance(value, str) and least <= len(value) <= most
    return is_number(value) and reachable([("=", value)], kind)


def _can_be(condition: Condition, kind: Schema) -> bool:
    if condition.operator == "numeric":
        return kind["type"] != "string" and reachable(condition.operand, kind)
    if condition.operator in OF_TEXTS:
        return bool(kind["type"] == "string")
    return condition.operand is not False  # whatever is there: it exists, and may be anything but
