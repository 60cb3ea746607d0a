"""Setting quotas: how much may be used of something in a day or a month."""

from collections.abc import Sequence
from dataclasses import dataclass

from app.commands.sites import locked_site
from app.engine import Recording, new_id
from app.errors import Conflict, InvalidInput
from app.models import crossings, quotas
from app.models.quotas import Quota
from app.signals.quotas import QuotaDeleted, QuotaRestored, QuotaSet, Window, quota_stream
from app.signals.usage import METERS, Meter

#: A limit that any database can hold, and how many thresholds there may be.
MOST, MOST_THRESHOLDS = 2**62, 10


@dataclass(frozen=True, slots=True)
class Wish:
    """The quota that somebody wants: of one site (its slug), or of everything."""

    meter: Meter
    limit: int
    window: Window
    site: str | None = None
    thresholds: Sequence[int] = (80,)


def set_quota(log: Recording, wish: Wish) -> Quota:
    """Allow so much of something and no more. What is crossed already is told at once.

    NotFound `site_not_found`; InvalidInput `meter_unknown`, `quota_invalid`; Conflict `quota_exists`.
    """
    thresholds = _checked(wish.meter, wish.limit, wish.thresholds)
    site = locked_site(log, wish.site) if wish.site is not None else None
    stream = quota_stream(site.id if site else None)
    log.lock(stream)
    if quotas.like(log.db, stream, wish.meter, wish.window):
        what = f"There is a quota on {wish.meter} in a {wish.window} already, of {wish.site or 'everything'}."
        raise Conflict("quota_exists", what, "Change its limit, or delete it first.")
    place = {"site_id": site.id, "site": site.slug} if site else {}
    about = {"meter": wish.meter, "limit": wish.limit, "window": wish.window, "thresholds": thresholds}
    quota_id = new_id()
    log.record(QuotaSet.model_validate({"quota_id": quota_id, **place, **about}))
    return _told(log, quota_id)


def change_quota(
    log: Recording, quota_id: str, limit: int | None = None, thresholds: Sequence[int] | None = None
) -> Quota:
    """Allow more or less, or tell at other thresholds. What follows from that is told at once.

    NotFound `quota_not_found`; InvalidInput `quota_invalid`.
    """
    quota = _locked(log, quota_id)
    limit = quota.limit if limit is None else limit
    wanted = _checked(quota.meter, limit, quota.thresholds if thresholds is None else thresholds)
    if (limit, list(wanted)) != (quota.limit, quota.thresholds):
        used, _ = quotas.used(log.db, quota, log.now)
        told = [each for each in crossings.told_of(quota, log.now) if crossings.reached(limit, used, each)]
        changes = {"limit": limit, "thresholds": wanted, "told": told}
        log.record(QuotaSet.model_validate(_about(quota) | changes))
    return _told(log, quota_id)


def delete_quota(log: Recording, quota_id: str) -> None:
    """Allow any amount again. NotFound `quota_not_found`."""
    quota = _locked(log, quota_id)
    used, _ = quotas.used(log.db, quota, log.now)
    log.record(QuotaDeleted.model_validate(_about(quota)))
    if quota.exceeded:
        why = {"used": used, "since": quota.began(log.now), "reason": "deleted"}
        log.record(QuotaRestored.model_validate(_about(quota) | why))


def _locked(log: Recording, quota_id: str) -> Quota:
    log.lock(quotas.require(log.db, quota_id).stream)
    return quotas.require(log.db, quota_id)


def _told(log: Recording, quota_id: str) -> Quota:
    for signal in crossings.crossings(log.db, quotas.require(log.db, quota_id), log.now):
        log.record(signal)
    return quotas.require(log.db, quota_id)


def _about(quota: Quota) -> dict[str, object]:
    same = ("meter", "limit", "window", "site_id", "site")
    return {"quota_id": quota.id} | {name: getattr(quota, name) for name in same}


def _checked(meter: str, limit: int, thresholds: Sequence[int]) -> tuple[int, ...]:
    """The thresholds in order, each once."""
    check_meter(meter)
    if not 1 <= limit <= MOST:
        raise InvalidInput("quota_invalid", f"The limit is {limit}.", f"Take one from 1 to {MOST}.")
    wrong = [each for each in thresholds if not 1 <= each <= 100]
    if wrong or len(thresholds) > MOST_THRESHOLDS:
        what = f"The thresholds are {', '.join(map(str, thresholds))}."
        raise InvalidInput("quota_invalid", what, f"Take at most {MOST_THRESHOLDS}, of 1 to 100 percent.")
    return tuple(sorted(set(thresholds)))


def check_meter(meter: str) -> None:
    """InvalidInput `meter_unknown` for what is no meter."""
    if meter not in METERS:
        raise InvalidInput(
            "meter_unknown", f"Nothing measures {meter[:80]!r}.", f"There are {', '.join(METERS)}."
        )
