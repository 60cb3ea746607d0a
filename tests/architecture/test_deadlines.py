"""Nothing hangs: whatever state a model's row is brought into, it is an end, or it has a deadline."""

import ast
from collections.abc import Iterator

from sqlalchemy import Table

from app.engine.discovery import discover
from app.engine.folds import DEADLINES, FOLDED
from app.engine.signal import SIGNALS
from app.models.deploys import UNPUBLISHED, deploys
from app.models.ens_progress import LOOKS
from app.models.progress import PATIENCE
from tests.architecture.source import nothing, read

discover("app.models")

#: States in which a row may stay for ever, by table. A new table with states must be named here.
ENDS = {
    "deploys": {"live", "failed", "cancelled", "superseded", "skipped", "archived"},
    "certificates": set[str](),
    "dnslinks": {"applied"},
    "pins": {"kept"},
    "ens_names": set[str](),
    "notifications": {"sent", "failed", "suppressed"},
    "listener_versions": {"active", "paused", "disabled"},  # as people, or what they call, have left it
}
#: States with a deadline, by table.
PASSING = {
    "deploys": set(PATIENCE),
    "certificates": {"ordering", "validating", "issued", "active", "failed"},
    "dnslinks": {"wanted", "failed"},
    "pins": {"leaving"},
    "ens_names": {*LOOKS, "update_needed"},
    "notifications": set[str](),
    "listener_versions": set[str](),
}


def machines() -> Iterator[Table]:
    return (
        table for table in FOLDED if {"status", "state"} & set(table.c.keys()) and "toy" not in table.name
    )


def states_said() -> set[str]:
    """Every state that a fold names: what it moves to, and what it writes into a row."""
    said: set[str] = set()
    for source in read("app/models"):
        for node in ast.walk(source.tree):
            values: list[ast.expr] = []
            if (
                isinstance(node, ast.Call) and ast.unparse(node.func) != "Target"
            ):  # what a deploy says of a target
                values = [word.value for word in node.keywords if word.arg in ("status", "state")]
                values += node.args[2:3] if ast.unparse(node.func) == "move" else []
            elif isinstance(node, ast.Dict):
                pairs = zip(node.keys, node.values, strict=True)
                values = [
                    value for key, value in pairs if key and ast.unparse(key) in ("'status'", "'state'")
                ]
            said |= {each.value for each in values if isinstance(each, ast.Constant)}
    return said


def test_every_table_with_states_says_which_of_them_are_ends() -> None:
    assert {table.name for table in machines()} == set(ENDS)


def test_every_state_is_an_end_or_has_a_deadline() -> None:
    known = set().union(*ENDS.values(), *PASSING.values())
    said = states_said()
    assert {"requested", "published", "archived", "sent"} <= said  # it does find them
    nothing(said - known)
    assert set(UNPUBLISHED) <= PASSING["deploys"]
    assert not any(ENDS[name] & passing for name, passing in PASSING.items())
    assert all(patience.total_seconds() > 0 for patience in PATIENCE.values())


def test_the_sweep_passes_every_such_deadline_and_a_stall_can_be_told() -> None:
    passed = {table.name for table, _ in DEADLINES}
    nothing(name for name, passing in PASSING.items() if passing and name not in passed)
    assert "deadline_at" in deploys.c
    assert SIGNALS["site.deploy.stalled"].model_fields.keys() >= {"failure"}
