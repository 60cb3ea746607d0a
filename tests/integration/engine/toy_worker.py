"""The root of real Celery processes over the toy world: what its actions do is told by files in the folder
that `TOYS` names, and what they did is written there. `TOY_LISTENERS` says more of some listeners.
"""

import json
import os
import time
from pathlib import Path
from signal import SIGKILL
from threading import Event

from app.engine import current
from app.engine.queue import get_celery
from app.engine.workers import register_tasks
from tests.integration.engine import toys

FOLDER = Path(os.environ["TOYS"])
#: Seconds from one check-point of a body to the next.
PAUSE = 0.1


def note(name: str, *words: object) -> None:
    with (FOLDER / name).open("a") as lines:
        lines.write(" ".join(map(str, words)) + "\n")


def work(action: str) -> None:
    """Take as long as the action's file says, with check-points if another one is there; then the effect,
    under its key.
    """
    at = current()
    wish = FOLDER / f"{action}.seconds"
    seconds = float(wish.read_text()) if wish.exists() else 0.0
    note("begun", action, at.idempotency_key, at.attempt, os.getpid(), time.monotonic())
    poison = FOLDER / f"{action}.poison"
    if poison.exists() and at.idempotency_key in poison.read_text():
        os.kill(os.getpid(), SIGKILL)
    if (FOLDER / f"{action}.checks").exists():
        for _ in range(round(seconds / PAUSE)):
            Event().wait(PAUSE)
            at.check()
    else:
        Event().wait(seconds)
    note("effects", action, at.idempotency_key, at.attempt, time.monotonic())


toys.trouble["send"] = lambda: work("send")
toys.trouble["pack"] = lambda: work("pack")
toys.trouble["insure"] = lambda: work("insure")
toys.trouble["note"] = lambda: work("note")
toys.declare(json.loads(os.environ.get("TOY_LISTENERS", "{}")))
celery = get_celery()
register_tasks(celery)
