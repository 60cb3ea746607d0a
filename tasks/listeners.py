"""What people may let Listeners do by themselves when something happens."""

from app.engine import LISTENERS_STREAM, Signal, action, conditions, current
from app.engine.facts import ConditionMet
from app.engine.hearing import ACTIVE, PAUSED
from app.engine.listeners import LISTENERS
from app.errors import PermanentError
from app.models import listeners
from app.signals.listeners import ListenerPaused, ListenerResumed


@action()
def note(event: Signal) -> ConditionMet | None:
    """Note an event for a listener that waits for several; tell once its condition is met."""
    return conditions.note(current().db, current().listener, event.recorded)


@action(exposed=True)
def pause(event: Signal, *, listener: str) -> ListenerPaused | None:
    """Let what a listener answers wait: one that is configured, by its id, or a built-in one, by its name."""
    name, state = _locked(listener)
    return ListenerPaused(listener_id=listener, name=name) if state == ACTIVE else None


@action(exposed=True)
def resume(event: Signal, *, listener: str) -> ListenerResumed | None:
    """Let a paused listener work off what has waited."""
    name, state = _locked(listener)
    return ListenerResumed(listener_id=listener, name=name) if state == PAUSED else None


def _locked(listener: str) -> tuple[str, str]:
    """The name and the state of a listener, which stays so until this attempt has ended."""
    current().lock(LISTENERS_STREAM)
    db = current().db
    if (built_in := LISTENERS.get(listener)) is not None:
        return built_in.name, listeners.state_of(db, listener)
    found = listeners.get(db, listener)
    if found is None:
        what = f"There is no listener {listener[:80]}."
        raise PermanentError("listener_not_found", what, "Correct the listener that asked, or remove it.")
    return found.name, found.state
