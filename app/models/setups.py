"""How host names of people's own are set up: three states, the step that a set-up waits at, and when its
records are looked at next. A set-up keeps its place however long nobody comes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import (
    Boolean,
    Column,
    Connection,
    Integer,
    Row,
    String,
    Table,
    delete,
    insert,
    select,
    update,
)

from app.dns.records import Claim
from app.engine import Json, Timestamp, deadline, fold, folded, metadata
from app.errors import NotFound
from app.signals.domains import (
    DomainAdded,
    DomainCertificateHandedOver,
    DomainDnsConfigured,
    DomainMisconfigured,
    DomainReconfigured,
    DomainRecordsObserved,
    DomainRemoved,
    DomainSetupAdvanced,
    DomainSetupCompleted,
    DomainSignal,
    DomainVerificationRequested,
    DomainVerified,
)
from app.signals.sites import SiteDeleted

setups = folded(
    Table(
        "domain_setups",
        metadata,
        Column("id", String(36), primary_key=True),  # the domain's
        Column("stream", String(200), nullable=False),
        Column("site_id", String(36), nullable=False, index=True),
        Column("site", String(63), nullable=False),
        Column("hostname", String(253), nullable=False, unique=True),
        Column("unicode", String(253), nullable=False),
        Column("mode", String(20), nullable=False),
        Column("token", String(100), nullable=False),
        Column("claim", String(63), nullable=False),
        Column("step", String(10), nullable=False),  # what is to be done next; "" when nothing is
        Column("ownership", String(20), nullable=False),
        Column("routing", String(20), nullable=False),
        Column("tls", String(20), nullable=False),
        Column("apex", Boolean, nullable=False),
        Column("records", Json(), nullable=False),  # the findings of the newest look that showed a change
        Column("digest", String(64), nullable=False),
        Column("checks", Integer, nullable=False),  # looks by schedule since something changed
        Column("flow", String(36), nullable=False),
        Column("last_event", String(36), nullable=False),
        Column("added_at", Timestamp(), nullable=False),
        Column("step_at", Timestamp(), nullable=False),
        Column("observed_at", Timestamp(), nullable=True),
        Column("asked_at", Timestamp(), nullable=True),  # when a person last wanted a look
        Column("deadline_at", Timestamp(), nullable=True, index=True),  # when it is looked at next
    )
)

Ownership = Literal["unproven", "proven"]
Routing = Literal["unset", "configured", "broken"]
Tls = Literal["none", "handed_over", "ordering", "validating", "issued", "active", "failed", "expired"]
#: A certificate is in use: the next one is on its way beside it.
SERVED = ("active", "expired")

#: Seconds from each look to the next, while nothing changes: then the last of them again and again.
PAUSES = (60, 60, 120, 300, 300, 600, 1800, 3600, 3 * 3600, 6 * 3600)
#: The same for a name that is served.
WATCHED = 6 * 3600


@dataclass(frozen=True, slots=True)
class Setup:
    """One row of `domain_setups`."""

    id: str
    stream: str
    site_id: str
    site: str
    hostname: str
    unicode: str
    mode: str
    token: str
    claim: str
    step: str
    ownership: Ownership
    routing: Routing
    tls: Tls
    apex: bool
    records: list[dict[str, Any]]
    digest: str
    checks: int
    flow: str
    last_event: str
    added_at: datetime
    step_at: datetime
    observed_at: datetime | None
    asked_at: datetime | None
    deadline_at: datetime | None

    @property
    def owner(self) -> Claim:
        """What the owner was given."""
        return Claim(self.token, self.claim)

    @property
    def is_done(self) -> bool:
        """Whether the name is set up."""
        return not self.step

    @property
    def badge(self) -> str:
        """One word for the three states: what is missing first, or `live`."""
        if self.routing == "broken":
            return "broken"
        if self.tls == "expired":
            return "certificate_expired"
        steps = {"prove": "unproven", "point": "unset", "certify": "no_certificate"}
        return steps.get(self.step, "live" if self.is_done else self.step)

    def about(self) -> dict[str, Any]:
        """What every fact about it says."""
        return {
            "site_id": self.site_id,
            "site": self.site,
            "domain_id": self.id,
            "hostname": self.hostname,
        }


def get(db: Connection, domain_id: str) -> Setup | None:
    """A set-up by the id of its domain."""
    row = db.execute(select(setups).where(setups.c.id == domain_id)).one_or_none()
    return None if row is None else Setup(*row)


def by_name(db: Connection, hostname: str) -> Setup | None:
    """A set-up by the host name, in ASCII."""
    row = db.execute(select(setups).where(setups.c.hostname == hostname)).one_or_none()
    return None if row is None else Setup(*row)


def require(db: Connection, hostname: str) -> Setup:
    """A set-up by the host name, in ASCII. NotFound `domain_not_found`."""
    found = by_name(db, hostname)
    if found is None:
        hint = "See the list of the site's domains."
        raise NotFound("domain_not_found", f"No site has the host name {hostname[:253]}.", hint)
    return found


def of_site(db: Connection, site_id: str) -> list[Setup]:
    """The set-ups of a site, by host name."""
    query = select(setups).where(setups.c.site_id == site_id).order_by(setups.c.hostname)
    return [Setup(*row) for row in db.execute(query)]


@fold(DomainAdded)
def begin(db: Connection, event: DomainAdded) -> None:
    """A host name of somebody's own is to be set up; the first look follows the event itself."""
    if event.mode == "default":
        return
    recorded = event.recorded
    same = {name: getattr(event, name) for name in ("site_id", "site", "hostname", "unicode", "mode")}
    states = {"ownership": "unproven", "routing": "unset", "tls": "none", "step": "prove"}
    nothing = {"apex": False, "records": [], "digest": "", "checks": 0}
    times = {"added_at": recorded.time, "step_at": recorded.time, "deadline_at": _later(event, PAUSES[0])}
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
        seconds = WATCHED if setup.is_done else PAUSES[min(checks, len(PAUSES) - 1)]
        _change(db, event, **asked, checks=checks, deadline_at=_later(event, seconds))


