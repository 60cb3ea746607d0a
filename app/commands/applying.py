"""Bringing the configured listeners to what a list says: what is new, different and left out is found by
name, and is all done or not at all.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from app.commands.listeners import (
    CONDITION,
    Wish,
    change_listener,
    create_listener,
    delete_listener,
    disable_listener,
    resume_listener,
)
from app.commands.names import checked_name
from app.commands.signing import SecretFor
from app.engine import LISTENERS_STREAM, Recording
from app.engine.hearing import DISABLED
from app.errors import Conflict, InvalidInput, PlatformError
from app.models import listeners
from app.models.listeners import Configured

#: What is compared of a listener.
FIELDS = ("on", "when", *CONDITION, "do", "key")


@dataclass(frozen=True, slots=True)
class Listed:
    """What a list says of one listener. `enabled` None leaves it as it is."""

    wish: Wish
    enabled: bool | None = None


@dataclass(slots=True)
class Applied:
    """What was done: the names of what is new, the fields that were changed (what they were, what they are
    now), and the names of the others. `kept` are those that the list does not have, and which stay.
    """

    revision: int
    added: list[str] = field(default_factory=list)
    changed: dict[str, dict[str, tuple[Any, Any]]] = field(default_factory=dict)
    removed: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    #: The ids of those that are new or changed.
    ids: dict[str, str] = field(default_factory=dict)
    #: What is wrong, by its place in the list. Then nothing may be kept of what was done.
    mistakes: dict[int, PlatformError] = field(default_factory=dict)


def apply_listeners(
    log: Recording, wanted: Mapping[int, Listed], secret_for: SecretFor, *, prune: bool
) -> Applied:
    """Do what it takes; with `prune` remove what the list does not have."""
    log.lock(LISTENERS_STREAM)
    applied = Applied(log.configured)
    seen = set[str]()
    for place, one in wanted.items():
        try:
            name = checked_name(one.wish.name, "a listener")
            if name in seen:
                raise InvalidInput(
                    "name_twice", f"{name} stands in the list twice.", "Names tell them apart."
                )
            seen.add(name)
            _apply(log, one, listeners.named(log.db, name), secret_for, applied)
        except PlatformError as error:
            applied.mistakes[place] = error
    for other in listeners.besides(log.db, seen):
        (applied.removed if prune else applied.kept).append(other.name)
        if prune:
            delete_listener(log, other.id)
    return applied


def check_revision(applied: Applied, revision: int | None) -> None:
    """Conflict `listeners_changed` unless it is the one that somebody has seen, if that is given."""
    if revision is not None and revision != applied.revision:
        what = "Somebody has changed a listener since this was looked at."
        raise Conflict("listeners_changed", what, "Look at it again.")


def _apply(
    log: Recording, one: Listed, before: Configured | None, secret_for: SecretFor, applied: Applied
) -> None:
    wish = one.wish
    if before is None:
        found = create_listener(log, wish, secret_for)
        applied.added.append(found.name)
        applied.ids[found.name] = found.id
        _enable(log, found, one.enabled)
        return
    same = {name: getattr(wish, name) for name in ("on", "when", "do", "key", "condition")}
    change_listener(log, before.id, secret_for, **same)
    _enable(log, before, one.enabled)
    after = listeners.require(log.db, before.id)
    differences = _differences(before, after)
    if differences:
        applied.changed[before.name] = differences
        applied.ids[before.name] = before.id
    else:
        applied.unchanged.append(before.name)


def _enable(log: Recording, found: Configured, enabled: bool | None) -> None:
    if enabled is not None and enabled == (found.state == DISABLED):
        (resume_listener if enabled else disable_listener)(log, found.id)


def _differences(before: Configured, after: Configured) -> dict[str, tuple[Any, Any]]:
    """The fields that are different, with what they were and are."""
    pairs = {name: (before.spec.get(name), after.spec.get(name)) for name in FIELDS}
    pairs["enabled"] = (before.state != DISABLED, after.state != DISABLED)
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


def urls_to_check(known: Sequence[Configured], wishes: Mapping[int, Wish]) -> dict[int, str]:
    """The addresses in the list that no listener of that name calls now."""
    now = {one.name: one.spec["do"].get("webhook", {}).get("url") for one in known}
    asked = {place: (wish.name.strip(), wish.do.get("webhook")) for place, wish in wishes.items()}
    return {place: how["url"] for place, (name, how) in asked.items() if how and how["url"] != now.get(name)}
