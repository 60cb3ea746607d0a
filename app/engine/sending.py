"""Sending what is due: retries, what was never started, and everything when the broker was lost."""

import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import ColumnElement, case, exists, func, select, update

from app.engine import clock, faults, queue, reactions
from app.engine.database import inserting, reading, writing
from app.engine.queue import Message
from app.engine.reactions import READY, WAITING
from app.engine.tables import engine_state
from app.engine.tables import reactions as rows
from app.engine.waits import EVENT

#: So many messages are marked and pushed at once, for so many seconds in one pass.
BATCH = 500
SEND_SECONDS = 5.0

_log = structlog.get_logger()


def _is_due(now: datetime) -> ColumnElement[bool]:
    """What may be sent by now; waits for an event end otherwise."""
    for_an_event = func.coalesce(rows.c.waits_for, "") == EVENT
    return rows.c.state.in_((READY, WAITING)) & (rows.c.wake_at <= now) & ~for_an_event


def send_due(now: datetime) -> int:
    """Send what was never started, and what has waited long enough; returns how many messages were pushed."""
    with reading() as db:
        if not db.execute(select(exists().where(_is_due(now)))).scalar_one():
            return 0
    if queue.broker_identity() is None:
        return 0  # nothing is marked as sent while the broker is away
    sent, give_up = 0, time.monotonic() + SEND_SECONDS
    while True:
        batch = _mark_sent(clock.now())
        faults.point("sweep.before_send")
        pushed = queue.send(batch, give_up=give_up)
        faults.point("sweep.after_send")
        sent += pushed
        _take_back(batch[pushed:])
        if len(batch) < BATCH or pushed < len(batch) or time.monotonic() > give_up:
            return sent


def _mark_sent(now: datetime) -> list[Message]:
    with writing() as db:
        due = select(rows.c.id).where(_is_due(now)).order_by(rows.c.wake_at, rows.c.id).limit(BATCH)
        marked = (
            update(rows)
            .where(reactions.locked(due, skip_locked=True), _is_due(now))
            .values(state=READY, sends=rows.c.sends + 1, wake_at=_next_send(now))
            .returning(*reactions.MESSAGE)
        )
        messages = [reactions.message_of(row._mapping) for row in db.execute(marked)]
    return sorted(messages, key=lambda message: message.reaction)  # the oldest first; a database says nothing


def _take_back(unsent: Sequence[Message]) -> None:
    """Let what was marked and not pushed, since the broker was too slow, be sent as soon as it is quicker."""
    if not unsent:
        return
    these = rows.c.id.in_([message.reaction for message in unsent]), rows.c.state == READY
    soon = clock.now() + timedelta(seconds=queue.BREAK_SECONDS)
    with writing() as db:
        db.execute(update(rows).where(*these).values(sends=rows.c.sends - 1, wake_at=soon))


def _next_send(now: datetime) -> Any:
    steps: list[tuple[ColumnElement[bool], datetime]] = []
    delay = float(reactions.RESEND_SECONDS)
    while delay < reactions.RESEND_LONGEST:
        delay *= 2
        steps.append(
            (rows.c.sends == len(steps), now + timedelta(seconds=min(delay, reactions.RESEND_LONGEST)))
        )
    return case(*steps, else_=now + timedelta(seconds=reactions.RESEND_LONGEST))


def notice_lost_broker() -> None:
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
        statement = inserting(db, engine_state).values(name="broker", value=identity)
        noted = statement.on_conflict_do_update(
            index_elements=["name"], set_={"value": identity}, where=engine_state.c.value != identity
        )
        if db.execute(noted.returning(engine_state.c.name)).first() is None:
            return  # another sweep was faster
        ready = select(rows.c.id).where(rows.c.state == READY, rows.c.wake_at.is_not(None))
        # it waits for those that somebody holds, whose transactions may come to nothing
        unsent = update(rows).where(reactions.locked(ready.order_by(rows.c.id)), rows.c.state == READY)
        lost = len(db.execute(unsent.values(wake_at=clock.now(), sends=0).returning(rows.c.id)).all())
    if known is not None:
        _log.warning("broker was lost", sent_again=lost)
