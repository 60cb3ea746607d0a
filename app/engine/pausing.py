"""Paused listeners: what they are to answer is put back, uncounted, and worked off oldest first once they are
resumed.
"""

from datetime import datetime

from sqlalchemy import Connection, bindparam, func, select, update

from app.engine import configured
from app.engine.database import reading, writing
from app.engine.reactions import READY, WAITING, locked
from app.engine.tables import reactions

#: What such a reaction waits for.
PAUSED = "paused"
#: So many reactions of each listener go on with one pass.
BATCH = 500

_WHOSE = (
    select(reactions.c.listener)
    .where(reactions.c.id == bindparam("asking"), reactions.c.state == READY)
    .with_for_update(skip_locked=True)
)
_PUT_BACK = (
    update(reactions)
    .where(reactions.c.id == bindparam("paused"), reactions.c.state == READY)
    .values(state=WAITING, waits_for=PAUSED, sends=0, due_at=None, wake_at=None)
)
_waits = (reactions.c.waits_for == PAUSED) & (reactions.c.state == WAITING)
_NEXT = select(func.min(reactions.c.listener)).where(_waits, reactions.c.listener > bindparam("after"))


def holds_back(db: Connection, reaction: str) -> bool:
    """Whether a reaction may not begin since its listener is paused; then it was put back."""
    known = configured.here()
    known.refresh(db)
    if not known.any_paused:
        return False
    listener = db.execute(_WHOSE, {"asking": reaction}).scalar()
    if listener is None or not known.is_paused(listener):
        return False
    put_back(db, reaction)
    return True


def put_back(db: Connection, reaction: str) -> None:
    """Let a reaction wait until its listener is resumed."""
    db.execute(_PUT_BACK, {"paused": reaction})


def resume(now: datetime) -> int:
    """Let reactions go on whose listener is not paused any more, the oldest first; returns how many."""
    known, gone = configured.here(), 0
    listener: str | None = ""
    while True:
        with reading() as db:
            if not known.refresh(db):
                return 0  # nobody has ever paused any
            listener = db.execute(_NEXT, {"after": listener}).scalar()
        if listener is None:
            return gone
        if not known.is_paused(listener):
            gone += _let_go(listener, now)


def _let_go(listener: str, now: datetime) -> int:
    oldest = select(reactions.c.id).where(_waits, reactions.c.listener == listener)
    oldest = oldest.order_by(reactions.c.id).limit(BATCH)
    ready = {"state": READY, "waits_for": None, "due_at": now, "wake_at": now}
    with writing() as db:
        here = locked(oldest, skip_locked=True)
        gone = update(reactions).where(here, _waits).values(ready).returning(reactions.c.id)
        return len(db.execute(gone).all())
