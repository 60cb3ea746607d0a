"""The one transaction per result: events, what models fold from them, a reaction per listener, and the
counts.

When it has committed, `recorded` fires and its handler hands the new reactions to Celery.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from blinker import Signal as BlinkerSignal
from sqlalchemy import Connection

from app.engine import clock, faults, flows, log, queue, reactions
from app.engine.database import writing
from app.engine.folds import apply_folds
from app.engine.listeners import LISTENERS, Listener
from app.engine.queue import Message
from app.engine.reactions import Loaded
from app.engine.signal import Event, Signal, mark_recorded

#: Fires after each commit that made reactions, with `messages`: the list of them to hand over.
recorded = BlinkerSignal("recorded")
recorded.connect(queue.hand_off, weak=False)


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


class Recording:
    """An open transaction in which signals become events. Get one from `recording`."""

    def __init__(self, db: Connection, origin: Origin) -> None:
        self.db = db
        #: The instant at which what is recorded happens. Drawn under the lock: time never turns back in a
        #: stream.
        self.now: datetime = clock.now()
        self.origin = origin
        #: How many events each locked stream has.
        self._counts: dict[str, int] = {}
        self._reactions: list[dict[str, Any]] = []
        self._first: dict[str, Signal] = {}
        self._opened: defaultdict[str, int] = defaultdict(int)
        self._ends: dict[str, str] = {}
        self._in_scopes: defaultdict[str | None, int] = defaultdict(int)
        self._new_scopes: list[str] = []
        self._ancestry: dict[str, Counter[tuple[str, str]]] = {}
        #: The messages of the reactions that were made, once the transaction is complete.
        self.messages: list[Message] = []

    def lock(self, *streams: str) -> None:
        """Lock streams before anything is read to decide; a new stream is made.

        Name all of them in one call: they are locked in id order, so that no two transactions wait for each
        other. One that comes too late for its place in that order is locked only if nobody holds it (else
        OperationalError).
        """
        for stream in sorted(set(streams) - set(self._counts)):
            in_order = not self._counts or stream > max(self._counts)
            self._counts[stream] = log.lock_stream(self.db, stream, wait=in_order)
            self.now = clock.now()

    def open_reaction(self, reaction: str) -> Loaded | None:
        """Lock the stream of a reaction, read it, and let what is recorded from here on be its result.

        None when there is no such reaction.
        """
        log.lock_stream_of(self.db, reaction)
        loaded = reactions.load(self.db, reaction)
        if loaded is None:
            return None
        self._counts[loaded.stream] = loaded.counted
        self.now = clock.now()
        self.origin = Origin(
            actor=f"action:{loaded.action}",
            stage=self.origin.stage,
            event=loaded.event,
            reaction=loaded.id,
            scope=loaded.scope,
            follower=loaded.follower,
        )
        return loaded

    def record(self, signal: Signal) -> Event:
        """Append a signal to its stream, fold it, and make a reaction for every listener that it matches."""
        event = self._append(signal)
        mark_recorded(signal, event)
        if signal.ends and not event.follower:
            self._ends[event.flow] = signal.ends
        apply_folds(self.db, signal)
        matching = LISTENERS.matching(event.type, event.data)
        if matching:
            self._react(event, matching)
        return event

    def _append(self, signal: Signal) -> Event:
        origin, led_here = self.origin, self.origin.event
        stream = signal.stream or (led_here.stream if led_here else f"/{signal.type.split('.')[0]}")
        self.lock(stream)
        self._counts[stream] += 1
        event_id = clock.new_id()
        flow, cause = signal.elsewhere or ((led_here.flow, led_here.id) if led_here else (event_id, None))
        values: dict[str, Any] = {
            "id": event_id,
            "type": signal.type,
            "stream": stream,
            "sequence": self._counts[stream],
            "time": self.now,
            "subject": signal.subject or (led_here.subject if led_here else stream),
            "label": signal.label or (led_here.label if led_here else stream),
            "flow": flow,
            "cause": cause,
            "actor": origin.actor,
            "follower": origin.follower,
            "depth": led_here.depth + 1 if led_here else 0,
            "data": signal.model_dump(mode="json"),
        }
        bookkeeping = {"recorded_by": origin.reaction, "revision": LISTENERS.revision}
        serial, position = log.append(self.db, values | bookkeeping)
        event = Event(serial=serial, position=position, **values)
        if led_here is None and signal.elsewhere is None:
            self._first[flow] = signal
            self.origin = replace(origin, event=event)
        return event

    def _react(self, event: Event, matching: list[Listener]) -> None:
        waiting = [x for x in matching if x.within is not None and not event.follower]
        direct = [x for x in matching if x not in waiting]
        here = self.origin.event
        scope = self.origin.scope if here and event.flow == here.flow else None
        inside = event.id if waiting else scope
        parent = self.origin.reaction
        counted = sum([self._make(listener, event, inside, parent) for listener in direct])
        if not waiting:
            return
        if not counted:
            for listener in waiting:
                self._make(listener, event, scope, parent)
            return
        deadlines = {x.name: (event.time + timedelta(seconds=x.within or 0)).isoformat() for x in waiting}
        flows.insert_scope(self.db, event, scope, deadlines)
        self._new_scopes.append(event.id)

    def _make(self, listener: Listener, event: Event, scope: str | None, parent: str | None) -> bool:
        """Make one reaction to an event that the reaction `parent` recorded; returns whether anything waits
        for it.
        """
        row = reactions.row_for(listener, event, scope=scope, parent=parent, now=self.now)
        self._reactions.append(row)
        if event.depth >= reactions.MOST_REPEATS and (why := self._goes_round(listener, event, parent)):
            reactions.skip(row, why, self.now)
            return False
        if row["follower"]:
            row["scope"] = None
            return False
        self._opened[event.flow] += 1
        self._in_scopes[scope] += 1
        return True

    def _goes_round(self, listener: Listener, event: Event, parent: str | None) -> str | None:
        if event.depth > reactions.DEEPEST:
            return f"{event.depth} reactions led here one by one; at most {reactions.DEEPEST} may"
        if parent is None:
            return None
        if parent not in self._ancestry:
            self._ancestry[parent] = reactions.repeats(self.db, parent)
        if self._ancestry[parent][listener.name, event.stream] < reactions.MOST_REPEATS:
            return None
        return f"{listener.name} has answered {reactions.MOST_REPEATS} times along this line of causes"

    def end_reaction(self, reaction: Loaded) -> None:
        """Count a reaction that is open no more."""
        if not reaction.follower:
            self._opened[reaction.flow] -= 1
            self._in_scopes[reaction.scope] -= 1

    def fire(self, scope: str, parent: str | None, names: list[str]) -> list[str]:
        """Make the reactions of listeners that waited for a scope; returns those that this process does not
        know.
        """
        event = log.require_event(self.db, scope)
        recorder = log.recorded_by(self.db, scope)
        for listener in filter(None, map(LISTENERS.get, names)):
            self._make(listener, event, parent, recorder)
        return [name for name in names if LISTENERS.get(name) is None]

    def complete(self) -> None:
        """Write what is written last: settled scopes, reactions, and the counts of flows, in a fixed
        order.
        """
        for scope in reversed(self._new_scopes):
            self._settle(scope)
        while self._in_scopes:
            self._settle(next(iter(self._in_scopes)))
        self.messages = reactions.insert_many(self.db, self._reactions, self.now)
        for flow in sorted({*self._first, *self._ends, *self._opened}):
            opened, end = self._opened[flow], self._ends.get(flow)
            if flow in self._first:
                flows.insert_flow(self.db, flow, self._first[flow], opened, end)
            elif opened or end:
                flows.count_flow(self.db, flow, opened, end, self.now)

    def _settle(self, scope: str | None) -> None:
        """Write a scope's count. Children come before their parents, or a parent would seem settled too
        early.
        """
        delta = self._in_scopes.pop(scope, 0)
        if not delta or scope is None:
            return
        row = flows.count_scope(self.db, scope, delta)
        before = row.open - delta
        if before <= 0 < row.open:
            self._in_scopes[row.parent] += 1
        elif row.open <= 0 < before:
            self._in_scopes[row.parent] -= 1
            if row.waiting:
                unknown = self.fire(scope, row.parent, list(row.waiting))
                flows.still_waiting(self.db, scope, dict.fromkeys(unknown, self.now.isoformat()))


@contextmanager
def recording(actor: str = "system", *, stage: str = "command") -> Iterator[Recording]:
    """A transaction in which signals become events; when it has committed, their reactions go to Celery.

    Nothing of it happens when the block raises.
    """
    with writing() as db:
        work = Recording(db, Origin(actor, stage))
        yield work
        work.complete()
        faults.point(f"{stage}.before_commit")
    faults.point(f"{stage}.after_commit")
    if work.messages:
        recorded.send(None, messages=work.messages)
