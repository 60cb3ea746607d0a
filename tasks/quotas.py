"""What Quotas does: every ten seconds it holds what was used against what is allowed, and tells what is new.

It is done by the clock, not in answer to measurements: a window turns without one, and most of them cross
nothing.
"""

from app.engine import now, reading, recording
from app.engine.periodic import every
from app.models import crossings, quotas


@every(10.0)
def watch_quotas() -> bool:
    """Record which thresholds and limits were crossed, and which limits are restored."""
    with reading() as db:
        found = [quota.id for quota in quotas.every(db) if crossings.crossings(db, quota, now())]
    for quota_id in found:
        _tell(quota_id)
    return False


def _tell(quota_id: str) -> None:
    """Judge again under the lock: another process may have been faster."""
    with reading() as db:
        quota = quotas.get(db, quota_id)
    if quota is None:
        return
    with recording("system:quotas") as log:
        log.lock(quota.stream)
        quota = quotas.get(log.db, quota_id)
        for signal in crossings.as_measured(log.db, quota, log.now) if quota else ():
            log.record(signal)
