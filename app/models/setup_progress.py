"""How facts move the set-up of a host name, which keeps its place however long nobody comes, and when its
records are looked at next.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, update

from app.engine import deadline, fold
from app.models.rows import later, pause_after
from app.models.setups import Setup, get, setups
from app.signals.domains import (
    DomainAdded,
    DomainCertificateHandedOver,
    DomainDnsConfigured,
    DomainMisconfigured,
    DomainOwnershipLapsed,
    DomainReconfigured,
    DomainRecordsObserved,
    DomainRemoved,
    DomainSetupAdvanced,
    DomainSetupCompleted,
    DomainSetupResumed,
    DomainSetupStalled,
    DomainSignal,
    DomainVerificationFailed,
    DomainVerificationRequested,
    DomainVerified,
)
from app.signals.sites import SiteDeleted

#: Seconds from each look to the next, while nothing changes: then the last of them again and again.
PAUSES = (60, 60, 120, 300, 300, 600, 1800, 3600, 3 * 3600, 6 * 3600)
#: The same for a name that is served.
WATCHED = 6 * 3600


@fold(DomainAdded)
def begin(db: Connection, event: DomainAdded) -> None:
    """A host name of somebody's own is to be set up; the first look follows the event itself."""
    if event.mode == "default":
        return
    recorded = event.recorded
    same = {name: getattr(event, name) for name in ("site_id", "site", "hostname", "unicode", "mode")}
    states = {"ownership": "unproven", "routing": "unset", "tls": "none", "step": "prove"}
    nothing = {"apex": False, "records": [], "digest": "", "checks": 0}
    times = {"added_at": recorded.time, "step_at": recorded.time, "deadline_at": later(event, PAUSES[0])}
    where = {"id": event.domain_id, "stream": recorded.stream, "flow": recorded.flow}
    proof = {"token": event.token, "claim": event.claim, "last_event": recorded.id}
    db.execute(insert(setups).values(**same, **states, **nothing, **times, **where, **proof))


@fold(DomainVerificationRequested)
def look_later(db: Connection, event: DomainVerificationRequested) -> None:
    """The next look by schedule comes the later, the more of them have shown nothing new."""
    setup = get(db, event.domain_id)
    if setup is not None:
        asked = {"asked_at": event.recorded.time} if event.by == "user" else {}
        checks = setup.checks + 1 if event.by == "schedule" else 0
        seconds = WATCHED if setup.is_done else pause_after(PAUSES, checks)
        _change(db, event, **asked, checks=checks, deadline_at=later(event, seconds))


@fold(DomainRecordsObserved)
def note(db: Connection, event: DomainRecordsObserved) -> None:
    """What was seen; the next look comes when the old answers are forgotten."""
    setup = get(db, event.domain_id)
    if setup is None:
        return
    seconds = max(PAUSES[0], event.wait_s)
    seen = {"records": list(event.records), "digest": event.digest, "apex": event.apex}
    if any(each["subject"] == "ownership" and each["verdict"] == "ok" for each in event.records):
        seen["unproven_at"] = None
    _change(db, event, **seen, checks=0, observed_at=event.recorded.time, deadline_at=later(event, seconds))


@fold(DomainSetupAdvanced)
def go_on(db: Connection, event: DomainSetupAdvanced) -> None:
    """A step is done, and stays done."""
    following = event.remaining[0] if event.remaining else ""
    _change(db, event, step=following, step_at=event.recorded.time, stalled_at=None, resumed_at=None)


@fold(DomainSetupStalled)
def wait(db: Connection, event: DomainSetupStalled) -> None:
    """Somebody was reminded."""
    found = update(setups).where(setups.c.id == event.domain_id)
    db.execute(found.values(stalled_at=event.recorded.time))  # a reminder is no cause of what follows


@fold(DomainSetupResumed)
def resume(db: Connection, event: DomainSetupResumed) -> None:
    """They came back: reminders begin anew."""
    _change(db, event, stalled_at=None, resumed_at=event.recorded.time)


@fold(DomainVerificationFailed)
def doubt(db: Connection, event: DomainVerificationFailed) -> None:
    """The token is gone: if it stays so, the name lapses."""
    _change(db, event, unproven_at=event.recorded.time)


@fold(
    DomainVerified,
    DomainOwnershipLapsed,
    DomainDnsConfigured,
    DomainCertificateHandedOver,
    DomainMisconfigured,
    DomainReconfigured,
)
def move(db: Connection, event: DomainSignal) -> None:
    """One of the three states is another one."""
    _change(db, event, **_STATES[type(event)])


@fold(DomainSetupCompleted)
def watch(db: Connection, event: DomainSetupCompleted) -> None:
    """From now on it is looked at now and then, whether it still is as it should be."""
    _change(db, event, step="", checks=0, deadline_at=later(event, WATCHED))


@fold(DomainRemoved)
def end(db: Connection, event: DomainRemoved) -> None:
    """It is set up no more."""
    db.execute(delete(setups).where(setups.c.id == event.domain_id))


@fold(SiteDeleted)
def end_all(db: Connection, event: SiteDeleted) -> None:
    """A deleted site has no host names."""
    db.execute(delete(setups).where(setups.c.site_id == event.site_id))


@deadline(setups)
def look_again(_db: Connection, row: Row[Any], _now: datetime) -> DomainVerificationRequested:
    """It is time to look at a name's records: in the flow of its set-up, or in one of its own when that is
    done.
    """
    setup = Setup(**row._mapping)
    asked = DomainVerificationRequested(**setup.about(), by="schedule")
    return asked if setup.is_done else asked.within(setup.flow, setup.last_event)


_STATES: dict[type[DomainSignal], dict[str, str]] = {
    DomainVerified: {"ownership": "proven"},
    DomainOwnershipLapsed: {"ownership": "lapsed"},
    DomainDnsConfigured: {"routing": "configured"},
    DomainCertificateHandedOver: {"tls": "handed_over"},
    DomainMisconfigured: {"routing": "broken"},
    DomainReconfigured: {"routing": "configured"},
}


def _change(db: Connection, event: DomainSignal, **values: Any) -> None:
    last = {"last_event": event.recorded.id}
    db.execute(update(setups).where(setups.c.id == event.domain_id).values(**values, **last))
