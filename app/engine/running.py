"""Working a reaction off: what a worker does with the id that a message carries."""

import os
from contextlib import nullcontext, suppress
from typing import Any

import structlog
from sqlalchemy import Connection

from app.engine import claims, configured, faults, parameters, passing, pausing
from app.engine.actions import Action, Attempt, Cancelled, LostLease, attempting
from app.engine.claims import Ending
from app.engine.cloudevents import spelt
from app.engine.database import reading, writing
from app.engine.failing import DatabaseTrouble, bury, describe, finish
from app.engine.leases import HEARTBEAT
from app.engine.queue import lease
from app.engine.reactions import CANCELLED, DEAD, DONE, READY, RUNNING, WAITING, Loaded
from app.engine.recording import Recording, recording
from app.engine.signal import SIGNALS, Signal, UnknownSignal, revive
from app.errors import PlatformError

log = structlog.get_logger()

#: What became of a delivery, besides the states of a reaction.
NOT_THERE, LOST, LEFT = "not there", "lost", "left"
_COUNT_FIRST = "count first"


def run(action: Action, reaction: str, *, redelivered: bool = False) -> str:
    """Work off a reaction, as far as it is there to be worked off; returns what became of it, for the log.

    Harmless at any time and in any number of places at once: whatever is done, running elsewhere or not due
    is left.
    """
    faults.point("message.received")
    one_run = _Run(action, reaction)
    try:
        outcome = one_run.run(redelivered=redelivered)
    except DatabaseTrouble as error:
        log.warning("reaction was left to the sweep", reaction=reaction, action=action.name, error=str(error))
        outcome = LEFT
    except UnknownSignal as error:
        one_run.give_back()
        passing.put_back(reaction, action.name, str(error))
        outcome = LEFT
    except LostLease:
        outcome = LOST
    faults.point("message.before_ack")
    return outcome


