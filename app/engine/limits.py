"""Limits of a listener over all workers: how many of its reactions are at work at once, how many begin per
second.

Whoever claims for such a listener, or ends for it, locks the listener's row: so the counts hold. Other
listeners never come here.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, bindparam, exists, func, literal_column, select, update

from app.engine import clock
from app.engine.database import inserting
from app.engine.listeners import LISTENERS, Listener
from app.engine.queue import Message, sweep_pause
from app.engine.reactions import READY, WAITING, let_go, locked
from app.engine.tables import limits, reactions

#: What such a reaction waits for: the end of another, or its time.
SLOT, RATE = "slot", "rate"
#: Whoever ends lets the next one go; a reaction that was forgotten asks again after so many seconds.
ASK_AGAIN = 15.0

_ASKING = (
    select(reactions.c.listener, reactions.c.waits_for)
    .where(reactions.c.id == bindparam("asking"), reactions.c.state == READY)
    .with_for_update(skip_locked=True)
)
_LOCK = select(limits).where(limits.c.listener == bindparam("name")).with_for_update()
#: A literal, because only then a prepared statement may use the index of those that are at work.
_AT_WORK = select(func.count()).where(
    reactions.c.listener == bindparam("name"), reactions.c.state == literal_column("'running'")
)
_waits = (reactions.c.listener == bindparam("name")) & (reactions.c.waits_for == bindparam("reason"))
#: They were let go and are on their way to a worker: those who came later stand back.
_ON_THEIR_WAY = select(func.count()).where(
    _waits, reactions.c.state == READY, reactions.c.id < bindparam("before")
)
_ANY = select(exists().where(_waits, reactions.c.state.in_((WAITING, READY))))
_PUT_BACK = (
    update(reactions)
    .where(reactions.c.id == bindparam("refused"))
    .values(
        state=WAITING,
        waits_for=bindparam("reason"),
        sends=0,
        due_at=bindparam("until"),
        wake_at=bindparam("until"),
    )
)
_AFTER_ALL = "g"  # sorts behind every id, whatever the collation


def admit(db: Connection, reaction: str, action: str) -> bool:
    """Whether a reaction of this action may begin now. If not, it was put back uncounted and comes again in
    its turn, or it is not there to be taken.
    """
    if action not in _limited(LISTENERS.revision):
        return True
    row = db.execute(_ASKING, {"asking": reaction}).one_or_none()
    if row is None:
        return False
    listener = LISTENERS.get(row.listener)
    if listener is None or not (listener.rate or listener.at_once):
        return True
    used = _lock(db, listener.name)
    now = clock.now()
    reason, until = None, now
    if listener.rate:
        until = _its_time(db, listener, used, now, has_place=row.waits_for in (RATE, SLOT))
        reason = RATE if until > now else None
    if reason is None and _free(db, listener, before=reaction) <= 0:
        reason, until = SLOT, now + timedelta(seconds=ASK_AGAIN)
    if reason is not None:
        db.execute(_PUT_BACK, {"refused": reaction, "reason": reason, "until": until})
    elif listener.rate:
        _use_up(db, listener, used, now)
    return reason is None


def release(db: Connection, names: Iterable[str], now: datetime) -> list[Message]:
    """Let the oldest go that wait for a slot of these listeners, as far as there are free ones; returns their
    messages. It takes the last locks of its transaction.
    """
    messages: list[Message] = []
    for name in sorted(set(names)):
        listener = LISTENERS.get(name)
        if listener is None or listener.at_once is None:
            continue
        _lock(db, name)
        free = _free(db, listener, before=_AFTER_ALL)
        if free > 0:
            messages += let_go(db, _oldest(name, free), now, waits_for=SLOT)
    return messages


@lru_cache(maxsize=2)
def _limited(_revision: str) -> frozenset[str]:
    """The actions of listeners that have limits."""
    return frozenset(each.action for each in LISTENERS.all() if each.at_once or each.rate)


def _lock(db: Connection, name: str) -> Row[Any]:
    """Lock a listener's row, which the first one makes, and read it."""
    row = db.execute(_LOCK, {"name": name}).one_or_none()
    if row is None:
        db.execute(inserting(db, limits).on_conflict_do_nothing(), {"listener": name})
        row = db.execute(_LOCK, {"name": name}).one()
    return row


def pause_of(listener: Listener) -> timedelta:
    """Between two places in the rate of a listener; none when it has no rate."""
    return timedelta(seconds=1 / listener.rate if listener.rate else 0)


def _most_at_once() -> timedelta:
    """So much of a rate may be used at once: a sweep lets those go together whose places came since the last
    one. After a longer absence of it the rest take new places.
    """
    return timedelta(seconds=2 * sweep_pause())


def _begun_until(listener: Listener, used: Row[Any], now: datetime) -> datetime:
    """Until when the attempts that have begun use up the rate; now, when a clock was set back."""
    until: datetime = used.begun_until or now
    return until if until <= now + _most_at_once() + pause_of(listener) else now


def _its_time(
    db: Connection, listener: Listener, used: Row[Any], now: datetime, *, has_place: bool
) -> datetime:
    """When the rate lets an attempt begin (GCRA), which may be past. One that has no place takes the next,
    and so does one that comes together with too many others to have waited for theirs.
    """
    begun = _begun_until(listener, used, now)
    if has_place and begun <= now + _most_at_once():
        return now
    place = max(used.next_at or now, begun)
    pause = pause_of(listener)
    if place > now + pause and not db.execute(_ANY, {"name": listener.name, "reason": RATE}).scalar_one():
        place = now + pause  # nobody has the places before it: a clock was set back, or they were cancelled
    following = max(place, now) + pause
    db.execute(update(limits).where(limits.c.listener == listener.name).values(next_at=following))
    return place


def _use_up(db: Connection, listener: Listener, used: Row[Any], now: datetime) -> None:
    until = max(_begun_until(listener, used, now), now) + pause_of(listener)
    db.execute(update(limits).where(limits.c.listener == listener.name).values(begun_until=until))


def _free(db: Connection, listener: Listener, *, before: str) -> int:
    """How many slots are left for a reaction that is older than `before`; one when there is no such limit."""
    if listener.at_once is None:
        return 1
    at_work = db.execute(_AT_WORK, {"name": listener.name}).scalar_one()
    if at_work >= listener.at_once:
        return 0
    coming = {"name": listener.name, "reason": SLOT, "before": before}
    return int(listener.at_once - at_work - db.execute(_ON_THEIR_WAY, coming).scalar_one())


def _oldest(name: str, many: int) -> ColumnElement[bool]:
    """The oldest reactions that wait for a slot."""
    waiting = select(reactions.c.id).where(
        reactions.c.listener == name, reactions.c.waits_for == SLOT, reactions.c.state == WAITING
    )
    return locked(waiting.order_by(reactions.c.id).limit(many), skip_locked=True)
