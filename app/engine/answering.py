"""Which reactions an event gets: one per listener that it matches, unless they would go round for ever."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection

from app.engine import configured, log, ordering, reactions, waits
from app.engine.counting import Counts
from app.engine.facts import ReactionLooped
from app.engine.listeners import LISTENERS, Listener
from app.engine.queue import Message
from app.engine.rounds import Rounds
from app.engine.signal import Event


@dataclass(frozen=True, slots=True)
class Origin:
    """Where new events come from: a person's request, or a reaction's result."""

    actor: str = "system"
    #: What is being committed, for the fault points: "command", "result" or "failure".
    stage: str = "command"
    #: The event that led here.
    event: Event | None = None
    reaction: str | None = None
    scope: str | None = None
    follower: bool = False
    #: Whether what starts a flow starts one of its own: nothing of the flow at hand waits for it.
    apart: bool = False


class Answers:
    """The reactions that one transaction makes."""

    def __init__(self, db: Connection, counts: Counts) -> None:
        self._db, self._counts = db, counts
        self._rows: list[dict[str, Any]] = []
        self._lines: list[dict[str, Any]] = []
        #: The messages of reactions that waited and may go on now.
        self._let_go: list[Message] = []
        #: The flow that is being cancelled: nothing new begins in it, but for followers.
        self.cancelled: str | None = None
        self._cut: list[ReactionLooped] = []
        self._rounds = Rounds(db)

    def react(self, event: Event, origin: Origin, revision: int) -> None:
        """Let the waits go on that an event ends, and make a reaction for every listener that it matches, of
        those that are configured under a revision of them.
        """
        if LISTENERS.awaiting(event.type):
            gone_on = waits.end(self._db, event, self._rows)
            self._let_go += gone_on
            self._counts.touch(message.flow for message in gone_on)
        matching = LISTENERS.matching(event.type, event.data)
        matching += configured.here().matching(event, revision)
        if not matching:
            return
        waiting = [x for x in matching if x.within is not None and not event.follower]
        direct = [x for x in matching if x not in waiting]
        here = origin.event
        scope = origin.scope if here and event.flow == here.flow else None
        inside = event.id if waiting else scope
        parent = origin.reaction
        counted = sum([self._make(listener, event, inside, parent) for listener in direct])
        if not waiting:
            return
        if not counted:
            for listener in waiting:
                self._make(listener, event, scope, parent)
            return
        deadlines = {x.name: (event.time + timedelta(seconds=x.within or 0)).isoformat() for x in waiting}
        self._counts.begin_scope(event, scope, deadlines)

    def fire(self, scope: str, parent: str | None, names: list[str]) -> list[str]:
        """Make the reactions of listeners that waited for a scope; returns those that this process does not
        know.
        """
        event = log.require_event(self._db, scope)
        recorder = log.recorded_by(self._db, scope)
        for listener in filter(None, map(LISTENERS.get, names)):
            self._make(listener, event, parent, recorder)
        return [name for name in names if LISTENERS.get(name) is None]

    def replay(self, listener: Listener, event: Event, generation: int) -> None:
        """Make a listener's reaction to a past event: nothing waits for it, nothing has to settle first."""
        recorder = log.recorded_by(self._db, event.id)
        self._make(replace(listener, follower=True), event, None, recorder)
        self._rows[-1]["generation"] = generation

    def give_up(self, scope: str, names: list[str]) -> None:
        """Write down that listeners which waited for a scope will not answer: its flow is cancelled."""
        event = log.require_event(self._db, scope)
        for name in names:  # of one that this process does not know, the name is all that can be said
            listener = LISTENERS.get(name) or Listener(name, (event.type,), action=name[:100], outer=False)
            row = reactions.row_for(listener, event, scope=None, parent=None)
            reactions.cancel(row)
            self._rows.append(row)

    def _make(self, listener: Listener, event: Event, scope: str | None, parent: str | None) -> bool:
        """Make one reaction to an event that the reaction `parent` recorded; returns whether anything waits
        for it.
        """
        row = reactions.row_for(listener, event, scope=scope, parent=parent)
        self._rows.append(row)
        if why := self._rounds.cut(listener.name, event, parent):
            reactions.skip(row, why)
            if event.type != ReactionLooped.type:  # telling of it must not go round in its turn
                self._cut.append(ReactionLooped.about(row, event, why))
            return False
        if event.flow == self.cancelled and not row["follower"]:
            reactions.cancel(row)
            return False
        self._put_off(row, listener, event)
        if row["follower"]:
            row["scope"] = None
            return False
        if row["waits_for"] == waits.EVENT:  # nothing waits for it: who knows when a person comes
            row["scope"] = None
        self._counts.change(event.flow, row["scope"], +1)
        return bool(row["waits_for"] != waits.EVENT)

    def take_cut(self) -> list[ReactionLooped]:
        """What was not made because it would have gone round for ever, since this was asked for last."""
        cut, self._cut = self._cut, []
        return cut

    def _put_off(self, row: dict[str, Any], listener: Listener, event: Event) -> None:
        """Let a new reaction wait for what its listener says: its turn, its time, another event."""
        if listener.key is not None:
            row["key"], row["place"] = waits.key_of(event.data, listener.key), event.serial
            self._lines.append(row)
        elif listener.after is not None:
            reactions.put_off(row, "delay", event.time + timedelta(seconds=listener.after))
        elif listener.until:
            waits.begin(self._db, row, listener, event)

    def let_go(self, which: ColumnElement[bool], now: datetime, **also: Any) -> None:
        """Make reactions ready that waited, with `also` as further columns."""
        self._let_go += reactions.let_go(self._db, which, now, **also)

    def end(self, line: tuple[str, str, str], now: datetime) -> None:
        """The head of a line has ended: let the next one go."""
        self._let_go += ordering.next_in_line(self._db, line, now)

    def write(self, now: datetime) -> list[Message]:
        """Insert the reactions; returns the messages of those that are ready, and of those that waited and
        go on.
        """
        if self._lines:
            ordering.line_up(self._db, self._lines)
        return reactions.insert_many(self._db, self._rows, now) + self._let_go
