"""Certificates of host names: how far each order is, what is installed, and when the next is wanted."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

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

from app.engine import Json, Timestamp, deadline, fold, folded, metadata
from app.models import setups
from app.models.rows import later, one, pause_after
from app.signals.certificates import (
    CertificateSignal,
    DomainCertificateChallengePresented,
    DomainCertificateExpiring,
    DomainCertificateFailed,
    DomainCertificateInstalled,
    DomainCertificateIssued,
    DomainCertificateOrdered,
    DomainCertificateRenewalScheduled,
    DomainCertificateRequested,
    DomainCertificateReviewRequested,
)
from app.signals.domains import DomainRemoved
from app.signals.sites import SiteDeleted

certificates = folded(
    Table(
        "certificates",
        metadata,
        Column("id", String(36), primary_key=True),  # the domain's
        Column("stream", String(200), nullable=False),
        Column("site_id", String(36), nullable=False, index=True),
        Column("site", String(63), nullable=False),
        Column("hostname", String(253), nullable=False, index=True),
        Column("state", String(12), nullable=False),
        Column("challenge_type", String(10), nullable=False),
        Column("order_url", String(1000), nullable=False),
        Column("token", String(200), nullable=False),  # what the gateway shows
        Column("key_authorization", String(300), nullable=False),
        Column("issuer", String(300), nullable=False),  # of what is installed
        Column("serial", String(64), nullable=False),
        Column("not_before", Timestamp(), nullable=True),
        Column("not_after", Timestamp(), nullable=True),
        Column("renew_at", Timestamp(), nullable=True),
        Column("ari", Json(), nullable=True),
        Column("check_s", Integer, nullable=False),
        Column("failure", Json(), nullable=True),
        Column("failures", Integer, nullable=False),  # one after the other
        Column("failed_at", Timestamp(), nullable=True),
        Column("told_days", Integer, nullable=True),  # how many were left when that was last told
        Column("ended", Boolean, nullable=False),
        Column("deadline_at", Timestamp(), nullable=True, index=True),
    )
)

#: Seconds from each failure to the next order: never more than four in an hour, of which authorities allow
#: five (failed authorizations of one name).
PAUSES = (900, 900, 1800, 3600, 3 * 3600, 6 * 3600)
#: Seconds after which what was asked for is asked for again, when nothing came of it.
PATIENCE = 2 * 3600
#: The name under which the gateway shows that it is ours, before any authority asks.
PROBE = "antiphon"


@dataclass(frozen=True, slots=True)
class Certificate:
    """One row of `certificates`. `serial` is empty while none is installed."""

    id: str
    stream: str
    site_id: str
    site: str
    hostname: str
    state: str
    challenge_type: str
    order_url: str
    token: str
    key_authorization: str
    issuer: str
    serial: str
    not_before: datetime | None
    not_after: datetime | None
    renew_at: datetime | None
    ari: dict[str, str] | None
    check_s: int
    failure: dict[str, Any] | None
    failures: int
    failed_at: datetime | None
    told_days: int | None
    ended: bool
    deadline_at: datetime | None

    def about(self) -> dict[str, Any]:
        """What every fact about it says."""
        names = {name: getattr(self, name) for name in ("site_id", "site", "hostname")}
        return names | {
            "domain_id": self.id,
            "renewal": bool(self.serial),
            "again": self.failures > 0,
        }


def get(db: Connection, domain_id: str) -> Certificate | None:
    """A certificate by the id of its domain."""
    return one(db, Certificate, select(certificates).where(certificates.c.id == domain_id))


def by_name(db: Connection, hostname: str) -> Certificate | None:
    """The certificate of a host name that is set up now."""
    query = select(certificates).where(certificates.c.hostname == hostname)
    return one(db, Certificate, query)


def shown(db: Connection, hostname: str, token: str) -> str | None:
    """What the gateway shows an authority under a token (RFC 8555 §8.3), or us, under PROBE."""
    if token == PROBE:
        setup = setups.by_name(db, hostname)
        return setup.token if setup else None
    query = select(certificates.c.key_authorization).where(
        certificates.c.hostname == hostname, certificates.c.token == token
    )
    return db.execute(query).scalar()


def soonest(certificate: Certificate) -> datetime | None:
    """When a person may have it tried again: at once where no authority was asked, and never before the
    authority allows it.
    """
    failed, failure = certificate.failed_at, certificate.failure or {}
    if certificate.state != "failed" or failed is None:
        return None
    if failure.get("evidence", {}).get("retry_after"):
        return certificate.deadline_at
    return failed + timedelta(seconds=0 if failure.get("stage") == "preflight" else PAUSES[0])


@fold(DomainCertificateRequested)
def begin(db: Connection, event: DomainCertificateRequested) -> None:
    """One is wanted; what is installed stays."""
    wanted: dict[str, Any] = {"state": "ordering", "deadline_at": later(event, PATIENCE)}
    if get(db, event.domain_id) is None:
        about = {name: getattr(event, name) for name in ("site_id", "site", "hostname")}
        about |= {"id": event.domain_id, "stream": event.recorded.stream}
        texts = ("challenge_type", "order_url", "token", "key_authorization", "issuer", "serial")
        nothing = dict.fromkeys(texts, "") | {"check_s": 0, "failures": 0, "ended": False}
        db.execute(insert(certificates).values(**about, **nothing, **wanted))
    else:
        _change(db, event, **wanted)
    setups.note_tls(db, event.domain_id, "ordering")


@fold(DomainCertificateOrdered)
def note_order(db: Connection, event: DomainCertificateOrdered) -> None:
    """The gateway shows it from now on."""
    names = ("challenge_type", "order_url", "token", "key_authorization")
    _change(db, event, **{name: getattr(event, name) for name in names})


@fold(DomainCertificateChallengePresented)
def wait(db: Connection, event: DomainCertificateChallengePresented) -> None:
    """The authority looks at it."""
    _change(db, event, state="validating")
    setups.note_tls(db, event.domain_id, "validating")


@fold(DomainCertificateIssued)
def note_issued(db: Connection, event: DomainCertificateIssued) -> None:
    """There is one, which nobody uses yet."""
    _change(db, event, state="issued")
    setups.note_tls(db, event.domain_id, "issued")


@fold(DomainCertificateInstalled)
def take(db: Connection, event: DomainCertificateInstalled) -> None:
    """It is in use; whatever failed before is over."""
    over: dict[str, Any] = {"failure": None, "failures": 0, "failed_at": None, "told_days": None}
    over |= {"token": "", "key_authorization": "", "ended": False, "renew_at": None, "ari": None}
    said = {"issuer": event.issuer, "serial": event.serial, "check_s": 0}
    times = {name: datetime.fromisoformat(getattr(event, name)) for name in ("not_before", "not_after")}
    _change(db, event, state="active", **over, **said, **times, deadline_at=later(event, PATIENCE))
    setups.note_tls(db, event.domain_id, "active")


@fold(DomainCertificateRenewalScheduled)
def schedule(db: Connection, event: DomainCertificateRenewalScheduled) -> None:
    """The authority is asked again before; then, or at that time, something is due."""
    found = get(db, event.domain_id)
    if found is None or found.serial != event.serial:
        return
    due = datetime.fromisoformat(event.renew_at)
    _change(db, event, renew_at=due, ari=event.ari, check_s=event.check_s)
    if found.state == "active":
        _change(db, event, deadline_at=_next_look(event, due, event.check_s))


@fold(DomainCertificateReviewRequested)
def look_later(db: Connection, event: DomainCertificateReviewRequested) -> None:
    """If nothing new is said, the next look comes as far away as the last."""
    found = get(db, event.domain_id)
    if found is not None and found.state == "active":
        _change(db, event, deadline_at=_next_look(event, found.renew_at, found.check_s or PATIENCE))


@fold(DomainCertificateFailed)
def fail(db: Connection, event: DomainCertificateFailed) -> None:
    """It is tried again after a while, and not before the authority allows it."""
    found = get(db, event.domain_id)
    if found is None or found.state == "active":
        return
    pause = pause_after(PAUSES, found.failures)
    seconds = max(pause, event.failure.evidence.get("retry_after") or 0)
    again = {"failures": found.failures + 1, "deadline_at": later(event, seconds)}
    failure = event.failure.model_dump(mode="json")
    _change(db, event, state="failed", failure=failure, failed_at=event.recorded.time, **again)
    setups.note_tls(db, event.domain_id, "failed")


@fold(DomainCertificateExpiring)
def warn(db: Connection, event: DomainCertificateExpiring) -> None:
    """Told; once it has ended, nobody can reach the name safely."""
    _change(db, event, told_days=event.days_left, ended=event.days_left < 0)
    if event.days_left < 0:
        setups.note_tls(db, event.domain_id, "expired")


@fold(DomainRemoved)
def end(db: Connection, event: DomainRemoved) -> None:
    """It is not renewed any more."""
    db.execute(delete(certificates).where(certificates.c.id == event.domain_id))


@fold(SiteDeleted)
def end_all(db: Connection, event: SiteDeleted) -> None:
    """Neither is any of a deleted site."""
    db.execute(delete(certificates).where(certificates.c.site_id == event.site_id))


@deadline(certificates)
def go_on(db: Connection, row: Row[Any], now: datetime) -> CertificateSignal:
    """It is time to order one, again or anew; or only to ask when that will be."""
    found = Certificate(**row._mapping)
    if found.state == "active" and (found.renew_at is None or now < found.renew_at):
        return DomainCertificateReviewRequested(**found.about(), serial=found.serial)
    return wanted(db, found, "schedule")


def wanted(db: Connection, found: Certificate, by: Any) -> DomainCertificateRequested:
    """That one is wanted again: in the flow of its name's set-up, or in one of its own when that is done."""
    asked = DomainCertificateRequested(**found.about(), sans=(found.hostname,), by=by)
    setup = setups.get(db, found.id)
    return asked if setup is None or setup.is_done else asked.within(setup.flow, setup.last_event)


def _next_look(event: CertificateSignal, due: datetime | None, check_s: int) -> datetime | None:
    """The earlier of both; a check of 0 seconds is none."""
    looks = [later(event, check_s)] if check_s else []
    return min([*looks, *([due] if due else [])], default=None)


def _change(db: Connection, event: CertificateSignal, **values: Any) -> None:
    db.execute(update(certificates).where(certificates.c.id == event.domain_id).values(**values))
