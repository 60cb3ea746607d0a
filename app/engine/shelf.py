"""Where entries of an index are kept, so that an event finds those that it may match and few others.

An entry is kept under something that every event has which its pattern means: one on
`{"data": {"site": ["a"]}}` is looked at for events of that site only. Of several such anchors the least
crowded is taken; an entry that has none is looked at for each event of its types.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, Generic, TypeVar

from app.engine.matching import Condition, Leaf, Node, Path, elements, identity

L = TypeVar("L")

#: What a value has: ("prefix", "a"), ("suffix", "z"), ("equals-ignore-case", "a"), or its identity.
Trait = tuple[Any, Any]
#: A place in an event and what the value there has.
Anchor = tuple[Path, Trait]


@dataclass(slots=True, eq=False)
class Entry(Generic[L]):
    """A listener, under the revisions from `since` up to, but not with, `until`. Without a pattern it answers
    all events of its types.
    """

    id: str
    listener: L
    types: frozenset[str]
    pattern: Node | None = None
    since: int = 0
    until: int | None = None
    #: Set by the index: the order of coming, and where it is kept.
    number: int = field(default=0, init=False)
    anchors: tuple[Anchor, ...] = field(default=(), init=False)

    def answers(self, view: Any, revision: int) -> bool:
        """Whether it answers an event of one of its types that looks like this, under that revision."""
        lives = self.since <= revision and (self.until is None or revision < self.until)
        return lives and (self.pattern is None or self.pattern.holds(view))


#: Entries by number, and these by their types: an event looks only at those of its type.
Bucket = dict[frozenset[str], dict[int, Entry[L]]]


class _Branch(Generic[L]):
    """What is kept at one path, and behind it."""

    __slots__ = ("buckets", "inner", "lengths")

    def __init__(self) -> None:
        self.inner: dict[str, _Branch[L]] = {}
        self.buckets: dict[Trait, Bucket[L]] = {}
        #: How often there are prefixes and suffixes of which length.
        self.lengths: dict[tuple[str, int], int] = {}

    def put(self, trait: Trait, entry: Entry[L]) -> None:
        """Keep an entry here."""
        _put(self.buckets.setdefault(trait, {}), entry)
        if not isinstance(trait[0], bool):
            length = _length(trait)
            self.lengths[length] = self.lengths.get(length, 0) + 1

    def take(self, path: Path, trait: Trait, entry: Entry[L]) -> None:
        """Keep an entry no more that is behind here at this path."""
        if path:
            inner = self.inner[path[0]]
            inner.take(path[1:], trait, entry)
            if not inner.inner and not inner.buckets:
                del self.inner[path[0]]
            return
        _take(self.buckets[trait], entry)
        if not self.buckets[trait]:
            del self.buckets[trait]
        if not isinstance(trait[0], bool):
            length = _length(trait)
            self.lengths[length] -= 1
            if not self.lengths[length]:
                del self.lengths[length]

    def size(self, path: Path, trait: Trait) -> int:
        """How many entries there are at this path behind here with this trait."""
        if path:
            return self.inner[path[0]].size(path[1:], trait) if path[0] in self.inner else 0
        return sum(map(len, self.buckets.get(trait, {}).values()))

    def at(self, value: Any) -> Iterator[Bucket[L]]:
        """The buckets of what this value, and what is inside of it, has."""
        for each in elements(value):
            if isinstance(each, Mapping):
                for name in self.inner.keys() & each.keys():
                    yield from self.inner[name].at(each[name])
            elif self.buckets:
                yield from filter(None, map(self.buckets.get, self._traits(each)))

    def _traits(self, value: Any) -> Iterator[Trait]:
        yield identity(value)
        for operator, length in self.lengths if isinstance(value, str) else ():
            if operator == "prefix":
                yield operator, value[:length]
            elif operator == "suffix":
                yield operator, value[max(len(value) - length, 0) :]
            else:
                yield operator, value.casefold()


class Shelf(Generic[L]):
    """Entries, each under its anchors, or among the rest."""

    def __init__(self) -> None:
        self._root = _Branch[L]()
        self._rest: Bucket[L] = {}

    def put(self, entry: Entry[L]) -> None:
        """Keep an entry where there are the fewest already."""
        best = self._best(entry.pattern, ()) if entry.pattern else ()
        entry.anchors = tuple(dict.fromkeys(best))
        for path, trait in entry.anchors:
            branch = self._root
            for name in path:
                branch = branch.inner.setdefault(name, _Branch())
            branch.put(trait, entry)
        if not entry.anchors:
            _put(self._rest, entry)

    def take(self, entry: Entry[L]) -> None:
        """Keep an entry no more, nor what was kept for it alone."""
        for path, trait in entry.anchors:
            self._root.take(path, trait, entry)
        if not entry.anchors:
            _take(self._rest, entry)

    def candidates(self, view: Mapping[str, Any]) -> dict[int, Entry[L]]:
        """All entries that may answer an event that looks like this, by number, and few others."""
        found: dict[int, Entry[L]] = {}
        for bucket in chain([self._rest], self._root.at(view)):
            for types, entries in bucket.items():
                if view["type"] in types:
                    found.update(entries)
        return found

    def _best(self, node: Node, path: Path) -> tuple[Anchor, ...]:
        """Anchors of which every event has one that the node means: the least crowded ones; () for none."""
        found = list[tuple[Anchor, ...]]()
        for name, inner in node.fields:
            here = (*path, name)
            if isinstance(inner, Node):
                found.append(self._best(inner, here))
            else:
                found.append(tuple((here, each) for each in _traits(inner)))
        for group in node.either:
            parts = [self._best(each, path) for each in group]
            found.append(tuple(chain(*parts)) if all(parts) else ())
        return min(filter(None, found), key=self._crowd, default=())

    def _crowd(self, anchors: tuple[Anchor, ...]) -> tuple[int, int]:
        """How many there are already at the fullest of these, and how many these are."""
        return max(self._root.size(path, trait) for path, trait in anchors), len(anchors)


def _traits(leaf: Leaf) -> list[Trait]:
    """What the value of a field has that is as the leaf says, one of these; [] when nothing is certain."""
    found: list[Trait] = [each for each in leaf.values if each != identity(None)]
    found += filter(None, map(_trait, leaf.conditions))
    return found if len(found) == len(leaf.values) + len(leaf.conditions) else []


def _trait(condition: Condition) -> Trait | None:
    if condition.operator in ("prefix", "suffix", "equals-ignore-case"):
        return condition.operator, condition.operand
    if condition.operator != "wildcard":
        return None
    first, last = condition.operand[0], condition.operand[-1]
    if len(condition.operand) == 1:
        return identity(first)
    return ("prefix", first) if first else ("suffix", last) if last else None


def _length(trait: Trait) -> tuple[str, int]:
    operator, text = trait
    return operator, 0 if operator == "equals-ignore-case" else len(text)


def _put(bucket: Bucket[L], entry: Entry[L]) -> None:
    bucket.setdefault(entry.types, {})[entry.number] = entry


def _take(bucket: Bucket[L], entry: Entry[L]) -> None:
    entries = bucket[entry.types]
    del entries[entry.number]
    if not entries:
        del bucket[entry.types]
