"""What a listener may wait for over several events: so many, one after another, one that stays away."""

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from app.commands.doing import Do, types_for
from app.engine.fitting import kinds_at
from app.engine.shapes import one_of
from app.engine.signal import SIGNALS
from app.errors import InvalidInput

#: The kinds; a listener has at most one.
KINDS = ("count", "then", "unless")
#: Seconds within which they may have to come, and how many may have to.
LONGEST, MOST = 31 * 24 * 3600, 1000


def checked_condition(said: Mapping[str, Any], types: Sequence[str], do: Do) -> dict[str, Any]:
    """What of a listener's wish is its condition, in plain values: of `count`, `then` and `unless` at most
    one, and `for_each`. Empty when it has none. `types` are those of its own events.

    InvalidInput `condition_invalid`, `for_each_unknown`, and what globs and patterns are refused for.
    """
    wanted = {name: dict(said[name]) for name in KINDS if said.get(name) is not None}
    for_each = said.get("for_each")
    if len(wanted) > 1 or (for_each and not wanted):
        what = f"A listener takes one of {one_of(KINDS)}, and for_each only with it."
        raise InvalidInput("condition_invalid", what, f"You said {', '.join(wanted) or 'for_each alone'}.")
    if not wanted:
        return {}
    [(kind, how)] = wanted.items()
    _check_bounds(kind, how)
    others = types_for(how["on"], how.get("when"), do) if "on" in how else []
    if for_each:
        _check_entity(for_each, types)
        _check_entity(for_each, others)
    return {**wanted, "for_each": for_each}


def _check_bounds(kind: str, how: Mapping[str, Any]) -> None:
    if not 0 < how["within"] <= LONGEST:
        what = f"{kind} cannot be within {how['within']:g} seconds."
        raise InvalidInput("condition_invalid", what, f"Say more than 0 and at most {LONGEST} (31 days).")
    if kind == "count" and not 2 <= how["times"] <= MOST:
        what = f"{how['times']} times cannot be counted."
        raise InvalidInput("condition_invalid", what, f"Say from 2 to {MOST} times.")


def _check_entity(for_each: str, types: Sequence[str]) -> None:
    """Events that lack the field are not counted; when all do, nothing would ever be."""
    path = tuple(for_each.split("."))
    if not types or any(kinds_at(SIGNALS[each], path) is not None for each in types):
        return
    fields = [f"data.{name}" for name in SIGNALS[types[0]].model_fields]
    close = get_close_matches(for_each, fields, 3, 0.5)
    hint = f"Close to it: {', '.join(close)}." if close else f"{types[0]} has {', '.join(fields)}."
    raise InvalidInput("for_each_unknown", f"{for_each[:80]} is not a field of {one_of(types, 3)}.", hint)
