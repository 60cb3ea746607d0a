"""The one transaction per result: events, what models fold from them, a reaction per listener, and the
counts.

When it has committed, `recorded` fires and its handler hands the new reactions to Celery.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from typing import Any

from blinker import Signal as BlinkerSignal
from sqlalchemy import ColumnElement, Connection

from app.engine import clock, configured, declared, faults, limits, log, queue, reactions
from app.engine.actions import ACTIONS
from app.engine.answering import Answers, Origin
from app.engine.counting import Counts
from app.engine.database import writing
from app.engine.folds import apply_folds
from app.engine.listeners import LISTENERS, Listener
from app.engine.queue import Message
from app.engine.reactions import Loaded
from app.engine.signal import Event, Signal, mark_recorded

#: Fires after each commit that made reactions, with `messages`: the list of them to hand over.
recorded = BlinkerSignal("recorded")
recorded.connect(queue.hand_off, weak=False)


class Recording:
    """An open transaction in which signals become events. Get one from `recording`."""

    def __init__(self, db: Connection, origin: Origin) -> None:
        self.db = db
        #: The instant at which what is recorded happens. Drawn under the lock: time never turns back in a
        #: stream.
        self.now: datetime = clock.now()
        self.origin = origin
        #: How many events each locked stream has.
        self._streams: dict[str, int] = {}
        #: The revision of the configured listeners, once it has been read.
        self._configured: int | None = None
        self._counts = Counts(db)
        self._answers = Answers(db, self._counts)
        #: Listeners of which an attempt may end in this transaction.
        self._ending: set[str] = set()
        #: The messages of the reactions that were made, once the transaction is complete.
        self.messages: list[Message] = []

    def lock(self, *streams: str) -> None:
        """Lock streams before anything is read to decide; a new stream is made.

        Name all of them in one call: they are locked in id order, so that no two transactions wait for each
        other. One that comes too late for its place in that order is locked only if nobody holds it (else
        OperationalError).
        """
        for stream in sorted(set(streams) - set(self._streams)):
            in_order = not self._streams or stream > max(self._streams)
            self._streams[stream] = log.lock_stream(self.db, stream, wait=in_order)
            self.now = clock.now()

    def open_reaction(self, reaction: str) -> Loaded | None:
        """Lock the stream of a reaction, read it, and let what is recorded from here on be its result.

        None when there is no such reaction.
        """
        log.lock_stream_of(self.db, reaction)
        loaded = reactions.load(self.db, reaction)
        if loaded is None:
            return None
        self._streams[loaded.stream] = loaded.counted
        self._ending.add(loaded.listener)
        self._answers.cancelled = loaded.flow if loaded.cancel_at else None
        if loaded.stalled and loaded.is_open and not loaded.follower:
            self._counts.touch([loaded.flow])
        self.now = clock.now()
        self.origin = Origin(
            actor=f"action:{loaded.action}",
            stage=self.origin.stage,
            event=loaded.event,
            reaction=loaded.id,
            scope=loaded.scope,
            follower=loaded.follower,
            apart=loaded.follower and loaded.action in ACTIONS and ACTIONS[loaded.action].exposed,
        )
        return loaded

    def record(self, signal: Signal) -> Event:
        """Append a signal to its stream, fold it, and make a reaction for every listener that it matches."""
        event = self._append(signal)
        mark_recorded(signal, event)
        if signal.ends and not event.follower:
            self._counts.end_flow(event.flow, signal.ends)
        apply_folds(self.db, signal)
        self._answers.react(event, self.origin, self.configured)
        for cut in self._answers.take_cut():
            self.record(cut)
        return event

    @property
    def configured(self) -> int:
        """The revision of the configured listeners under which all that is recorded here is matched."""
        if self._configured is None:
            self._configured = configured.here().refresh(self.db)
        return self._configured

    def _append(self, signal: Signal) -> Event:
        origin, led_here = self.origin, self.origin.event
        stream = signal.stream or (led_here.stream if led_here else f"/{signal.type.split('.')[0]}")
        self.lock(stream)
        self._streams[stream] += 1
        event_id = clock.new_id()
        apart = origin.apart and (signal.starts or signal.elsewhere)
        begins = led_here is None or (apart and not signal.elsewhere)
        flow = event_id if led_here is None or begins else led_here.flow
        flow, cause = signal.elsewhere or (flow, led_here.id if led_here else None)
        values: dict[str, Any] = {
            "id": event_id,
            "type": signal.type,
            "stream": stream,
            "sequence": self._streams[stream],
            "time": self.now,
            "subject": signal.subject or (led_here.subject if led_here else stream),
            "label": signal.label or (led_here.label if led_here else stream),
            "flow": flow,
            "cause": cause,
            "actor": origin.actor,
            "follower": origin.follower and not apart,
            "depth": led_here.depth + 1 if led_here else 0,
            "data": signal.model_dump(mode="json"),
        }
        bookkeeping = {
            "recorded_by": origin.reaction,
            "revision": LISTENERS.revision,
            "configured": self.configured,
        }
        serial, position = log.append(self.db, values | bookkeeping)
        event = Event(serial=serial, position=position, **values)
        if begins and signal.elsewhere is None:
            self._counts.begin_flow(flow, signal)
            if led_here is None:
                self.origin = replace(origin, event=event)
        return event

    @property
    def locked(self) -> list[str]:
        """The streams that this transaction has locked."""
        return list(self._streams)

    def end_reaction(self, reaction: Any) -> None:
        """Count a reaction (a row, or Loaded) that is open no more, and let the next one of its line go."""
        self._ending.add(reaction.listener)
        if not reaction.follower:
            self._counts.change(reaction.flow, reaction.scope, -1)
        if reaction.key is not None:
            self._answers.end((reaction.listener, reaction.stream, reaction.key), self.now)

    def reopen_reaction(self, reaction: Any, outcome: str | None) -> None:
        """Count a reaction (a row) that had ended as open again; `outcome` is how its flow would have ended
        without it.
        """
        if not reaction.follower:
            self._counts.reopen(reaction.flow, outcome)
            self._counts.change(reaction.flow, reaction.scope, +1)

    def hold(self, flow: str) -> None:
        """Let a flow be open, besides by its reactions, until `let_end`."""
        self._counts.change(flow, None, +1)

    def let_end(self, flow: str) -> None:
        """What `hold` held is over."""
        self._counts.change(flow, None, -1)

    def free_slots(self, listener: str) -> None:
        """Let those go on at the end that wait for a slot of a listener, as far as there are free ones."""
        self._ending.add(listener)

    def go_on(self, line: tuple[str, str, str]) -> None:
        """Let the next one of a line go: (listener, stream, key)."""
        self._answers.end(line, self.now)

    def fire(self, scope: str, parent: str | None, names: list[str]) -> list[str]:
        """Make the reactions of listeners that waited for a scope; returns those that this process does not
        know.
        """
        return self._answers.fire(scope, parent, names)

    def let_go(self, which: ColumnElement[bool], **also: Any) -> None:
        """Make reactions ready that waited, with `also` as further columns; their stream is locked."""
        self._answers.let_go(which, self.now, **also)

    def replay(self, listener: Listener, event: Event, generation: int) -> None:
        """Make a listener's reaction to a past event, whose stream is locked."""
        self._answers.replay(listener, event, generation)

    def cancel_flow(self, flow: str, until: datetime | None) -> None:
        """Let nothing new begin in a flow, but for followers; from `until` on what is at work is forced to
        end. None when the cancel is over.
        """
        self._answers.cancelled = flow if until else None
        self._counts.cancel(flow, until)

    def give_up(self, scope: str, names: list[str]) -> None:
        """Write down that listeners which waited for a scope will not answer: its flow is cancelled."""
        self._answers.give_up(scope, names)

    def complete(self) -> None:
        """Write what is written last: settled scopes, reactions, and the counts of flows, in a fixed
        order.
        """
        self._counts.settle(self._answers.fire, self.now)
        self.messages = self._answers.write(self.now)
        self._counts.write(self.now)
        self.messages += limits.release(self.db, self._ending, self.now)


@contextmanager
def recording(actor: str = "system", *, stage: str = "command") -> Iterator[Recording]:
    """A transaction in which signals become events; when it has committed, their reactions go to Celery.

    Nothing of it happens when the block raises.
    """
    declared.announce()
    with writing() as db:
        work = Recording(db, Origin(actor, stage))
        yield work
        work.complete()
        faults.point(f"{stage}.before_commit")
    faults.point(f"{stage}.after_commit")
    if work.messages:
        recorded.send(None, messages=work.messages)
