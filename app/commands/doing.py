"""What a configured listener may do: one thing, of a kind that the entry of its `do` names."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from app.commands.channels import check_notify
from app.engine import Recording
from app.engine.actions import ACTIONS, Action
from app.engine.fitting import check as check_types
from app.engine.parameters import check
from app.engine.signal import types_like
from app.errors import InvalidInput

#: What it does, as its `do` has it.
Do = Mapping[str, Any]
#: That somebody was told, and what was used for it. Who wants to hear everything does not mean this: two of
#: them would hear each other.
TOLD = (
    "webhook.delivered",
    "notification.sent",
    "notification.suppressed",
    "notification.digest.*",
    "usage.measured",
)


def _nothing(_log: Recording, _do: Do, _types: Sequence[str]) -> None:
    """There is nothing to be wrong about it."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of what is done."""

    #: The name of the action that does it.
    action: Callable[[Do], str]
    #: Globs of what such a listener never hears, because it would never end.
    besides: tuple[str, ...] = ()
    #: Raises InvalidInput for what cannot be done in answer to events of these types.
    check: Callable[[Recording, Do, Sequence[str]], None] = _nothing
    #: What else `do` may hold.
    more: frozenset[str] = frozenset()


def kind_of(do: Do) -> str:
    """Which kind of thing is done. InvalidInput `do_invalid` when it is none, or several."""
    kinds = KINDS.keys() & do.keys()
    if len(kinds) != 1:
        what = f"A listener does one thing, not {', '.join(sorted(do)) or 'nothing'}."
        raise InvalidInput("do_invalid", what, f"Say one of: {', '.join(KINDS)}.")
    [kind] = kinds
    if others := sorted(do.keys() - {kind} - KINDS[kind].more):
        raise InvalidInput("do_invalid", f"A {kind} takes no {', '.join(others)}.", "Leave it out.")
    return kind


def types_for(on: Sequence[str], when: Any, do: Do | None) -> list[str]:
    """The types of events that a listener on these globs, under this pattern, can answer by what it does.

    InvalidInput `type_unknown`, `pattern_invalid`, `pattern_never_matches`, `do_invalid`.
    """
    unheard = set(types_like(() if do is None else left_out(on, do)))
    types = [type_ for type_ in check_types(on, when) if type_ not in unheard]
    if not types and do is not None:
        what = f"A {kind_of(do)} never hears of {' or '.join(on)}."
        raise InvalidInput("pattern_never_matches", what, "It would tell of itself without an end.")
    return types


def left_out(on: Sequence[str], do: Do) -> tuple[str, ...]:
    """Globs of what a listener on these globs does not hear: what would never end, and if it tells somebody,
    that others were told, unless a glob says so by its first word. InvalidInput `do_invalid`.
    """
    besides = KINDS[kind_of(do)].besides
    if not besides:
        return ()
    named = {glob.partition(".")[0] for glob in on}
    return (*besides, *(told for told in TOLD if told.partition(".")[0] not in named))


def _check_action(_log: Recording, do: Do, types: Sequence[str]) -> None:
    check(action := _exposed(do["action"]), do.get("with", {}), types)
    foreign = [] if not action.takes else [x for x in types if x not in {each.type for each in action.takes}]
    if foreign:
        what = f"{action.name} cannot answer {foreign[0]}."
        hint = f"It answers {', '.join(each.type for each in action.takes)}."
        raise InvalidInput("do_invalid", what, hint)


def _exposed(name: str) -> Action:
    action = ACTIONS.get(name)
    if action is not None and action.exposed:
        return action
    exposed = [each.name for each in ACTIONS.values() if each.exposed]
    close = get_close_matches(name, exposed, 3, 0.5)
    what = f"No listener can be made to run {name[:80]}."
    hint = f"Did you mean {' or '.join(close)}?" if close else f"There are {', '.join(sorted(exposed))}."
    raise InvalidInput("action_not_exposed", what, hint)


#: By the entry of `do`.
KINDS: dict[str, Kind] = {
    "webhook": Kind(action=lambda _do: "webhooks.deliver", besides=("webhook.**",)),
    "notify": Kind(
        action=lambda _do: "notifications.notify", besides=("notification.**",), check=check_notify
    ),
    "action": Kind(action=lambda do: str(do["action"]), check=_check_action, more=frozenset({"with"})),
}
