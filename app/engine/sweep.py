"""The sweep: finds what a crash, a lost message or the passing of time left behind, from the database alone.

It is never a message, may run in any number of places at once, and needs no broker.
"""

import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import ColumnElement, Connection, Table, case, exists, select, update
from sqlalchemy.dialects import postgresql, sqlite

from app.engine import clock, faults, flows, log, queue, reactions
from app.engine.actions import ACTIONS
from app.engine.database import is_postgres, reading, writing
from app.engine.folds import DEADLINES, ExpireFunction
from app.engine.queue import Message
from app.engine.reactions import READY, RUNNING, WAITING
from app.engine.recording import recording
from app.engine.running import bury
from app.engine.signal import Failure
from app.engine.tables import engine_state
from app.engine.tables import reactions as rows

#: One pass handles at most so many rows of each kind; the next pass goes on.
BATCH = 500
SEND_SECONDS = 5.0

_log = structlog.get_logger()


@dataclass
class Swept:
    """What one pass did."""

    sealed: int = 0
    sent: int = 0
    expired: int = 0
    buried: int = 0
    overdue: int = 0
    settled: int = 0

    def __bool__(self) -> bool:
        return any(vars(self).values())


def sweep() -> Swept:
    """One pass over everything that is open and due."""
    swept = Swept(sealed=log.catch_up())
    now = clock.now()
    with reading() as db:
        expired = _expired(db, now)
        due = db.execute(select(exists().where(_is_due(now)))).scalar_one()
        scopes = flows.overdue_scopes(db, now, BATCH)
        overdue = [(table, expire, key) for table, expire in DEADLINES for key in _overdue(db, table, now)]
    for reaction in expired:
        _expire(reaction, now, swept)
    for scope in scopes:
        swept.settled += _settle_late(scope)
    for table, expire, (key, stream) in overdue:
        swept.overdue += _pass_deadline(table, expire, key, stream)
    _notice_lost_broker()
    if due or swept.expired:
        swept.sent = _send_due()
    return swept


def _is_due(now: datetime) -> ColumnElement[bool]:
    return rows.c.state.in_((READY, WAITING)) & (rows.c.wake_at <= now)


def _expired(db: Connection, now: datetime) -> list[str]:
    query = select(rows.c.id).where(rows.c.state == RUNNING, rows.c.wake_at <= now)
    return list(db.execute(query.order_by(rows.c.wake_at).limit(BATCH)).scalars())


def _expire(reaction: str, now: datetime, swept: Swept) -> None:
    """Take a lease away whose holder was not heard of: the reaction is tried again, or buried after its
    attempts.
    """
    faults.point("sweep.before_expire")
    with recording(stage="failure") as work:
        loaded = work.open_reaction(reaction)
        if loaded is None or loaded.state != RUNNING or not loaded.wake_at or loaded.wake_at > now:
            return
        swept.expired += 1
        action = ACTIONS.get(loaded.action)
        if action is None or loaded.attempt < action.attempts:
            work.db.execute(
                update(rows)
                .where(rows.c.id == reaction, rows.c.fence == loaded.fence, rows.c.state == RUNNING)
                .values(state=READY, wake_at=now, fence=rows.c.fence + 1)
            )
            return
        swept.buried += 1
        message = (
            f"{loaded.attempt} workers that took it up were not heard of again (the last: {loaded.worker})"
        )
        hint = "It may kill its workers, or outlast its lease. Look into the workers' log around its start."
        failure = Failure(
            code="poison_event",
            stage=action.stage,
            message=message,
            hint=hint,
            attempt=loaded.attempt,
            max_attempts=action.attempts,
        )
        bury(work, loaded, failure)


def _send_due() -> int:
    """Send what was never started, and what has waited long enough; returns how many messages were pushed."""
    if queue.broker_identity() is None:
        return 0  # nothing is marked as sent while the broker is away
    sent = 0
    while True:
        batch = _mark_sent(clock.now())
        faults.point("sweep.before_send")
        pushed = queue.send(batch, give_up=time.monotonic() + SEND_SECONDS)
        faults.point("sweep.after_send")
        sent += pushed
        if len(batch) < BATCH or pushed < len(batch):
            return sent


def _mark_sent(now: datetime) -> list[Message]:
    with writing() as db:
        due = select(rows.c.id).where(_is_due(now)).order_by(rows.c.wake_at).limit(BATCH)
        marked = (
            update(rows)
            .where(rows.c.id.in_(due.with_for_update(skip_locked=True).scalar_subquery()), _is_due(now))
            .values(state=READY, sends=rows.c.sends + 1, wake_at=_next_send(now))
            .returning(rows.c.id, rows.c.action, rows.c.outer, rows.c.flow, rows.c.parent, rows.c.label)
        )
        return [reactions.message_of(row._mapping) for row in db.execute(marked)]


def _next_send(now: datetime) -> Any:
    steps: list[tuple[ColumnElement[bool], datetime]] = []
    delay = float(reactions.RESEND_SECONDS)
    while delay < reactions.RESEND_LONGEST:
        delay *= 2
        steps.append(
            (rows.c.sends == len(steps), now + timedelta(seconds=min(delay, reactions.RESEND_LONGEST)))
        )
    return case(*steps, else_=now + timedelta(seconds=reactions.RESEND_LONGEST))


def _settle_late(scope: str) -> int:
    """Let the listeners of a scope fire that have waited for as long as they wanted to."""
    with recording(stage="failure") as work:
        row = flows.lock_scope(work.db, scope)
        late = [name for name, until in row.waiting.items() if datetime.fromisoformat(until) <= work.now]
        unknown = work.fire(scope, row.parent, late)
        retry = (work.now + timedelta(seconds=reactions.RESEND_SECONDS)).isoformat()
        waiting = {name: until for name, until in row.waiting.items() if name not in late}
        flows.still_waiting(work.db, scope, waiting | dict.fromkeys(unknown, retry))
        return len(late) - len(unknown)


def _overdue(db: Connection, table: Table, now: datetime) -> list[tuple[Any, str]]:
    key = next(iter(table.primary_key))
    query = select(key, table.c.stream).where(table.c.deadline_at <= now).limit(BATCH)
    return [(row[0], row[1]) for row in db.execute(query)]


def _pass_deadline(table: Table, expire: ExpireFunction, key: Any, stream: str) -> int:
    """Record that a row did not leave its state in time, unless it just has."""
    faults.point("sweep.before_deadline")
    with recording(stage="failure") as work:
        work.lock(stream)
        query = select(table).where(next(iter(table.primary_key)) == key, table.c.deadline_at <= work.now)
        row = work.db.execute(query).one_or_none()
        signal = None if row is None else expire(work.db, row, work.now)
        if signal is not None:
            work.record(signal)
        return int(signal is not None)


def _notice_lost_broker() -> None:
    """A broker that is not the one of the last pass has lost its messages: everything that is ready is sent
    anew.
    """
    identity = queue.broker_identity()
    if identity is None:
        return
    with reading() as db:
        known = db.execute(select(engine_state.c.value).where(engine_state.c.name == "broker")).scalar()
    if known == identity:
        return
    with writing() as db:
        dialect = postgresql if is_postgres(db) else sqlite
        statement = dialect.insert(engine_state).values(name="broker", value=identity)
        db.execute(statement.on_conflict_do_update(index_elements=["name"], set_={"value": identity}))
        unsent = update(rows).where(rows.c.state == READY)
        lost = db.execute(unsent.values(wake_at=clock.now(), sends=0)).rowcount
    if known is not None:
        _log.warning("broker was lost", sent_again=lost)
