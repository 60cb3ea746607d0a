"""Giving past events to a listener again, and ending that."""

from app.engine import Recording, replays
from app.engine.past import Wish
from app.engine.replays import Replay


def start_replay(log: Recording, wish: Wish) -> Replay:
    """Begin a replay.

    NotFound `listener_not_found`; InvalidInput `range_invalid`, `range_empty`, `rate_invalid`.
    """
    return replays.start(log, wish)


def cancel_replay(log: Recording, replay_id: str) -> Replay:
    """End a replay and what of it has not begun. NotFound `replay_not_found`, Conflict `replay_ended`."""
    return replays.cancel(log, replay_id)
