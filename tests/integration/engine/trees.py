"""A world in which any shape of flow can be planned: a node's event carries the plan of what it leads to.

A node is `{"kind", "name", "then": [nodes], "after": [nodes]}`. A `branch` leads to its `then`; a `join` too,
and to its `after` once all of that has settled; a `whim` is only followed; a `graft` lands in another tree,
in a flow of its own.
"""

import random
from collections.abc import Callable
from typing import Any

from app.engine import Signal, action, follow, on, settled

Node = dict[str, Any]

#: The flow into which grafts grow, as (flow, cause).
elsewhere: list[tuple[str, str]] = []


class Grown(Signal):
    tree: str
    name: str
    outer: bool = False
    then: tuple[Node, ...] = ()
    after: tuple[Node, ...] = ()

    @property
    def stream(self) -> str:
        return f"/trees/{self.tree}"

    @property
    def label(self) -> str:
        return self.name


class Branch(Grown, type="tree.branch.grown", starts="tree"):
    """It leads to what it plans."""


class Join(Grown, type="tree.join.grown"):
    """It leads to what it plans, and then to what comes after all of that."""


class Whim(Grown, type="tree.whim.grown"):
    """Nobody waits for what it leads to."""


class Graft(Grown, type="tree.graft.grown"):
    """It grows in another tree and flow."""


class Closed(Grown, type="tree.join.closed"):
    """All that a join led to has settled."""


KINDS: dict[str, type[Grown]] = {"branch": Branch, "join": Join, "whim": Whim, "graft": Graft}
#: What may grow below: nobody waits for what a whim leads to, and a graft is in the other flow already.
BELOW = {"whim": ("branch", "whim"), "graft": ("branch", "join", "whim")}
Nodes = list[Branch | Join | Whim | Graft]


def signal_of(node: Node, tree: str) -> Any:
    """What says that a node has grown."""
    fields = {name: value for name, value in node.items() if name != "kind"}
    if node["kind"] == "graft":
        return Graft(tree="other", **fields).within(*elsewhere[0])
    return KINDS[node["kind"]](tree=tree, **fields)


def _grow(tree: str, nodes: tuple[Node, ...]) -> list[Any]:
    return [signal_of(node, tree) for node in nodes]


@action()
def grow(event: Branch | Join | Whim | Graft) -> Nodes:
    """Decide, under the lock of the tree."""
    return _grow(event.tree, event.then)


@action(service="wind", attempts=20)
def blow(event: Branch | Join | Whim | Graft) -> Callable[[], Nodes]:
    """Do so outside, and decide inside."""
    return lambda: _grow(event.tree, event.then)


@action()
def close(event: Join) -> list[Closed | Branch | Join | Whim | Graft]:
    """Say that a join has settled, and go on."""
    return [Closed(tree=event.tree, name=event.name), *_grow(event.tree, event.after)]


def declare() -> None:
    """The listeners of this world."""
    for waits, kinds in ((on, Branch | Join | Graft), (follow, Whim)):
        waits(kinds, do=grow, when={"outer": [False]}, name=f"trees:{waits.__name__}_grow")
        waits(kinds, do=blow, when={"outer": [True]}, name=f"trees:{waits.__name__}_blow")
    on(settled(Join, within=10**6), do=close)


DEEPEST = 6  # levels; the guard against loops would cut what is deeper than eight


class Plan:
    """A random tree, and what must come of it."""

    def __init__(self, seed: int, size: int = 25) -> None:
        self.rng = random.Random(seed)
        self.left = size
        #: Every node's name with its kind.
        self.kinds: dict[str, str] = {}
        #: Of each join, the names of all that it waits for.
        self.waited_for: dict[str, set[str]] = {}
        self.root = self._node("join", (), tuple(KINDS), DEEPEST)

    def _node(self, kind: str, joins: tuple[str, ...], below: tuple[str, ...], deep: int) -> Node:
        """A node inside some joins, with nodes of the kinds `below` under it, at most `deep` levels."""
        self.left -= 1
        name = f"n{len(self.kinds)}"
        self.kinds[name] = kind
        inside = joins if kind in ("branch", "join") else ()
        for join in inside:
            self.waited_for[join].add(name)
        if kind == "join":
            self.waited_for[name] = set()
        below = BELOW.get(kind, below)
        node: Node = {"kind": kind, "name": name, "outer": self.rng.random() < 0.4}
        node["then"] = self._nodes((*inside, name) if kind == "join" else inside, below, deep)
        node["after"] = self._nodes(inside, below, deep) if kind == "join" else []
        return node

    def _nodes(self, joins: tuple[str, ...], kinds: tuple[str, ...], deep: int) -> list[Node]:
        wanted = self.rng.randint(0, 3) if deep else 0
        return [
            self._node(self.rng.choice(kinds), joins, kinds, deep - 1) for _ in range(wanted) if self.left > 0
        ]
