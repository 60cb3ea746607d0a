"""Why a listener did or did not answer an event: for any event and any listener that there is or was."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from difflib import get_close_matches
from typing import Any

from sqlalchemy import Connection, select

from app.engine import clock, declared, unmatched, views
from app.engine.listeners import LISTENERS, Listener, Listeners
from app.engine.reactions import CANCELLED, DEAD, DONE, OPEN, SKIPPED, WAITING
from app.engine.signal import Event
from app.engine.tables import events, reactions, scopes
from app.engine.timeouts import TIMED_OUT
from app.engine.views import Reaction
from app.errors import NotFound

#: What of an event's data is shown at most.
LONGEST = 100


@dataclass(frozen=True, slots=True)
class Explanation:
    """Whether a listener answered an event, and why (not)."""

    listener: str
    fired: bool
    #: One word for machines: `fired`, `replayed` (by nothing else), `loop`, `cancelled`, `waiting_to_settle`,
    #: `waiting`, `timed_out`, `type_differs`, `condition_failed`, `not_declared_then`, `not_declared_now`,
    #: `unknown_then`, `disabled`, `missing`.
    code: str
    #: A sentence or two for people.
    reason: str
    #: Its answer: to the live event, else the newest of a replay.
    reaction: Reaction | None = None
    #: The live one is 0, those of replays count from 1.
    generations: tuple[int, ...] = ()


def explain(db: Connection, event: Event, listener: str | None = None) -> list[Explanation]:
    """What became of an event at one listener, or at every built-in one that was declared then or is now and
    at those that answered.

    NotFound `listener_not_found` for a name that no process has ever declared, and nobody configured.
    """
    one_pair = _Explaining(db, event)
    if listener is None:
        return [one_pair.explain(name) for name in one_pair.names]
    return [one_pair.explain(listener)]


class _Explaining:
    """What is known of an event, read once for all its listeners."""

    def __init__(self, db: Connection, event: Event) -> None:
        self.db, self.event = db, event
        revision = db.execute(select(events.c.revision).where(events.c.id == event.id)).scalar_one()
        self.then: Listeners | None = declared.set_of(db, revision)
        lately = declared.in_use(db, clock.now(), timedelta(seconds=declared.LATELY))
        others = [known for row in lately if (known := declared.set_of(db, row.revision))]
        self.now = {each.name: each for known in (*others, LISTENERS) for each in known.all()}
        # whoever waits is read first: one that fires meanwhile has its reaction when these are read
        self.waiting: Mapping[str, str] = (
            db.execute(select(scopes.c.waiting).where(scopes.c.id == event.id)).scalar() or {}
        )
        self.answers = views.answers_to(db, event.id)
        known_then = [each.name for each in self.then.all()] if self.then else []
        self.declared = dict.fromkeys([*known_then, *self.now])
        self.names = list(self.declared | dict.fromkeys(answer.listener for answer in self.answers))

    def explain(self, name: str) -> Explanation:
        """The event and one listener."""
        mine = [answer for answer in self.answers if answer.listener == name]
        generations = tuple(sorted(answer.generation for answer in mine))
        if mine and mine[0].generation == 0:
            fired, code, reason = _of_reaction(mine[0])
            again = f" It was given the event again by {_replays(mine[1:])}." if len(mine) > 1 else ""
            return Explanation(name, fired, code, reason + again, mine[0], generations)
        code, reason = self._of_declarations(name)
        if mine:
            reason = f"It was given the event by {_replays(mine)}. {reason}"
            return Explanation(name, True, "replayed", reason, mine[-1], generations)
        return Explanation(name, False, code, reason)

    def _of_declarations(self, name: str) -> tuple[str, str]:
        if name in self.waiting:
            return self._of_waiting(name)
        if name not in self.declared and (by_people := unmatched.why(self.db, self.event, name)) is not None:
            return by_people
        if name not in self.names and not declared.was_ever(self.db, name):
            like = get_close_matches(name, self.names, 3, 0.4)
            hint = f"Did you mean {' or '.join(like)}?" if like else "The map shows all: flask graph show."
            raise NotFound("listener_not_found", f"There is no listener {name!r}, and never was.", hint)
        if self.then is None:
            return "unknown_then", "Nobody has written down which listeners the event was matched with."
        listener = self.then.get(name)
        if listener is None and name in self.now:
            return "not_declared_then", "It is declared now, but was not where the event was recorded."
        if listener is None:
            return "not_declared_now", "It was declared neither where the event was recorded nor is it now."
        gone = "" if name in self.now else " It is not declared any more."
        if self.event.type not in listener.types:
            heard = " or ".join(listener.types)
            return "type_differs", f"It answers {heard}; this is {self.event.type}.{gone}"
        if not listener.accepts(self.event.data):
            return "condition_failed", f"{_refused(listener, self.event.data)}{gone}"
        return "missing", f"It should have answered and did not: report it, and replay the event.{gone}"

    def _of_waiting(self, name: str) -> tuple[str, str]:
        if name not in self.now:
            gone = "All that the event caused may have ended, but no process declares it now"
            return "not_declared_now", f"{gone}: it is made when one does that had it then."
        still = ", ".join(_open_in(self.db, self.event)) or "nothing"
        until = self.waiting[name]
        reason = f"It waits for all that the event caused to end, until {until} at most; open: {still}."
        return "waiting_to_settle", reason


def _of_reaction(reaction: Reaction) -> tuple[bool, str, str]:
    why = (reaction.failure or {}).get("message", "nothing else is known").rstrip(".")
    if reaction.state == SKIPPED and reaction.outcome == "loop":
        return False, "loop", f"It would go round for ever: {why}."
    if reaction.outcome == TIMED_OUT:
        instead = "that was recorded" if reaction.state == DONE else "nothing was to be recorded then"
        return False, "timed_out", f"It waited for another event, which did not come in time; {instead}."
    if reaction.state == WAITING:
        return True, "waiting", f"It answered; {reaction.action} waits {_for_what(reaction, why)}."
    if reaction.state == CANCELLED:
        begun = "while it was at work" if reaction.started_at else "before it began"
        return False, "cancelled", f"Its flow was cancelled {begun}."
    if reaction.state in (DEAD, SKIPPED):
        given_up = ", and was given up" if reaction.state == SKIPPED else ""
        return True, "fired", f"It answered, and died{given_up}: {why}."
    outcome = f" ({reaction.outcome})" if reaction.outcome else ""
    return True, "fired", f"It answered; {reaction.action} is {reaction.state}{outcome}."


def _for_what(reaction: Reaction, why: str) -> str:
    due = reaction.due_at and reaction.due_at.isoformat()
    return {
        "retry": f"until {due} for its next attempt, after: {why}",
        "key": f"for its turn behind others with {reaction.key!r}",
        "slot": "until fewer are at work",
        "rate": f"until {due} for its place in the rate",
        "delay": f"until {due}",
        "paused": "until its listener is resumed",
        "event": f"for another event with {reaction.key!r}, until {due} at most",
    }.get(reaction.waits_for or "", f"until {due}")


def _replays(answers: Sequence[Reaction]) -> str:
    which = ", ".join(f"{answer.generation} ({answer.state})" for answer in answers)
    return f"replay {which}" if len(answers) == 1 else f"replays {which}"


def _refused(listener: Listener, data: Mapping[str, Any]) -> str:
    """Which fields do not meet its condition."""
    wrong = [
        f"{name} to be {' or '.join(map(_shown, allowed))}; it is {_shown(data.get(name))}"
        for name, allowed in listener.when.items()
        if data.get(name) not in allowed
    ]
    return f"Its condition wants {', and '.join(wrong)}."


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."


def _open_in(db: Connection, event: Event) -> list[str]:
    """What keeps the scope of an event open: its unfinished reactions, also those in scopes inside it."""
    of_flow = (reactions.c.flow == event.flow, reactions.c.state.in_(OPEN), reactions.c.scope.is_not(None))
    query = select(reactions.c.action, reactions.c.state, reactions.c.scope).where(*of_flow)
    found = db.execute(query.order_by(reactions.c.id)).all()
    inside: dict[str | None, bool] = {event.id: True, None: False}
    return [f"{row.action} ({row.state})" for row in found if _is_inside(db, row.scope, inside)]


def _is_inside(db: Connection, scope: str | None, known: dict[str | None, bool]) -> bool:
    """Whether a scope is one of those that are `known` to be, or lies in one."""
    passed: list[str | None] = []
    while scope not in known:
        passed.append(scope)
        scope = db.execute(select(scopes.c.parent).where(scopes.c.id == scope)).scalar()
    known |= dict.fromkeys(passed, known[scope])
    return known[scope]
