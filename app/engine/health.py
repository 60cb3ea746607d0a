"""Whether the parts that a process leans on are there: the database with its tables, the broker, the workers.

Apart from them all because only those who ask from outside want to know.
"""

import time
from functools import lru_cache, partial

from kombu.exceptions import OperationalError as BrokerAway
from redis.exceptions import RedisError
from sqlalchemy import Engine, inspect, text
from sqlalchemy.exc import OperationalError

from app.engine import queue
from app.engine.aside import Aside
from app.engine.database import get_engine, metadata, reading

#: Raised by every use of a database that is away, or that has none of our tables.
DatabaseAway = OperationalError

#: Seconds that workers have for their answer, and that the answer counts.
PATIENCE, GOOD_FOR = 0.3, 5.0
#: Seconds that the broker has for its own answer, and to carry those of the workers.
BROKER_SECONDS, WORKERS_SECONDS = 0.3, 0.5

_asker = Aside()


def database_trouble() -> str | None:
    """What is wrong with the database, in a few words; None when it answers and has all that we need."""
    try:
        with reading() as db:
            db.execute(text("SELECT 1"))
        missing = _missing(get_engine())
    except DatabaseAway:
        return "unreachable"
    if missing:
        _missing.cache_clear()  # somebody may be migrating it
        return f"not migrated: it lacks {missing[0]}"
    return None


@lru_cache(maxsize=1)
def _missing(engine: Engine) -> tuple[str, ...]:
    """The tables, and columns of tables, that are declared but not there."""
    found = inspect(engine).get_multi_columns()
    there = {name: {column["name"] for column in columns} for (_, name), columns in found.items()}
    return tuple(
        table.name if table.name not in there else f"{table.name}.{column.name}"
        for table in metadata.sorted_tables
        for column in table.columns
        if column.name not in there.get(table.name, ())
    )


def broker_answers() -> bool:
    """Whether the broker takes commands at this moment."""
    try:
        return bool(_asker.run(queue.redis_client().ping, seconds=BROKER_SECONDS))
    except (RedisError, TimeoutError):
        return False


def workers() -> list[str]:
    """The names of the Celery workers that answered within the last seconds; needs a broker that answers."""
    return _workers(int(time.monotonic() / GOOD_FOR))


@lru_cache(maxsize=1)
def _workers(_moment: int) -> list[str]:
    ask = partial(queue.get_celery().control.ping, timeout=PATIENCE)
    try:
        answers = _asker.run(ask, seconds=WORKERS_SECONDS)
    except (BrokerAway, OSError):  # a TimeoutError is an OSError
        return []
    return sorted(name for answer in answers for name in answer)
