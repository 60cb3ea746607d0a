"""Flows and scopes: the counts, kept in the recording transactions, by which they end exactly when nothing is
open.
"""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, bindparam, case, func, insert, null, select, update

from app.engine.database import Timestamp
from app.engine.jumps import WATCH
from app.engine.signal import Event, Signal
from app.engine.tables import flows, scopes

RUNNING, SUCCEEDED = "running", "succeeded"
#: An open flow in which nothing happens for so long is called stalled; then it has no deadline, until
#: something happens in it.
PATIENCE = timedelta(hours=1)

_at, _late = bindparam("at", type_=Timestamp()), bindparam("late", type_=Timestamp())
_open_now = flows.c.open + bindparam("delta")
#: An open flow without a deadline has stalled: the sweep looks at once. A far one comes nearer.
_DEADLINE: Any = case(
    (flows.c.deadline_at.is_(None), _at), (flows.c.deadline_at > _late, _late), else_=flows.c.deadline_at
)
_COUNT_FLOW = (
    update(flows)
    .where(flows.c.id == bindparam("flow"))
    .values(
        open=_open_now,
        outcome=func.coalesce(bindparam("end", type_=flows.c.outcome.type), flows.c.outcome),
        state=case(
            (_open_now > 0, RUNNING),
            else_=func.coalesce(bindparam("end", type_=flows.c.outcome.type), flows.c.outcome, SUCCEEDED),
        ),
        ended_at=case((_open_now > 0, null()), else_=_at),
        deadline_at=case(((_open_now <= 0) & (flows.c.deadline_at > _at), null()), else_=_DEADLINE),
    )
)
_TOUCH = update(flows).where(flows.c.id == bindparam("flow"), flows.c.open > 0).values(deadline_at=_DEADLINE)
_COUNT_SCOPE = (
    update(scopes)
    .where(scopes.c.id == bindparam("scope"))
    .values(open=scopes.c.open + bindparam("delta"))
    .returning(scopes.c.id, scopes.c.parent, scopes.c.open, scopes.c.waiting)
)
_INSERT_FLOW, _INSERT_SCOPE = insert(flows), insert(scopes)


def insert_flow(db: Connection, flow: str, first: Signal, opened: int, end: str | None) -> None:
    """Write down a flow that begins with `first` and has `opened` reactions to wait for."""
    event = first.recorded
    values = {
        "id": flow,
        "kind": first.starts or first.type,
        "subject": event.subject,
        "label": event.label,
        "stream": event.stream,
        "state": RUNNING if opened else end or SUCCEEDED,
        "outcome": end,
        "open": opened,
        "started_at": event.time,
        "ended_at": None if opened else event.time,
        "deadline_at": event.time + PATIENCE if opened else None,
    }
    db.execute(_INSERT_FLOW, values)


def count_flow(db: Connection, flow: str, delta: int, end: str | None, now: datetime) -> None:
    """Change how many reactions of a flow are open; at zero it ends, in the state of the last ending
    signal.
    """
    db.execute(_COUNT_FLOW, {"flow": flow, "delta": delta, "end": end, "at": now, "late": now + PATIENCE})


def touch(db: Connection, flow: str, now: datetime) -> None:
    """Let the sweep look at an open flow in time: something has just happened in it."""
    db.execute(_TOUCH, {"flow": flow, "at": now, "late": now + PATIENCE})


def set_outcome(db: Connection, flow: str, outcome: str | None) -> None:
    """Let a flow end in this state, unless a signal says otherwise before it does."""
    db.execute(update(flows).where(flows.c.id == flow).values(outcome=outcome))


def set_cancel(db: Connection, flow: str, until: datetime | None) -> None:
    """Write down from when on the cancel of a flow is forced; None when nobody wants it cancelled."""
    db.execute(update(flows).where(flows.c.id == flow).values(cancel_at=until))


def insert_scope(db: Connection, event: Event, parent: str | None, waiting: dict[str, str]) -> None:
    """Write down the scope of an event, empty yet: which listeners wait for it, each until when (ISO)."""
    values = {"id": event.id, "parent": parent, "flow": event.flow, "open": 0, "waiting": waiting}
    db.execute(_INSERT_SCOPE, values | {"deadline_at": min(map(datetime.fromisoformat, waiting.values()))})


def count_scope(db: Connection, scope: str, delta: int) -> Row[Any]:
    """Change how many reactions and scopes are open in a scope; returns its id, parent, open and waiting."""
    return db.execute(_COUNT_SCOPE, {"scope": scope, "delta": delta}).one()


def still_waiting(db: Connection, scope: str, waiting: dict[str, str]) -> None:
    """Write down which listeners a scope still waits for, and until when (ISO instants)."""
    soonest = min(map(datetime.fromisoformat, waiting.values()), default=None)
    db.execute(update(scopes).where(scopes.c.id == scope).values(waiting=waiting, deadline_at=soonest))


def overdue_scopes(db: Connection, now: datetime, limit: int) -> list[str]:
    """Scopes in which a listener has waited for as long as it wanted to."""
    late = (
        select(scopes.c.id)
        .where(WATCH.over(scopes.c.deadline_at, now))
        .order_by(scopes.c.deadline_at, scopes.c.id)
    )
    return list(db.execute(late.limit(limit)).scalars())


def lock_scope(db: Connection, scope: str) -> Row[Any]:
    """A scope's row, locked."""
    return db.execute(select(scopes).where(scopes.c.id == scope).with_for_update()).one()
