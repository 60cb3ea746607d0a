"""What listeners that people configured have answered, or failed to, is answered once more."""

from app.engine import Event, Recording, redrive
from app.engine.past import Wish
from app.engine.redrive import Redriven, Wanted
from app.engine.replays import Replay, start
from app.models import listeners


def answer_again(log: Recording, listener: str, event: Event) -> str | Replay:
    """Answer one event again; returns the reaction that does, or the replay in which a new one does.

    NotFound `listener_not_found`; Conflict `listener_disabled`, `reaction_open`; InvalidInput
    `event_not_heard`.
    """
    return redrive.once_more(log, listeners.require(log.db, listener).id, event)


def answer_failed_again(log: Recording, wanted: Wanted, limit: int) -> Redriven:
    """Answer up to `limit` events again at which a listener failed, the oldest first. NotFound
    `listener_not_found`.
    """
    listeners.require(log.db, wanted.listener or "")
    return redrive.redrive_many(log, wanted, limit)


def answer_range_again(log: Recording, wish: Wish) -> Replay:
    """Answer every event of a range again.

    NotFound `listener_not_found`; Conflict `listener_disabled`; InvalidInput `range_invalid`, `range_empty`,
    `rate_invalid`.
    """
    listeners.require(log.db, wish.listener)
    return start(log, wish)
