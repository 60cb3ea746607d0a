"""The map of what is declared: events lead to listeners, listeners to actions, actions to events."""

from collections.abc import Iterable
from typing import Any

from app.engine.actions import ACTIONS
from app.engine.listeners import LISTENERS, Listener
from app.engine.signal import SIGNALS, FailureSignal


def describe() -> dict[str, Any]:
    """The declared graph: `events`, `listeners` and `actions`, each a list of dicts that refer to others
    by name.
    """
    return {
        "events": [
            {"type": type_, "about": _first_line(signal), "starts": signal.starts, "ends": signal.ends}
            for type_, signal in sorted(SIGNALS.items())
        ],
        "listeners": [
            {
                "name": listener.name,
                "on": list(listener.types),
                "when": {field: list(allowed) for field, allowed in listener.when.items()},
                "do": listener.action,
                "follows": listener.follower,
                "settled_within": listener.within,
            }
            for listener in LISTENERS.all()
        ],
        "actions": [
            {
                "name": action.name,
                "about": action.summary,
                "service": action.service,
                "records": [signal.type for signal in action.emits],
            }
            for action in sorted(ACTIONS.values(), key=lambda each: each.name)
        ],
    }


def mermaid(starts: str | None = None) -> str:
    """The graph as a Mermaid flowchart: events, joined by the actions that lead from one to the next.

    With `starts`, only what a flow of that kind can come to. Solid arrows are what a flow waits for,
    dotted ones are followers, thick ones wait until all that the event caused has settled; failures are
    dashed boxes.
    """
    listeners, types = _everything() if starts is None else _reachable(starts)
    named: dict[str, None] = {}
    lines = [_line(listener, types, named) for listener in listeners]
    failures = ",".join(_id(type_) for type_ in named if issubclass(SIGNALS[type_], FailureSignal))
    lines += ["classDef failed stroke-dasharray: 4 3", f"class {failures} failed"] if failures else []
    return "\n".join(["flowchart TD", *(f"  {line}" for line in lines)]) + "\n"


def _line(listener: Listener, types: set[str], named: dict[str, None]) -> str:
    heard = [type_ for type_ in listener.types if type_ in types]
    left, right = _nodes(heard, named), _nodes((s.type for s in ACTIONS[listener.action].emits), named)
    arrow = "==>" if listener.within is not None else "-.->" if listener.follower else "-->"
    if not right:  # it records nothing: the action itself is where the arrow ends
        return f'{left} {arrow} {_id(listener.action)}(["{listener.action}"])'
    return f'{left} {arrow}|"{listener.action}"| {right}'


def _nodes(types: Iterable[str], named: dict[str, None]) -> str:
    """Events side by side; the first time that one is shown it gets its name."""
    shown = []
    for type_ in types:
        shown.append(_id(type_) if type_ in named else f'{_id(type_)}["{type_}"]')
        named[type_] = None
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
        f"the action {name} answers nothing: no listener names it" for name in sorted(ACTIONS.keys() - used)
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


def _everything() -> tuple[list[Listener], set[str]]:
    return LISTENERS.all(), set(SIGNALS)


def _reachable(starts: str) -> tuple[list[Listener], set[str]]:
    waiting = [type_ for type_, signal in SIGNALS.items() if signal.starts == starts]
    seen: dict[str, Listener] = {}
    types: set[str] = set()
    while waiting:
        types.add(type_ := waiting.pop(0))
        for listener in LISTENERS.matching_type(type_):
            seen[listener.name] = listener
            emitted = (signal.type for signal in ACTIONS[listener.action].emits)
            waiting += [each for each in emitted if each not in types and each not in waiting]
    return list(seen.values()), types


def _id(name: str) -> str:
    return name.replace(".", "_")


def _first_line(signal: type) -> str:
    return (signal.__doc__ or "").strip().partition("\n")[0]
