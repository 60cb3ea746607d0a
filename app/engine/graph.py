"""The map of what is declared: events lead to listeners, listeners to actions, actions to events."""

from collections.abc import Iterable
from typing import Any

from app.engine.actions import ACTIONS
from app.engine.declared import Elsewhere, described
from app.engine.listeners import LISTENERS, Listener
from app.engine.signal import SIGNALS, FailureSignal, Signal

NOWHERE = Elsewhere()


def describe(elsewhere: Elsewhere = NOWHERE) -> dict[str, Any]:
    """The declared graph: `events`, `listeners` and `actions`, each a list of dicts that refer to others by
    name. What a listener does not say is None. What other processes declare and this one does not has
    `here: false`.
    """
    types = {**dict.fromkeys(SIGNALS), **dict.fromkeys(_foreign_types(elsewhere))}
    return {
        "events": [_event(type_, SIGNALS.get(type_)) for type_ in sorted(types)],
        "listeners": [
            *(_listener(listener, here=True) for listener in LISTENERS.all()),
            *(_listener(listener, here=False) for listener in elsewhere.listeners),
        ],
        "actions": [
            *({**described(ACTIONS[name]), "here": True} for name in sorted(ACTIONS)),
            *({**action, "here": False} for action in elsewhere.actions),
        ],
    }


def _event(type_: str, signal: type[Signal] | None) -> dict[str, Any]:
    said = {"type": type_, "about": "", "starts": None, "ends": None, "here": signal is not None}
    return said if signal is None else said | _about(signal)


def _about(signal: type[Signal]) -> dict[str, Any]:
    return {"about": _first_line(signal), "starts": signal.starts, "ends": signal.ends}


def _listener(listener: Listener, *, here: bool) -> dict[str, Any]:
    waits = {name: getattr(listener, name) for name in ("by", "patience", "otherwise", "look_back")}
    return {
        "name": listener.name,
        "on": list(listener.types),
        "when": {field: list(allowed) for field, allowed in listener.when.items()},
        "do": listener.action,
        "follows": listener.follower,
        "settled_within": listener.within,
        "key": listener.key,
        "on_dead": listener.on_dead if listener.key else None,
        "after": listener.after,
        "until": list(listener.until),
        **(waits if listener.until else dict.fromkeys(waits)),
        "at_once": listener.at_once,
        "rate": listener.rate,
        "here": here,
    }


def _foreign_types(elsewhere: Elsewhere) -> list[str]:
    """The types of events that only other processes know."""
    recorded = [type_ for action in elsewhere.actions for type_ in action["records"]]
    heard = [type_ for listener in elsewhere.listeners for type_ in (*listener.types, *listener.until)]
    return [type_ for type_ in dict.fromkeys(recorded + heard) if type_ not in SIGNALS]


def mermaid(starts: str | None = None, elsewhere: Elsewhere = NOWHERE) -> str:
    """The graph as a Mermaid flowchart: events, joined by the actions that lead from one to the next.

    With `starts`, only what a flow of that kind can come to. Solid arrows are what a flow waits for,
    dotted ones are followers, thick ones wait until all that the event caused has settled; failures are
    dashed boxes. What only other processes declare is called `elsewhere`.
    """
    drawn = _Drawing(elsewhere)
    listeners, types = drawn.everything() if starts is None else drawn.reachable(starts)
    lines = [drawn.line(listener, types) for listener in listeners]
    failures = ",".join(_id(type_) for type_ in drawn.named if _is_failure(type_))
    lines += ["classDef failed stroke-dasharray: 4 3", f"class {failures} failed"] if failures else []
    return "\n".join(["flowchart TD", *(f"  {line}" for line in lines)]) + "\n"


class _Drawing:
    """One picture: what was declared, and which events are shown already."""

    def __init__(self, elsewhere: Elsewhere) -> None:
        self._elsewhere = elsewhere
        self._records = {name: [signal.type for signal in ACTIONS[name].emits] for name in ACTIONS}
        self._records |= {action["name"]: action["records"] for action in elsewhere.actions}
        self.named: dict[str, None] = {}

    def everything(self) -> tuple[list[Listener], set[str]]:
        """All listeners and all types."""
        types = {*SIGNALS, *_foreign_types(self._elsewhere)}
        return [*LISTENERS.all(), *self._elsewhere.listeners], types

    def reachable(self, starts: str) -> tuple[list[Listener], set[str]]:
        """The listeners and types that a flow of this kind can come to."""
        waiting = [type_ for type_, signal in SIGNALS.items() if signal.starts == starts]
        seen: list[Listener] = []
        types: set[str] = set()
        while waiting:
            types.add(type_ := waiting.pop(0))
            theirs = [each for each in self._elsewhere.listeners if type_ in each.types]
            for listener in (*LISTENERS.matching_type(type_), *theirs):
                seen += [listener] if listener not in seen else []
                recorded = self._records.get(listener.action, [])
                waiting += [each for each in recorded if each not in types and each not in waiting]
        return seen, types

    def line(self, listener: Listener, types: set[str]) -> str:
        """One listener: the events that it hears, and those that its action records."""
        heard = [type_ for type_ in listener.types if type_ in types]
        left, right = self._nodes(heard), self._nodes(self._records.get(listener.action, []))
        arrow = "==>" if listener.within is not None else "-.->" if listener.follower else "-->"
        name = f"{listener.action} (elsewhere)" if listener in self._elsewhere.listeners else listener.action
        if not right:  # it records nothing: the action itself is where the arrow ends
            return f'{left} {arrow} {_id(listener.action)}(["{name}"])'
        return f'{left} {arrow}|"{name}"| {right}'

    def _nodes(self, types: Iterable[str]) -> str:
        """Events side by side; the first time that one is shown it gets its name."""
        shown = []
        for type_ in types:
            shown.append(_id(type_) if type_ in self.named else f'{_id(type_)}["{type_}"]')
            self.named[type_] = None
        return " & ".join(shown)


def lint() -> list[str]:
    """What looks like a mistake in the declarations, one sentence each; empty when nothing does."""
    used = {listener.action for listener in LISTENERS.all()}
    heard = {type_ for listener in LISTENERS.all() for type_ in listener.types}
    summed_up = {
        type_ for listener in LISTENERS.all() if listener.within is not None for type_ in listener.types
    }
    awaited = {x.action for x in LISTENERS.all() if not x.follower and not summed_up.intersection(x.types)}
    recorded = {signal.type for name in awaited for signal in ACTIONS[name].emits}
    found = [
        f"the action {name} answers nothing: no listener names it"
        for name in sorted(ACTIONS.keys() - used)
        if ACTIONS[name].takes  # what answers any event is there for listeners that people configure
    ]
    for listener in LISTENERS.all():
        takes = {signal.type for signal in ACTIONS[listener.action].takes}
        found += [
            f"the listener {listener.name} hands {type_} to {listener.action}, which does not take it"
            for type_ in listener.types
            if takes and type_ not in takes
        ]
    found += [
        f"{type_} is recorded, is no end, and nothing hears it"
        for type_ in sorted(recorded - heard)
        if SIGNALS[type_].ends is None and issubclass(SIGNALS[type_], FailureSignal)
    ]
    return found


def _is_failure(type_: str) -> bool:
    return type_ in SIGNALS and issubclass(SIGNALS[type_], FailureSignal)


def _id(name: str) -> str:
    return name.replace(".", "_")


def _first_line(signal: type) -> str:
    return (signal.__doc__ or "").strip().partition("\n")[0]