@fold(DomainRecordsObserved)
def note(db: Connection, event: DomainRecordsObserved) -> None:
    """What was seen; the next look comes when the old answers are forgotten."""
    setup = get(db, event.domain_id)
    if setup is None:
        return
    seconds = max(PAUSES[0], event.wait_s)
    seen = {"records": list(event.records), "digest": event.digest, "apex": event.apex}
    _change(db, event, **seen, checks=0, observed_at=event.recorded.time, deadline_at=_later(event, seconds))


@fold(DomainSetupAdvanced)
def go_on(db: Connection, event: DomainSetupAdvanced) -> None:
    """A step is done, and stays done."""
    following = event.remaining[0] if event.remaining else ""
    _change(db, event, step=following, step_at=event.recorded.time)


@fold(
    DomainVerified, DomainDnsConfigured, DomainCertificateHandedOver, DomainMisconfigured, DomainReconfigured
)
def move(db: Connection, event: DomainSignal) -> None:
    """One of the three states is another one."""
    _change(db, event, **_STATES[type(event)])


def note_tls(db: Connection, domain_id: str, tls: Tls) -> None:
    """A name's certificate has got so far; one that is in use stays so until it has ended."""
    query = update(setups).where(setups.c.id == domain_id)
    stays = tls not in SERVED
    db.execute((query.where(setups.c.tls.not_in(SERVED)) if stays else query).values(tls=tls))


@fold(DomainSetupCompleted)
def watch(db: Connection, event: DomainSetupCompleted) -> None:
    """From now on it is looked at now and then, whether it still is as it should be."""
    _change(db, event, step="", checks=0, deadline_at=_later(event, WATCHED))


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
    DomainDnsConfigured: {"routing": "configured"},
    DomainCertificateHandedOver: {"tls": "handed_over"},
    DomainMisconfigured: {"routing": "broken"},
    DomainReconfigured: {"routing": "configured"},
}


def _later(event: DomainSignal, seconds: float) -> datetime:
    return event.recorded.time + timedelta(seconds=seconds)


def _change(db: Connection, event: DomainSignal, **values: Any) -> None:
    last = {"last_event": event.recorded.id}
    db.execute(update(setups).where(setups.c.id == event.domain_id).values(**values, **last))


def needed(setup: Setup, findings: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The findings that a set-up's step depends on; DNSLink of a zone of somebody's own is advice."""
    subjects = {"prove": ("ownership",), "point": ("routing",)}.get(setup.step, ("ownership", "routing"))
    delegated = ("dnslink",) if setup.mode == "delegated" and setup.step == "point" else ()
    return [found for found in findings if found["subject"] in (*subjects, *delegated)]
