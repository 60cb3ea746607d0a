"""Where Celery meets the engine: one Celery task per action, and the scheduler through which beat runs the
sweep.
"""

import time
from typing import Any

import structlog
from celery import Celery, Task
from celery.beat import Scheduler

from app.engine.actions import ACTIONS, Action
from app.engine.database import wait_for_locks
from app.engine.handback import AtWork, HandBack
from app.engine.passing import Passing
from app.engine.periodic import run_due
from app.engine.queue import sweep_pause
from app.engine.running import run
from app.engine.sweep import sweep

#: Between the moment a body is told that its time is over and the one at which its process is killed, in
#: seconds.
GRACE_SECONDS = 30
#: The sweep has more to look at than one row that somebody holds, in seconds.
LOCK_PATIENCE = 2.0

log = structlog.get_logger()


def register_tasks(celery: Celery) -> None:
    """Make every declared action a Celery task of the same name; what a worker cannot end it hands back."""
    celery.steps["worker"].update((HandBack, Passing))
    for action in ACTIONS.values():
        _register(celery, action)


def _register(celery: Celery, action: Action) -> None:
    def deliver(self: Task, reaction: str) -> str:
        redelivered = bool((self.request.delivery_info or {}).get("redelivered"))
        return run(action, reaction, redelivered=redelivered)

    deliver.__doc__ = action.summary
    celery.task(
        deliver,
        name=action.name,
        bind=True,
        shared=False,  # of this application alone, not of every other in this process
        soft_time_limit=action.time_limit,
        time_limit=action.time_limit + GRACE_SECONDS,
        Request=AtWork,
    )


class SweepScheduler(Scheduler):  # type: ignore[misc]  # celery ships no types
    """Beat's scheduler: sends no message, keeps no file, and runs the sweep and the periodic work itself,
    with or without a broker.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        wait_for_locks(LOCK_PATIENCE)
        super().__init__(*args, **kwargs)

    def tick(self, *_args: Any, **_kwargs: Any) -> float:
        """One pass; returns the seconds until the next. A pass that fails is logged: the next one tries
        again.
        """
        began = time.monotonic()
        try:
            swept = sweep()
            if swept:
                log.info("swept", **{name: count for name, count in vars(swept).items() if count})
        except Exception:  # the engine's edge: beat must outlive any trouble of the database
            log.exception("sweep failed")
        run_due()
        return max(0.1, sweep_pause() - (time.monotonic() - began))

    def setup_schedule(self) -> None:
        """There is no schedule: what is due stands in the database."""
