"""The root of real Celery processes over the toy world: what its actions do is told by files in the folder
that `TOYS` names, and what they did is written there.
"""

import os
import time
from pathlib import Path

from app.engine import current
from app.engine.queue import get_celery
from app.engine.workers import register_tasks
from tests.integration.engine import toys

FOLDER = Path(os.environ["TOYS"])


def note(name: str, *words: object) -> None:
    with (FOLDER / name).open("a") as lines:
        lines.write(" ".join(map(str, words)) + "\n")


def work(action: str) -> None:
    """Take as long as the action's file says; then the effect, under its key."""
    at = current()
    wish = FOLDER / f"{action}.seconds"
    seconds = float(wish.read_text()) if wish.exists() else 0.0
    note("begun", action, at.idempotency_key, at.attempt, os.getpid())
    time.sleep(seconds)
    note("effects", action, at.idempotency_key, at.attempt)


toys.trouble["send"] = lambda: work("send")
toys.trouble["pack"] = lambda: work("pack")
toys.declare()
celery = get_celery()
register_tasks(celery)
