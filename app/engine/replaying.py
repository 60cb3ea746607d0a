"""Working replays off: the sweep makes their reactions part by part, no faster than asked for and never far
ahead of the workers.
"""

import math
import time
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Row, exists, func, select, update

from app.engine import configured, past, replays
from app.engine.database import reading
from app.engine.facts import ReplayCompleted, replay_stream
from app.engine.hearing import DISABLED, Hearing
from app.engine.reactions import DONE, OPEN, RESEND_SECONDS, RUNNING
from app.engine.recording import Recording, recording
from app.engine.recovery import apart
from app.engine.tables import reactions
from app.engine.tables import replays as rows

#: So many reactions of one replay are open at most, so that what happens now need not queue behind the past.
AHEAD = 500
#: A replay that stood still catches up with what its rate would have allowed within so many seconds.
CATCH_UP = 1.0
#: One pass makes reactions for so many seconds; one that waits for the workers is looked at that often.
PASS_SECONDS, LOOK_SECONDS = 2.0, 1.0
LONGEST = timedelta(seconds=1 / past.SLOWEST + LOOK_SECONDS)
#: At least so many events are looked at together: those that get no reaction cost none of the rate.
FEW = 20


def advance(now: datetime) -> int:
    """Make the reactions of replays that are due by now; returns how many."""
    with reading() as db:
        found = list(db.execute(select(rows.c.id).where(_is_due(now)).order_by(rows.c.wake_at)).scalars())
    give_up = time.monotonic() + PASS_SECONDS
    made = 0
    for replay in found:
        with apart(replay):
            made += _make_parts(replay, give_up)
    return made


def _make_parts(replay: str, give_up: float) -> int:
    made = 0
    while (part := _make_part(replay)) is not None:
        made += part
        if time.monotonic() > give_up:
            break
    return made


def _is_due(now: datetime) -> ColumnElement[bool]:
    """What may go on by now; what is put off for longer than any rate is so by a wrong clock."""
    return (rows.c.wake_at <= now) | (rows.c.wake_at > now + LONGEST)


def _make_part(replay: str) -> int | None:
    """Make some of a replay's reactions; None when it is not due, or another sweep is at it."""
    with recording(stage="replay") as work:
        due = rows.c.id == replay, rows.c.state == RUNNING, _is_due(work.now)
        row = work.db.execute(select(rows).where(*due).with_for_update(skip_locked=True)).one_or_none()
        if row is None:
            return None
        hearing = configured.find(work.db, row.listener)
        if row.cursor >= row.until or (row.most is not None and row.made >= row.most):
            _complete_if_ended(work, row)
        elif hearing is None and configured.is_deleted(work.db, row.listener):
            replays.cancel(work, row.id)
        elif hearing is None or hearing.state == DISABLED:  # one that knows it, or resumes it, lets it go on
            _put_off(work, row, RESEND_SECONDS)
        elif (allowed := _allowed(work, row)) <= 0:
            _put_off(work, row, LOOK_SECONDS)
        else:
            return _advance(work, row, hearing, allowed)
        return 0


def _advance(work: Recording, row: Row[Any], hearing: Hearing, allowed: int) -> int:
    """Make up to so many reactions to the next events, and move the cursor behind what was looked at."""
    limit = max(FEW, min(allowed, past.BATCH))
    found = past.read(work.db, hearing.listener, row.cursor, row.until, limit)
    work.lock(*{event.stream for event in found})
    known = set[str]() if row.again else past.answered(work.db, hearing.listener, found)
    cursor, counted = row.cursor, {"matched": 0, "made": 0, "suppressed": 0}
    for event in found:
        if counted["made"] >= allowed:
            break
        cursor = past.place(event)
        if hearing.accepts(event):
            counted["matched"] += 1
            counted["suppressed" if event.id in known else "made"] += 1
            if event.id not in known:
                work.replay(hearing.listener, event, row.generation)
    else:
        cursor = row.until if len(found) < limit else cursor
    totals = {name: rows.c[name] + by for name, by in counted.items()}
    following = {"cursor": cursor, "wake_at": _next(work, row, counted["made"])}
    work.db.execute(update(rows).where(rows.c.id == row.id).values(totals | following))
    return counted["made"]


def _allowed(work: Recording, row: Row[Any]) -> int:
    """How many reactions may be made now: as the rate and the most have it, and as the workers keep up."""
    at_work = replays.generation_of(row), reactions.c.state.in_(OPEN)
    ahead = AHEAD - int(work.db.execute(select(func.count()).where(*at_work)).scalar_one())
    ahead = ahead if row.most is None else min(ahead, row.most - row.made)
    if row.rate is None:
        return ahead
    unused: float = (work.now - _since(work, row)).total_seconds() * row.rate
    return min(ahead, 1 + math.floor(unused))


def _next(work: Recording, row: Row[Any], made: int) -> datetime:
    """When the rate allows the next reaction."""
    return work.now if row.rate is None else _since(work, row) + timedelta(seconds=made / row.rate)


def _since(work: Recording, row: Row[Any]) -> datetime:
    """From when on the rate has not been used up."""
    earliest: datetime = max(row.wake_at, work.now - timedelta(seconds=CATCH_UP))
    return earliest


def _complete_if_ended(work: Recording, row: Row[Any]) -> None:
    """End a replay all of whose reactions were made, once none of them is open any more."""
    open_now = exists().where(replays.generation_of(row), reactions.c.state.in_(OPEN))
    if work.db.execute(select(open_now)).scalar_one():
        _put_off(work, row, LOOK_SECONDS)
        return
    work.lock(replay_stream(row.listener))
    ends = {"state": DONE, "ended_at": work.now, "wake_at": None}
    work.db.execute(update(rows).where(rows.c.id == row.id).values(ends))
    replays.end(work, row, ReplayCompleted(**replays.counts(row), left_after=replays.left_after(row)))


def _put_off(work: Recording, row: Row[Any], seconds: float) -> None:
    later = work.now + timedelta(seconds=seconds)
    work.db.execute(update(rows).where(rows.c.id == row.id).values(wake_at=later))
