"""The sweep: finds what a crash, a lost message or the passing of time left behind, from the database alone.

It is never a message, may run in any number of places at once, and needs no broker.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
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
    swept = Swept()
    with _apart("sealing"):
        swept.sealed = log.catch_up()
    now = clock.now()
    with reading() as db:
        expired = _expired(db, now)
        due = db.execute(select(exists().where(_is_due(now)))).scalar_one()
        scopes = flows.overdue_scopes(db, now, BATCH)
        overdue = [(table, expire, key) for table, expire in DEADLINES for key in _overdue(db, table, now)]
    for reaction, stream in expired:
        with _apart(reaction):
            _expire(reaction, stream, now, swept)
    for scope in scopes:
        with _apart(scope):
            swept.settled += _settle_late(scope)
    for table, expire, (key, stream) in overdue:
        with _apart(key):
            swept.overdue += _pass_deadline(table, expire, key, stream)
    _notice_lost_broker()
    if due or swept.expired:
        swept.sent = _send_due()
    return swept


@contextmanager
def _apart(subject: object) -> Iterator[None]:
    """Let what goes wrong with one row hold up no other: the next pass looks at it again. Only a database
    that is away ends the pass.
    """
    try:
        yield
    except Exception:  # the engine's edge: a bug in one deadline must not end the recovery of everything
        _log.exception("sweep could not deal with a row", subject=subject)
        with reading() as db:
            db.execute(select(1))


def _is_due(now: datetime) -> ColumnElement[bool]:
    return rows.c.state.in_((READY, WAITING)) & (rows.c.wake_at <= now)


def _expired(db: Connection, now: datetime) -> list[tuple[str, str]]:
    query = select(rows.c.id, rows.c.stream).where(rows.c.state == RUNNING, rows.c.wake_at <= now)
    return [(row[0], row[1]) for row in db.execute(query.order_by(rows.c.wake_at).limit(BATCH))]


def _expire(reaction: str, stream: str, now: datetime, swept: Swept) -> None:
    """Take a lease away whose holder was not heard of: the reaction is tried again, or buried after its
    attempts.
    """
    faults.point("sweep.before_expire")
    with recording(stage="failure") as work:
        if not log.lock_if_free(work.db, stream) or not _take_lease_away(work.db, reaction, now):
            return
        loaded = work.open_reaction(reaction)
        assert loaded is not None  # noqa: S101 - narrows the type: its lease was there a moment ago
        swept.expired += 1
        action = ACTIONS.get(loaded.action)
        if action is None or loaded.attempt < action.attempts:
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


def _take_lease_away(db: Connection, reaction: str, now: datetime) -> bool:
    """Make a running reaction ready again; False when its lease is not over, or not any more."""
    over = (rows.c.id == reaction, rows.c.state == RUNNING, rows.c.wake_at <= now)
    again = {"state": READY, "wake_at": now, "fence": rows.c.fence + 1}
    return db.execute(update(rows).where(*over).values(again)).rowcount == 1


def _send_due() -> int:
    """Send what was never started, and what has waited long enough; returns how many messages were pushed."""
    if queue.broker_identity() is None:
        return 0  # nothing is marked as sent while the broker is away
    sent, give_up = 0, time.monotonic() + SEND_SECONDS
    while True:
        batch = _mark_sent(clock.now())
        faults.point("sweep.before_send")
        pushed = queue.send(batch, give_up=give_up)
        faults.point("sweep.after_send")
        sent += pushed
        if len(batch) < BATCH or pushed < len(batch) or time.monotonic() > give_up:
            return sent


def _mark_sent(now: datetime) -> list[Message]:
    with writing() as db:
        due = select(rows.c.id).where(_is_due(now)).order_by(rows.c.wake_at).limit(BATCH)
        # a common table is read once; PostgreSQL may run a subquery anew for each row, whatever its limit
        chosen = due.with_for_update(skip_locked=True).cte("chosen")
        marked = (
            update(rows)
            .where(rows.c.id.in_(select(chosen.c.id)), _is_due(now))
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
    query = select(key, table.c.stream).where(table.c.deadline_at <= now).order_by(table.c.deadline_at)
    return [(row[0], row[1]) for row in db.execute(query.limit(BATCH))]


def _pass_deadline(table: Table, expire: ExpireFunction, key: Any, stream: str) -> int:
    """Record that a row did not leave its state in time, unless it just has."""
    faults.point("sweep.before_deadline")
    with recording(stage="failure") as work:
        if not log.lock_if_free(work.db, stream):
            return 0
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
        noted = statement.on_conflict_do_update(
            index_elements=["name"], set_={"value": identity}, where=engine_state.c.value != identity
        )
        if db.execute(noted.returning(engine_state.c.name)).first() is None:
            return  # another sweep was faster
        unsent = update(rows).where(rows.c.state == READY)
        lost = db.execute(unsent.values(wake_at=clock.now(), sends=0)).rowcount
    if known is not None:
        _log.warning("broker was lost", sent_again=lost)
