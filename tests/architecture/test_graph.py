"""The map that the code draws of itself: the README shows it, and nothing in it looks like a mistake."""

import re

from app.engine import graph
from app.engine.actions import ACTIONS
from app.engine.discovery import discover
from app.engine.listeners import LISTENERS
from app.engine.signal import SIGNALS
from tests.architecture.source import ROOT, nothing

discover("app.models", "tasks", "workflows")


def test_the_readmes_picture_of_a_deploy_is_the_codes():
    shown = re.search(r"^```mermaid\n(.*?)^```", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL)
    assert shown
    assert shown[1] == graph.mermaid("deploy")


def test_nothing_in_the_declarations_looks_like_a_mistake():
    ours = {action.name for action in ACTIONS.values() if action.body.__module__.startswith("tasks.")}
    others = tuple(f"the action {name} " for name in ACTIONS.keys() - ours)  # which other tests declare
    nothing(line for line in graph.lint() if not line.startswith(others or ("-",)))


def test_every_listener_names_an_action_and_signals_that_exist():
    for listener in LISTENERS.all():
        assert listener.action in ACTIONS
        assert set(listener.types) <= set(SIGNALS)


def test_every_failure_is_heard_by_a_pattern_for_failures():
    ours = {type_: signal for type_, signal in SIGNALS.items() if signal.__module__.startswith("app.")}
    told = (type_ for type_, signal in ours.items() if "failure" in signal.model_fields)
    endings = (".failed", ".stalled", ".dead_lettered")
    nothing(type_ for type_ in told if not type_.endswith(endings))
