"""Watching from beside the platform: what is open, and how long it takes to go on after each fault."""

import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import func, select

from app.engine import now, reading
from app.engine.flows import RUNNING
from app.engine.reactions import RUNNING as AT_WORK
from app.engine.reactions import WAITING
from app.engine.tables import events, flows, reactions

PAUSE = 0.15


@dataclass(frozen=True)
class State:
    """What matters of an open reaction: has anybody taken it up since?"""

    state: str
    fence: int
    attempt: int

    def went_on(self, later: "State | None") -> bool:
        if later is None or later.state == WAITING:
            return True
        if later.state == AT_WORK:
            return (self.state, self.fence) != (AT_WORK, later.fence)
        return later.attempt > self.attempt


@dataclass
class Fault:
    """One thing that was done to the platform, and how it came over it."""

    kind: str
    target: str
    kill: bool
    at: datetime = field(default_factory=now)
    #: From when on it could recover: the end of a fault that lasts.
    over_at: float = 0.0
    #: What was open then and has not gone on yet.
    held: dict[str, State] = field(default_factory=dict)
    #: Seconds until everything that was open had gone on.
    recovered: float | None = None
    #: Seconds until anything was recorded again.
    next_event: float | None = None


class Watch:
    """Looks into the database again and again, in a thread of its own."""

    def __init__(self) -> None:
        self.faults: list[Fault] = []
        self.open: dict[str, State] = {}
        self.running_flows = 0
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._look_on, name="watch", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Look a last time."""
        self._stopping.set()
        self._thread.join()
        with suppress(Exception):
            self._look()

    def note(self, kind: str, target: str, *, kill: bool) -> Fault:
        """A fault that strikes now; call `over` when it can be recovered from."""
        fault = Fault(kind, target, kill)
        with self._lock:
            self.faults.append(fault)
        return fault

    def over(self, fault: Fault) -> None:
        """From now on the platform has to come over this fault."""
        with self._lock:
            fault.held = {name: state for name, state in self.open.items() if state.state != WAITING}
            fault.over_at = time.monotonic()

    @property
    def kills(self) -> int:
        return sum(fault.kill for fault in self.faults)

    def _look_on(self) -> None:
        while not self._stopping.wait(PAUSE):
            try:
                self._look()
            except Exception:  # noqa: S112 - the database may be away; what it never tells is counted afterwards
                continue

    def _look(self) -> None:
        columns = (reactions.c.id, reactions.c.state, reactions.c.fence, reactions.c.attempt)
        with reading() as db:
            rows = db.execute(select(*columns).where(reactions.c.wake_at.is_not(None))).all()
            running = db.execute(select(func.count()).where(flows.c.state == RUNNING)).scalar_one()
        with self._lock:
            self.open = {row.id: State(row.state, row.fence, row.attempt) for row in rows}
            self.running_flows = running
            for fault in self.faults:
                if fault.over_at and fault.recovered is None:
                    self._follow(fault)

    def _follow(self, fault: Fault) -> None:
        fault.held = {
            name: state for name, state in fault.held.items() if not state.went_on(self.open.get(name))
        }
        if not fault.held:
            fault.recovered = time.monotonic() - fault.over_at

    def find_next_events(self) -> None:
        """After the run: when each fault was followed by an event."""
        with reading() as db:
            for fault in self.faults:
                after = select(func.min(events.c.time)).where(events.c.time > fault.at)
                found = db.execute(after).scalar()
                fault.next_event = found and (found - fault.at).total_seconds()
