"""Quotas: how much may be used of something in a day or a month, and what became of that.

A quota stops nothing by itself: listeners answer what is recorded here.
"""

from typing import Literal

from app.engine import Signal
from app.signals.sites import site_stream
from app.signals.usage import Meter

Window = Literal["day", "month"]

#: The stream of the quotas on everything together.
QUOTAS_STREAM = "/quotas"


class QuotaSignal(Signal):
    """Base of what happens to a quota: `limit` of a `meter` in a `window`, of one site or of everything."""

    quota_id: str
    meter: Meter
    limit: int
    window: Window
    site_id: str | None = None
    site: str | None = None

    @property
    def stream(self) -> str:
        """The stream of the site, else that of all such quotas."""
        return quota_stream(self.site_id)

    @property
    def subject(self) -> str:
        """The quota."""
        return self.quota_id

    @property
    def label(self) -> str:
        """What it is on: "hello bandwidth"."""
        return f"{self.site} {self.meter}" if self.site else self.meter


class QuotaSet(QuotaSignal, type="usage.quota.set", starts="quota"):
    """Somebody has made a quota, or changed its limit or its thresholds (percent of the limit).

    `told` are the thresholds that were told of in the present window and are still reached: they are not told
    of again.
    """

    thresholds: tuple[int, ...]
    told: tuple[int, ...] = ()


class QuotaDeleted(QuotaSignal, type="usage.quota.deleted", starts="quota"):
    """Somebody has removed a quota."""


class UsageSignal(QuotaSignal):
    """Base of how usage stands to a quota: so much was `used` in the window that began on the day `since`."""

    used: int
    since: str


class ThresholdReached(UsageSignal, type="usage.threshold_reached", starts="quota"):
    """So many `percent` of a limit are used. Told once for each threshold and window."""

    percent: int


class QuotaExceeded(UsageSignal, type="usage.quota_exceeded", starts="quota"):
    """A limit is used up, or more than that. Told once in each window."""


class QuotaRestored(UsageSignal, type="usage.quota_restored", starts="quota"):
    """There is room under a limit again that was used up: another window has begun (`window`), the limit was
    raised (`limit`), or the quota is gone (`deleted`).
    """

    reason: Literal["window", "limit", "deleted"]


def quota_stream(site_id: str | None) -> str:
    """The stream of the quotas of a site, or of those on everything."""
    return site_stream(site_id) if site_id else QUOTAS_STREAM
