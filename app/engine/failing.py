"""How attempts end that did not end well: what their failure says, and how a reaction is given up."""

from typing import Any

import structlog
from celery.exceptions import SoftTimeLimitExceeded
from sqlalchemy.exc import InterfaceError, OperationalError

from app.engine import claims
from app.engine.actions import Action, LostLease
from app.engine.claims import Ending
from app.engine.reactions import DEAD, Loaded
from app.engine.recording import Recording
from app.engine.signal import Failure, ReactionDeadLettered
from app.errors import PlatformError, RetryableError

log = structlog.get_logger()

#: Raised when the database is away or busy: nothing was decided. A reaction whose attempt was not counted yet
#: is left to the sweep; a counted one is put off, like any that may succeed later.
DatabaseTrouble = (OperationalError, InterfaceError)


def bury(work: Recording, loaded: Loaded, failure: Failure, error: Exception | None = None) -> None:
    """Give a reaction up as dead: kept and shown, and told by an event."""
    log.error(
        "reaction was buried", reaction=loaded.id, action=loaded.action, code=failure.code, error=repr(error)
    )
    work.record(
        ReactionDeadLettered(
            reaction=loaded.id,
            listener=loaded.listener,
            action=loaded.action,
            of_event=loaded.event.id,
            of_stream=loaded.stream,
            of_label=loaded.event.label,
            follower=loaded.follower,
            failure=failure.model_copy(update={"retryable": False}),
        )
    )
    finish(work, loaded, Ending(DEAD, "dead", failure, error))


def describe(error: Exception, action: Action, *, attempt: int) -> Failure:
    """The failure object of what an action's body raised."""
    shared: dict[str, Any] = {"stage": action.stage, "attempt": attempt, "max_attempts": action.attempts}
    if isinstance(error, PlatformError):
        return Failure(
            code=error.code,
            message=error.message,
            hint=error.hint,
            retryable=isinstance(error, RetryableError),
            evidence=dict(error.evidence),
            **shared,
        )
    if isinstance(error, SoftTimeLimitExceeded):
        message = f"{action.name} did not end within {action.time_limit:g} s"
        return Failure(code="stage_timeout", message=message, retryable=True, **shared)
    if isinstance(error, DatabaseTrouble):
        message = f"{action.name} could not use the database: {error.orig}"
        hint = "Look at the database and its load, then try the reaction again."
        return Failure(code="internal", message=message, hint=hint, retryable=True, **shared)
    return Failure(
        code="internal",
        message=f"{action.name} raised {type(error).__name__}: {error}",
        hint="This is a bug in the action: mend it, then try the reaction again.",
        retryable=True,
        **shared,
    )


def finish(work: Recording, loaded: Loaded, ending: Ending) -> None:
    """Write down how an attempt ended. Raises LostLease when another one has taken the reaction."""
    if not claims.finish(work.db, loaded, ending, work.now):
        raise LostLease
    if ending.due_at is None:
        work.end_reaction(loaded)
