"""Whether this process lives, and whether it can do its work."""

from typing import Any, Literal

from pydantic import BaseModel, Field

from app.api.v1 import entrance
from app.engine import health

TAGS: Any = [{"name": "Health", "description": "For those who watch the process."}]


class Alive(BaseModel):
    """The process answers."""

    status: Literal["ok"]


class Ready(BaseModel):
    """What the process leans on. `status` tells of the database alone: the rest is needed later."""

    status: Literal["ok", "unavailable"]
    database: str = Field(description="`ok`, `unreachable`, or what it lacks.")
    broker: Literal["ok", "unreachable"]
    workers: list[str] = Field(description="The Celery workers that answered lately.")


@entrance.get("/healthz", tags=TAGS, responses={200: Alive})
def healthz() -> Any:
    """Whether the process answers at all."""
    return {"status": "ok"}


@entrance.get("/readyz", tags=TAGS, responses={200: Ready, 503: Ready})
def readyz() -> Any:
    """Whether the database is reachable and migrated; broker and workers are named besides."""
    trouble = health.database_trouble()
    broker = health.broker_answers()
    said = {
        "status": "unavailable" if trouble else "ok",
        "database": trouble or "ok",
        "broker": "ok" if broker else "unreachable",
        "workers": health.workers() if broker else [],
    }
    return said, 503 if trouble else 200
