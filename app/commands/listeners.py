"""Configuring listeners: what they wait for, what they do, and whether they do it now."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from app.commands.conditions import KINDS as CONDITIONS
from app.commands.conditions import checked_condition
from app.commands.doing import KINDS, kind_of, left_out, types_for
from app.commands.names import checked_name
from app.commands.signing import OVERLAP, SecretFor, kinds_of, sign_anew
from app.engine import LISTENERS_STREAM, Recording, new_id
from app.engine.actions import ACTIONS, Action
from app.engine.facts import ConditionMet
from app.engine.hearing import ACTIVE, DISABLED, PAUSED
from app.engine.listeners import LISTENERS
from app.engine.signal import SIGNALS
from app.errors import Conflict, InvalidInput
from app.models import listeners, webhooks
from app.models.listeners import Configured
from app.signals.listeners import (
    ListenerCreated,
    ListenerDeleted,
    ListenerDisabled,
    ListenerPaused,
    ListenerResumed,
    ListenerUpdated,
)

#: The fields of a condition.
CONDITION = (*CONDITIONS, "for_each")


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody wants of a listener."""

    name: str
    on: Sequence[str]
    do: Mapping[str, Any]
    when: Mapping[str, Any] | None = None
    key: str | None = None
    #: Over several events: `count`, `then` or `unless`, and `for_each`.
    condition: Mapping[str, Any] = field(default_factory=dict)


def create_listener(log: Recording, wish: Wish, secret_for: SecretFor) -> Configured:
    """Configure a listener. What calls of a webhook are signed with `secret_for` makes.

    InvalidInput `name_invalid`, `type_unknown`, `pattern_invalid`, `pattern_never_matches`, `key_unknown`,
    `do_invalid`, `condition_invalid`, `for_each_unknown`, and what else its kind of `do` refuses; Conflict
    `listener_exists`.
    """
    log.lock(LISTENERS_STREAM)
    fields = _checked(log, wish)
    listener_id = new_id()
    log.record(ListenerCreated(listener_id=listener_id, **fields))
    sign_anew(log, listener_id, wish.do, secret_for)
    return listeners.require(log.db, listener_id)


def change_listener(log: Recording, listener_id: str, secret_for: SecretFor, **changes: Any) -> Configured:
    """Change what is named of a listener (the fields of `Wish`); what stays the same records nothing. A
    webhook that is to be signed otherwise is signed with the old secrets besides for a day.

    Raises what `create_listener` does, and NotFound `listener_not_found`. The kind of `do` stays, and the
    action that it names: what is open already is to be answered by it.
    """
    log.lock(LISTENERS_STREAM)
    before = listeners.require(log.db, listener_id)
    spec = before.spec
    condition = {name: spec.get(name) for name in CONDITION}
    was = Wish(before.name, spec["on"], spec["do"], spec["when"], spec["key"], condition)
    wish = replace(was, **{**changes, "condition": condition | changes.get("condition", {})})
    if KINDS[kind_of(wish.do)].action(wish.do) != spec["action"]:
        hint = "Configure another listener for that."
        raise InvalidInput("do_invalid", f"What {before.name} runs is {spec['action']}.", hint)
    fields = _checked(log, wish, itself=listener_id)
    if wish != was:
        log.record(ListenerUpdated(listener_id=listener_id, **fields))
    if kinds_of(wish.do) != kinds_of(was.do):
        sign_anew(log, listener_id, wish.do, secret_for, OVERLAP)
    return listeners.require(log.db, listener_id)


def delete_listener(log: Recording, listener_id: str) -> None:
    """Remove a listener; what it had to answer by then comes to nothing. NotFound `listener_not_found`."""
    log.lock(LISTENERS_STREAM)
    found = listeners.require(log.db, listener_id)
    log.record(ListenerDeleted(listener_id=found.id, name=found.name))
    webhooks.forget_secrets(log.db, found.id)


def pause_listener(log: Recording, listener_id: str) -> str:
    """Let what a listener answers wait, a built-in one's as well; returns its state. Twice is harmless.

    NotFound `listener_not_found`; Conflict `listener_disabled`.
    """
    name, state = _locked(log, listener_id)
    if state == DISABLED:
        raise Conflict("listener_disabled", f"{name} is disabled and hears nothing.", "Resume it first.")
    if state == ACTIVE:
        log.record(ListenerPaused(listener_id=listener_id, name=name))
    return PAUSED


def resume_listener(log: Recording, listener_id: str) -> str:
    """Let a listener work off what has waited, or hear again; returns its state. Twice is harmless.

    NotFound `listener_not_found`.
    """
    name, state = _locked(log, listener_id)
    if state != ACTIVE:
        log.record(ListenerResumed(listener_id=listener_id, name=name))
    return ACTIVE


def disable_listener(log: Recording, listener_id: str) -> str:
    """Let a configured listener hear nothing any more; returns its state. NotFound `listener_not_found`."""
    log.lock(LISTENERS_STREAM)
    found = listeners.require(log.db, listener_id)
    if found.state != DISABLED:
        log.record(ListenerDisabled(listener_id=found.id, name=found.name, reason="manual"))
    return DISABLED


def _locked(log: Recording, listener_id: str) -> tuple[str, str]:
    """The name and state of a listener, configured or built in."""
    log.lock(LISTENERS_STREAM)
    built_in = LISTENERS.get(listener_id)
    if built_in is not None:
        return built_in.name, listeners.state_of(log.db, listener_id)
    found = listeners.require(log.db, listener_id)
    return found.name, found.state


def _checked(log: Recording, wish: Wish, *, itself: str | None = None) -> dict[str, Any]:
    """The fields of a fact that says what a listener is."""
    name = checked_name(wish.name, "a listener")
    other = listeners.named(log.db, name)
    if other is not None and other.id != itself:
        hint = "Change that one, or take another name."
        raise Conflict("listener_exists", f"There is a listener called {name} already.", hint)
    kind = KINDS[kind_of(wish.do)]
    types = types_for(wish.on, wish.when, wish.do)
    condition = checked_condition(wish.condition, types, wish.do)
    answered = [ConditionMet.type] if condition else types
    kind.check(log, wish.do, answered)
    action = ACTIONS[kind.action(wish.do)]
    _check_key(wish, action, answered)
    return {
        **condition,
        "name": name,
        "on": tuple(wish.on),
        "besides": (*left_out(wish.on, wish.do), *([ConditionMet.type] if condition else [])),
        "when": wish.when,
        "do": dict(wish.do),
        "key": wish.key,
        "action": action.name,
        "outer": action.outer,
    }


def _check_key(wish: Wish, action: Action, types: Sequence[str]) -> None:
    if wish.key is None:
        return
    if not action.outer:
        what = f"{action.name} needs no key: what is decided in a site is decided one after the other."
        raise InvalidInput("key_unknown", what, "Leave the key out.")
    if not any(wish.key in SIGNALS[each].model_fields for each in types):
        what = f"No event of {' or '.join(wish.on)} has a field {wish.key}."
        raise InvalidInput("key_unknown", what, "Name a field of the events' data.")
