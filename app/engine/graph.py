"""The map of what is declared: events lead to listeners, listeners to actions, actions to events."""

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
    """The graph as a Mermaid flowchart; with `starts`, only what a flow of that kind can come to.

    Solid arrows are what a flow waits for, dotted ones are followers, thick ones wait until all has settled.
    """
    listeners, types = _everything() if starts is None else _reachable(starts)
    lines = ["flowchart TD"]
    shown: dict[str, None] = {}
    for listener in listeners:
        for type_ in (each for each in listener.types if each in types):
            shown[_event_node(type_)] = None
            shown[_action_node(listener.action)] = None
            lines.append(f"  {_id(type_)} {_arrow(listener)} {_id(listener.action)}")
    for name in dict.fromkeys(listener.action for listener in listeners):
        for signal in ACTIONS[name].emits:
            shown[_event_node(signal.type)] = None
            arrow = "-. fails .->" if issubclass(signal, FailureSignal) else "-->"
            lines.append(f"  {_id(name)} {arrow} {_id(signal.type)}")
    return "\n".join([lines[0], *(f"  {node}" for node in shown), *dict.fromkeys(lines[1:])]) + "\n"


def lint() -> list[str]:
    """What looks like a mistake in the declarations, one sentence each; empty when nothing does."""
    used = {listener.action for listener in LISTENERS.all()}
    heard = {type_ for listener in LISTENERS.all() for type_ in listener.types}
    awaited = {listener.action for listener in LISTENERS.all() if not listener.follower}
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


def _arrow(listener: Listener) -> str:
    if listener.within is not None:
        return "== settled ==>"
    return "-.->" if listener.follower else "-->"


def _id(name: str) -> str:
    return name.replace(".", "_")


def _event_node(type_: str) -> str:
    return f'{_id(type_)}(["{type_}"])'


def _action_node(name: str) -> str:
    return f'{_id(name)}["{name}"]'


def _first_line(signal: type) -> str:
    return (signal.__doc__ or "").strip().partition("\n")[0]