class _Run:
    """One delivery of a reaction to this worker."""

    def __init__(self, action: Action, reaction: str) -> None:
        self.action, self.reaction = action, reaction
        #: The claim, once the attempt was counted in a commit of its own.
        self.claimed: Loaded | None = None

    def run(self, *, redelivered: bool) -> str:
        try:
            if self.action.outer:
                return self._work() if self._claim() else NOT_THERE
            outcome = _COUNT_FIRST if redelivered else self._decide()
            if outcome == _COUNT_FIRST:
                outcome = self._decide() if self._claim() else NOT_THERE
            return outcome
        except (LostLease, UnknownSignal):
            raise
        except Cancelled:
            return self._cancel()
        except Exception as error:  # the engine's edge: whatever a body raises is recorded
            if isinstance(error, DatabaseTrouble) and self.claimed is None:
                raise
            return self._fail(self.action.meaning(error))

    def _claim(self) -> bool:
        """Count the attempt before the work, in a commit of its own, so that a killer of workers is counted
        too.
        """
        with writing() as db:
            name = claims.worker_name(os.getpid())
            action = self.action.name
            claimed = claims.claim(db, self.reaction, action=action, worker=name, lease=lease())
            if claimed is not None and claimed.event.type not in SIGNALS:
                raise UnknownSignal(f"{claimed.event.type} is not known here")  # put back uncounted
            faults.point("claim.before_commit")
        self.claimed = claimed
        faults.point("claim.after_commit")
        return self.claimed is not None

    def give_back(self) -> None:
        """Uncount the attempt: another worker may know what this one does not."""
        if self.claimed is not None:
            with suppress(*DatabaseTrouble), writing() as db:  # else its lease brings it back
                claims.hand_back(db, self.reaction, claims.worker_name(os.getpid()))

    def _is_ours(self, loaded: Loaded | None) -> bool:
        if loaded is None:
            return False
        if self.claimed is None:
            return bool(loaded.state == READY)
        return bool(loaded.state == RUNNING and loaded.fence == self.claimed.fence)

    def _attempt(self, loaded: Loaded, **more: Any) -> Attempt:
        return Attempt(
            loaded.id,
            max(1, loaded.attempt),
            loaded.flow,
            f"action:{loaded.action}",
            listener=loaded.listener,
            generation=loaded.generation,
            awaited_id=loaded.awaited,
            **more,
        )

    def _decide(self) -> str:
        """An inner action: body, facts and counts are one transaction, under the stream's lock."""
        with recording(stage="result") as work:
            loaded = work.open_reaction(self.reaction)
            if loaded is None or not self._is_ours(loaded):
                return NOT_THERE
            if self.claimed is None and (loaded.sends or loaded.attempt):
                return _COUNT_FIRST
            if _is_cancelled(loaded):
                finish(work, loaded, Ending(CANCELLED, CANCELLED))
                return CANCELLED
            if self.claimed is None and work.configured and configured.here().is_paused(loaded.listener):
                pausing.put_back(work.db, self.reaction)
                return WAITING
            with attempting(self._attempt(loaded, connection=work.db, locks=work.lock)):
                facts = self._body(loaded, work.db)
            self._conclude(work, loaded, facts)
        return DONE

    def _body(self, loaded: Loaded, db: Connection | None = None) -> Any:
        """Run the body. What people let answer is told what their listener says now; once that is deleted
        nothing is done.
        """
        given: dict[str, Any] | None = {}
        if self.action.exposed:
            with nullcontext(db) if db else reading() as here:
                given = parameters.for_event(here, self.action, loaded.listener, loaded.event)
        return None if given is None else self.action.body(revive(loaded.event), **given)

    def _cancel(self) -> str:
        """End where a check-point, or the claim itself, has seen that the flow is being cancelled."""
        with recording(stage="failure") as work:
            loaded = work.open_reaction(self.reaction)
            if loaded is None or not self._is_ours(loaded):
                return LOST
            finish(work, loaded, Ending(CANCELLED, CANCELLED))
        return CANCELLED

    def _work(self) -> str:
        """An outer action: the effect first, holding nothing but a lease; then one transaction for its
        facts.
        """
        claimed = self.claimed
        assert claimed is not None  # noqa: S101 - narrows the type: _claim went before
        if _is_cancelled(claimed):
            raise Cancelled
        attempt = self._attempt(claimed)
        with attempting(attempt), HEARTBEAT.keeping(attempt, claimed.fence):
            facts = self._body(claimed)
        faults.point("outer.after_effect")
        with recording(stage="result") as work:
            loaded = work.open_reaction(self.reaction)
            if loaded is None or not self._is_ours(loaded):
                raise LostLease
            if callable(facts):
                with attempting(self._attempt(loaded, connection=work.db)):
                    facts = facts()
            self._conclude(work, loaded, facts)
        return DONE

    def _conclude(self, work: Recording, loaded: Loaded, facts: Any) -> None:
        signals = [facts] if isinstance(facts, Signal) else list(facts or ())
        for signal in signals:
            if type(signal) not in self.action.emits:
                raise TypeError(
                    f"{self.action.name} returned {signal!r}, which its annotation does not declare"
                )
            work.record(signal)
        finish(work, loaded, Ending(DONE, "succeeded" if signals else "ignored"))

    def _fail(self, error: Exception) -> str:
        """Put the reaction off, or record what went wrong; if even that fails, bury it."""
        try:
            with recording(stage="failure") as work:
                loaded = work.open_reaction(self.reaction)
                if loaded is None or not self._is_ours(loaded):
                    return LOST
                with attempting(self._attempt(loaded, connection=work.db)):
                    return self._answer_failure(work, loaded, error)
        except (LostLease, *DatabaseTrouble):
            raise
        except Exception as second:  # recording the failure failed: a bug, which must not hide the reaction
            log.exception("failure could not be recorded", reaction=self.reaction, action=self.action.name)
            return self._bury_alone(second)

    def _answer_failure(self, work: Recording, loaded: Loaded, error: Exception) -> str:
        failure = describe(error, self.action, attempt=max(1, loaded.attempt))
        fields = {"reaction": self.reaction, "action": self.action.name, "code": failure.code}
        if failure.retryable and failure.attempt < self.action.attempts:
            due = work.now + self.action.backoff(failure.attempt, error)
            if self.action.tells_each and self.action.fails_with is not None:
                evidence = {**failure.evidence, "next_attempt_at": spelt(due)}
                told = failure.model_copy(update={"evidence": evidence})
                work.record(self.action.fails_with.from_failure(revive(loaded.event), told))
            log.info("attempt failed", attempt=failure.attempt, next_at=due.isoformat(), **fields)
            finish(work, loaded, Ending(WAITING, failure=failure, error=error, due_at=due))
            return WAITING
        if isinstance(error, PlatformError) and self.action.fails_with is not None:
            log.warning("action failed", message=failure.message, **fields)
            work.record(self.action.fails_with.from_failure(revive(loaded.event), failure))
            finish(work, loaded, Ending(DONE, "failed", failure))
            return DONE
        bury(work, loaded, failure, error)
        return DEAD

    def _bury_alone(self, error: Exception) -> str:
        with recording(stage="failure") as work:
            loaded = work.open_reaction(self.reaction)
            if loaded is None or not self._is_ours(loaded):
                return LOST
            bury(work, loaded, describe(error, self.action, attempt=max(1, loaded.attempt)), error)
        return DEAD


def _is_cancelled(loaded: Loaded) -> bool:
    """Whether it need not begin: the cancel of its flow was asked for. Followers go on."""
    return loaded.cancel_at is not None and not loaded.follower
