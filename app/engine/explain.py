"""Why a listener did or did not answer an event: for any event and any listener that there is or was."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select

from app.engine import declared, views
from app.engine.listeners import LISTENERS, Listener, Listeners
from app.engine.reactions import CANCELLED, DEAD, SKIPPED, WAITING
from app.engine.signal import Event
from app.engine.tables import events, scopes
from app.engine.views import Reaction


@dataclass(frozen=True, slots=True)
class Explanation:
    """Whether a listener answered an event, and why (not)."""

    listener: str
    fired: bool
    #: One word for machines: `fired`, `waiting`, `dead`, `skipped`, `loop`, `cancelled`, `waiting_to_settle`,
    #: `type_differs`, `condition_failed`, `not_declared_then`, `not_declared_now`, `unknown_revision`,
    #: `missing`.
    code: str
    #: One sentence for people.
    reason: str
    #: The reactions, of the live event first and then of its replays.
    reactions: tuple[Reaction, ...] = ()


def explain(db: Connection, event: Event, listener: str | None = None) -> list[Explanation]:
    """What became of an event at one listener, or at every one that is declared now or was then.

    A name that nobody has ever declared gives nothing.
    """
    query = select(events.c.revision).where(events.c.id == event.id)
    then = declared.set_of(db, db.execute(query).scalar_one())
    answers = views.answers_to(db, event.id)
    names = {x.name: None for x in (*(then.all() if then else ()), *LISTENERS.all())}
    names |= dict.fromkeys(answer.listener for answer in answers)
    if listener is not None:
        names = {listener: None} if listener in names or _was_ever(db, listener) else {}
    waiting = db.execute(select(scopes.c.waiting).where(scopes.c.id == event.id)).scalar() or {}
    return [
        _explained(name, event, then, [x for x in answers if x.listener == name], waiting) for name in names
    ]


def _was_ever(db: Connection, name: str) -> bool:
    return any(known and known.get(name) for known in (declared.set_of(db, x) for x in declared.ever(db)))


def _explained(
    name: str, event: Event, then: Listeners | None, answers: Sequence[Reaction], waiting: dict[str, Any]
) -> Explanation:
    live = [answer for answer in answers if answer.generation == 0]
    if live:
        code, reason = _of_reaction(live[0])
        again = f" It was replayed {len(answers) - 1} times." if len(answers) > 1 else ""
        fired = code not in ("loop", "cancelled", "skipped")
        return Explanation(name, fired, code, reason + again, tuple(answers))
    if name in waiting:
        reason = f"It waits for all that the event caused to end, until {waiting[name]} at the latest."
        return Explanation(name, False, "waiting_to_settle", reason, tuple(answers))
    code, reason = _of_declarations(name, event, then)
    if answers:
        reason += f" It was given the event {len(answers)} times by a replay."
    return Explanation(name, bool(answers), "replayed" if answers else code, reason, tuple(answers))


def _of_reaction(reaction: Reaction) -> tuple[str, str]:
    message = (reaction.failure or {}).get("message", "")
    if reaction.state == SKIPPED:
        code = "loop" if reaction.outcome == "loop" else "skipped"
        return code, f"Its reaction was skipped ({reaction.outcome}): {message or 'nothing else is known'}."
    if reaction.state == CANCELLED:
        return "cancelled", "Its reaction did not run to its end: the flow was cancelled."
    if reaction.state == DEAD:
        return "dead", f"It answered, and its reaction died: {message}."
    if reaction.state == WAITING:
        return "waiting", f"It answered; its reaction waits ({reaction.waits_for or 'until it is due'})."
    outcome = f" ({reaction.outcome})" if reaction.outcome else ""
    return "fired", f"It answered; its reaction is {reaction.state}{outcome}."


def _of_declarations(name: str, event: Event, then: Listeners | None) -> tuple[str, str]:
    if then is None:
        return "unknown_revision", "Nobody has written down which listeners the event was matched with."
    listener = then.get(name)
    if listener is None:
        return "not_declared_then", "The process that recorded the event did not declare it."
    gone = "" if LISTENERS.get(name) else " It is not declared here any more."
    if event.type not in listener.types:
        heard = ", ".join(listener.types)
        return "type_differs", f"It hears {heard}; the event is {event.type}.{gone}"
    if not listener.accepts(event.data):
        return "condition_failed", f"{_failed(listener, event)}{gone}"
    return "missing", f"It matches and has no reaction: that is a bug, please report it.{gone}"


def _failed(listener: Listener, event: Event) -> str:
    wrong = [name for name, allowed in listener.when.items() if event.data.get(name) not in allowed]
    name = wrong[0]
    allowed = " or ".join(repr(value) for value in listener.when[name])
    return f"Its condition wants {name} to be {allowed}; it is {event.data.get(name)!r}."
