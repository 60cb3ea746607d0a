"""Events of one signal and patterns about them, as hypothesis draws them: so small that they often meet."""

from typing import Annotated, Any, ClassVar, Literal

from hypothesis import strategies as st
from pydantic import BaseModel, Field

from app.engine import Signal


class Part(BaseModel):
    """Something inside."""

    name: str
    count: int | None = None
    inner: "Part | None" = None


class Screw(BaseModel):
    """One of two kinds."""

    kind: Literal["screw"] = "screw"
    count: Annotated[int, Field(ge=1, lt=3)]


class Nail(BaseModel):
    """The other kind."""

    kind: Literal["nail"] = "nail"
    name: Annotated[str, Field(min_length=1, max_length=2)]


class Drawn(Signal):
    """It has a field of every sort. It is not declared: its type is no keyword."""

    type: ClassVar[str] = "shop.thing.drawn"

    status: Literal["a", "b", 1] | None
    name: str
    count: int
    share: float
    flag: bool
    maybe: str | None = None
    tags: tuple[str, ...] = ()
    pair: tuple[str, int]
    part: Part | None
    parts: list[Part]
    fixing: Screw | Nail
    notes: dict[str, Any]
    sizes: dict[str, list[int]]


_TEXTS = st.sampled_from(["", "a", "b", "ab", "ba", "B"])
_NUMBERS = st.sampled_from([-1, 0, 1, 2, 3])
_VALUES = st.none() | st.booleans() | _NUMBERS | st.sampled_from([0.5, 1.0]) | _TEXTS
_PART = st.builds(Part, name=_TEXTS, count=st.none() | _NUMBERS)
_PARTS = _PART | st.builds(Part, name=_TEXTS, inner=_PART)
_DATA = st.builds(
    Drawn,
    status=st.sampled_from(["a", "b", 1, None]),
    name=_TEXTS,
    count=_NUMBERS,
    share=st.sampled_from([0.0, 0.5, 1.0]),
    flag=st.booleans(),
    maybe=st.none() | _TEXTS,
    tags=st.lists(_TEXTS, max_size=2),
    pair=st.tuples(_TEXTS, _NUMBERS),
    part=st.none() | _PARTS,
    parts=st.lists(_PARTS, max_size=2),
    fixing=st.builds(Screw, count=st.integers(1, 2)) | st.builds(Nail, name=st.sampled_from(["a", "ab"])),
    notes=st.dictionaries(st.sampled_from(["name", "x"]), _VALUES, max_size=2),
    sizes=st.dictionaries(st.sampled_from(["name", "x"]), st.lists(_NUMBERS, max_size=2), max_size=2),
)
TYPES = [Drawn.type, "shop.order.placed", "shop.order.paid"]


def _view(signal: Drawn, type_: str, cause: str | None) -> dict[str, Any]:
    envelope = {"id": "a", "source": "/a", "type": type_, "time": "2026-01-01", "subject": "b"}
    rest = {"correlationid": "a", "causationid": cause, "sequence": "0000000001", "authtype": "system"}
    return {**envelope, **rest, "authid": None, "data": signal.model_dump(mode="json")}


#: Events as a pattern sees them.
EVENTS = st.builds(_view, _DATA, st.sampled_from(TYPES), st.none() | st.just("a"))

_BOUNDS = st.tuples(st.sampled_from(["<", "<=", "=", ">=", ">"]), _NUMBERS | st.just(0.5))
_WILDCARDS = st.sampled_from(["a", "*", "a*", "*b", "*a*", "a*b"])
_OF_TEXTS = st.sampled_from(["prefix", "suffix", "equals-ignore-case"])
_CONDITIONS = st.one_of(
    st.builds(lambda operator, text: {operator: text}, _OF_TEXTS, _TEXTS),
    st.builds(lambda wildcard: {"wildcard": wildcard}, _WILDCARDS),
    st.builds(lambda wanted: {"exists": wanted}, st.booleans()),
    st.builds(lambda *said: {"numeric": [part for bound in said for part in bound]}, _BOUNDS, _BOUNDS),
    st.builds(lambda *texts: {"anything-but": [*texts]}, _TEXTS, _NUMBERS, _TEXTS),
    st.builds(lambda operator, text: {"anything-but": {operator: text}}, _OF_TEXTS, _TEXTS),
)
_LEAVES = st.lists(_VALUES | _CONDITIONS, min_size=1, max_size=3)
_NAMES = st.sampled_from([*Drawn.model_fields, "kind", "inner", "x"])


def _or(branches: list[Any]) -> dict[str, Any]:
    return {"$or": branches}


_FLAT = st.dictionaries(_NAMES, _LEAVES, min_size=1, max_size=2)
_EITHER = st.builds(_or, st.lists(_FLAT, min_size=2, max_size=3))
_OBJECTS = _FLAT | _EITHER | st.dictionaries(_NAMES, _FLAT | _EITHER | _LEAVES, min_size=1, max_size=2)
_WHOLE = st.fixed_dictionaries(
    {"data": _OBJECTS},
    optional={
        "type": st.lists(st.sampled_from(TYPES), min_size=1),
        "causationid": _LEAVES,
        "authid": _LEAVES,
    },
)
#: Patterns as their JSON.
PATTERNS = _WHOLE | st.builds(_or, st.lists(_WHOLE, min_size=2, max_size=3))
