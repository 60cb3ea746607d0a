"""Recovery: leases that ran out, listeners that waited long enough, states that lasted too long, and clocks
that were set back.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from operator import le

import structlog
from sqlalchemy import ColumnElement, Connection, Table, case, exists, select, update

from app.engine import faults, flows, log, reactions
from app.engine.actions import ACTIONS, BACKOFF_LONGEST
from app.engine.ahead import AHEAD, Late, with_deadlines
from app.engine.database import inserting, reading, writing
from app.engine.failing import bury
from app.engine.folds import ExpireFunction
from app.engine.jumps import LEAST, WATCH
from app.engine.queue import lease
from app.engine.reactions import READY, RESEND_LONGEST, RUNNING
from app.engine.recording import recording
from app.engine.signal import Failure
from app.engine.tables import engine_state
from app.engine.tables import reactions as rows

#: One pass handles at most so many rows of each kind; the next pass goes on.
BATCH = 500
#: That a pass has ended is written down once in so long, under this name.
SWEPT, NOTED = "swept", timedelta(seconds=5)

_log = structlog.get_logger()


@contextmanager
def apart(subject: object) -> Iterator[None]:
    """Let what goes wrong with one row hold up no other: the next pass looks at it again. Only a database
    that is away ends the pass.
    """
    try:
        yield
    except Exception:  # the engine's edge: a bug in one deadline must not end the recovery of everything
        _log.exception("sweep could not deal with a row", subject=subject)
        with reading() as db:
            db.execute(select(1))


@dataclass
class Expired:
    """How many leases were taken away, and how many of those reactions were buried."""

    expired: int = 0
    buried: int = 0


def expire_leases(now: datetime) -> Expired:
    """Take away the leases that are over by `now`."""
    found = Expired()
    with reading() as db:
        over = _expired(db, now)
    for reaction, stream in over:
        with apart(reaction):
            _expire(reaction, stream, now, found)
    return found


def pull_in(now: datetime) -> int:
    """Bring forward what nobody would look at for longer than anything waits: a clock was set back, or was
    wrong where it was written. Returns how many reactions that were. Delays and waits keep their instants.
    """
    longest = timedelta(seconds=max(RESEND_LONGEST, BACKOFF_LONGEST))
    soon = (rows.c.state == READY) | rows.c.waits_for.in_(("retry", "slot"))
    far = (soon & (rows.c.wake_at > now + longest)) | (
        (rows.c.state == RUNNING) & (rows.c.wake_at > now + lease() + LEAST)
    )
    with reading() as db:
        if not db.execute(select(exists().where(far))).scalar_one():
            return 0
    chosen = reactions.locked(select(rows.c.id).where(far).limit(BATCH), skip_locked=True)
    nearer = case((rows.c.state == RUNNING, now + lease()), else_=now)
    with writing() as db:
        moved = update(rows).where(chosen, far).values(wake_at=nearer).returning(rows.c.id)
        return len(db.execute(moved).all())


def last_pass() -> datetime | None:
    """When a pass has last ended, in any process; None when none ever has."""
    with reading() as db:
        noted = db.execute(select(engine_state.c.value).where(engine_state.c.name == SWEPT)).scalar()
    return None if noted is None else datetime.fromisoformat(noted)


def note_pass(now: datetime) -> None:
    """Write down now and then that a pass has ended."""
    last = last_pass()
    if last is not None and last <= now < last + NOTED:
        return
    with writing() as db:
        noted = inserting(db, engine_state).values(name=SWEPT, value=now.isoformat())
        db.execute(noted.on_conflict_do_update(index_elements=["name"], set_={"value": now.isoformat()}))


def settle_late_scopes(now: datetime) -> int:
    """Let the listeners fire that have waited for a scope for as long as they wanted to; returns how many."""
    with reading() as db:
        late = flows.overdue_scopes(db, now, BATCH)
    settled = 0
    for scope in late:
        with apart(scope):
            settled += _settle_late(scope)
    return settled


def pass_deadlines(now: datetime) -> int:
    """Record what did not leave its state in time; returns how many events that made."""
    with reading() as db:
        passed = with_deadlines(db, le, now)
        overdue = [late for table, expire in passed for late in _overdue(db, table, expire, now)]
    recorded = 0
    for late in (*overdue, *AHEAD.overdue()):
        with apart(late.key):
            recorded += _pass_deadline(late)
    return recorded


def _expired(db: Connection, now: datetime) -> list[tuple[str, str]]:
    query = select(rows.c.id, rows.c.stream).where(rows.c.state == RUNNING, _lease_over(now))
    return [(row[0], row[1]) for row in db.execute(query.order_by(rows.c.wake_at, rows.c.id).limit(BATCH))]


def _lease_over(now: datetime) -> ColumnElement[bool]:
    """Whoever lives extends a lease before another has passed."""
    return WATCH.over(rows.c.wake_at, now, most=lease())


def _expire(reaction: str, stream: str, now: datetime, found: Expired) -> None:
    """Take a lease away whose holder was not heard of: the reaction is tried again, or buried after its
    attempts.
    """
    faults.point("sweep.before_expire")
    with recording(stage="failure") as work:
        if not log.lock_if_free(work.db, stream) or not _take_lease_away(work.db, reaction, now):
            return
        loaded = work.open_reaction(reaction)
        assert loaded is not None  # noqa: S101 - narrows the type: its lease was there a moment ago
        found.expired += 1
        action = ACTIONS.get(loaded.action)
        if action is None or loaded.attempt < action.attempts:
            return
        found.buried += 1
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
    over = (rows.c.id == reaction, rows.c.state == RUNNING, _lease_over(now))
    again = {"state": READY, "due_at": now, "wake_at": now, "fence": rows.c.fence + 1}
    return db.execute(update(rows).where(*over).values(again)).rowcount == 1


def _settle_late(scope: str) -> int:
    """Let the listeners of a scope fire that have waited for as long as they wanted to."""
    with recording(stage="failure") as work:
        row = flows.lock_scope(work.db, scope)
        late = [
            name
            for name, until in row.waiting.items()
            if WATCH.is_over(datetime.fromisoformat(until), work.now)
        ]
        unknown = work.fire(scope, row.parent, late)
        retry = (work.now + timedelta(seconds=reactions.RESEND_SECONDS)).isoformat()
        waiting = {name: until for name, until in row.waiting.items() if name not in late}
        flows.still_waiting(work.db, scope, waiting | dict.fromkeys(unknown, retry))
        return len(late) - len(unknown)


def _overdue(db: Connection, table: Table, expire: ExpireFunction, now: datetime) -> list[Late]:
    key = next(iter(table.primary_key))
    query = select(key, table.c.stream, table.c.deadline_at).where(WATCH.over(table.c.deadline_at, now))
    found = db.execute(query.order_by(table.c.deadline_at, key).limit(BATCH))
    return [Late(table, expire, *row) for row in found]


def _pass_deadline(late: Late) -> int:
    """Record that a row did not leave its state in time, unless it just has."""
    faults.point("sweep.before_deadline")
    with recording(stage="failure") as work:
        if not log.lock_if_free(work.db, late.stream):
            return 0
        work.lock(late.stream)
        row = work.db.execute(late.again()).one_or_none()
        signal = None if row is None else late.expire(work.db, row, work.now)
        if signal is not None:
            work.record(signal)
        return int(signal is not None)
