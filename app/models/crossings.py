"""Which facts follow from what was used and what a quota allows: judged, not folded."""

from datetime import datetime

from sqlalchemy import Connection

from app.engine.log import get_event
from app.models import quotas
from app.models.quotas import Quota
from app.signals.quotas import QuotaExceeded, QuotaRestored, ThresholdReached, UsageSignal


def told_of(quota: Quota, now: datetime) -> list[int]:
    """The thresholds that were told of in the present window."""
    return quota.told if quota.since == quota.began(now) else []


def reached(limit: int, used: int, percent: int) -> bool:
    """Whether so many percent of a limit are used."""
    return used * 100 >= limit * percent


def crossings(db: Connection, quota: Quota, now: datetime) -> list[UsageSignal]:
    """What is to be told of a quota now that was not told in this window."""
    used, _ = quotas.used(db, quota, now)
    since, told, exceeded = quota.began(now), told_of(quota, now), quota.exceeded
    same = ("meter", "limit", "window", "site_id", "site")
    about = {name: getattr(quota, name) for name in same} | {"used": used, "since": since}
    about["quota_id"] = quota.id
    found: list[UsageSignal] = []
    if exceeded and (quota.since != since or used < quota.limit):
        reason = "window" if quota.since != since else "limit"
        found.append(QuotaRestored.model_validate(about | {"reason": reason}))
        exceeded = False
    found += [
        ThresholdReached.model_validate(about | {"percent": percent})
        for percent in sorted(quota.thresholds)
        if percent not in told and reached(quota.limit, used, percent)
    ]
    if not exceeded and used >= quota.limit:
        found.append(QuotaExceeded.model_validate(about))
    return found


def as_measured(db: Connection, quota: Quota, now: datetime) -> list[UsageSignal]:
    """The same, but what was crossed as what the newest measurement has caused, in its flow."""
    found = crossings(db, quota, now)
    _, newest = quotas.used(db, quota, now)
    cause = get_event(db, newest) if found and newest else None
    if cause is None:
        return found
    return [each if isinstance(each, QuotaRestored) else each.within(cause.flow, cause.id) for each in found]
