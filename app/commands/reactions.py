"""What people do about dead reactions: try one or many again, or give one up for good."""

from app.engine import Recording, redrive, views
from app.engine.redrive import Redriven, Wanted
from app.engine.views import Reaction
from app.errors import NotFound


def retry_reaction(log: Recording, reaction_id: str) -> Reaction:
    """Try a dead reaction again. NotFound `reaction_not_found`, Conflict `reaction_not_dead`."""
    redrive.redrive(log, reaction_id)
    return _require(log, reaction_id)


def retry_reactions(log: Recording, wanted: Wanted, limit: int) -> Redriven:
    """Try up to `limit` dead reactions again, the oldest first."""
    return redrive.redrive_many(log, wanted, limit)


def skip_reaction(log: Recording, reaction_id: str) -> Reaction:
    """Give a dead reaction up. NotFound `reaction_not_found`, Conflict `reaction_not_dead`."""
    redrive.give_up(log, reaction_id)
    return _require(log, reaction_id)


def _require(log: Recording, reaction_id: str) -> Reaction:
    reaction = views.get_reaction(log.db, reaction_id)
    if reaction is None:
        raise NotFound("reaction_not_found", "There is no such reaction.", "See the list of reactions.")
    return reaction
