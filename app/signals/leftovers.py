"""What removed host names leave behind in our own zone, and how it goes away."""

from typing import Any

from app.engine import FailureSignal
from app.signals.domains import DomainSignal
from app.signals.pins import UnpinFailed


class LeftoverSignal(DomainSignal):
    """Base of what happens to the records of a removed name: `records_to_clean` as in `domain.removed`.

    `again` says that it had failed before.
    """

    records_to_clean: tuple[dict[str, Any], ...]
    again: bool = False


class DnsCleanupRequested(LeftoverSignal, type="domain.dns_cleanup.requested", starts="dns_cleanup"):
    """It is time to try again; or something was written after the name had been removed."""


class DnsCleanupCompleted(LeftoverSignal, type="domain.dns_cleanup.completed"):
    """Nothing of ours is left, read back from the server: `deleted` are the names whose records were deleted.

    `kept` are records that say something else than we wrote, or that stand outside of DNS_ZONE: left alone.
    """

    deleted: tuple[str, ...]
    kept: tuple[dict[str, Any], ...] = ()


class DnsCleanupFailed(LeftoverSignal, FailureSignal, type="domain.dns_cleanup.failed"):
    """Records of a removed name still stand in our zone. The name is removed all the same."""


#: What is told of names and sites that are gone.
LeftoverNews = DnsCleanupFailed | UnpinFailed
