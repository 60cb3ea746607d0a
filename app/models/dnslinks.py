"""The DNSLinks in our own zone: which deploy each is to lead to, what it says, and when it is tried again."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Column, Connection, Integer, Row, String, Table, delete, insert, select, update

from app.dns.records import DNSLINK_LABEL, delegated_name
from app.engine import Json, Timestamp, deadline, fold, folded, metadata
from app.models import setups
from app.models.deploys import Deploy
from app.models.rows import later, pause_after
from app.signals.deploys import Target
from app.signals.dnslinks import (
    DnsLinkSignal,
    DnsPropagated,
    DnsUpdateApplied,
    DnsUpdateFailed,
    DnsUpdateRequested,
    PropagationFailed,
)
from app.signals.domains import DomainRemoved
from app.signals.sites import SiteDeleted
from app.signals.storage import ContentPinned

dnslinks = folded(
    Table(
        "dnslinks",
        metadata,
        Column("id", String(36), primary_key=True),  # the domain's
        Column("stream", String(200), nullable=False),
        Column("site_id", String(36), nullable=False, index=True),
        Column("site", String(63), nullable=False),
        Column("hostname", String(253), nullable=False),
        Column("fqdn", String(253), nullable=False),  # in our zone
        Column("deploy_id", String(36), nullable=False),  # the deploy that it is to lead to
        Column("cid", String(100), nullable=False),
        Column("state", String(10), nullable=False),  # wanted, applied, failed
        Column("number", Integer, nullable=False),
        Column("value", String(200), nullable=True),  # what our zone holds, as far as we know
        Column("failure", Json(), nullable=True),
        Column("failures", Integer, nullable=False),  # one after the other
        Column("deadline_at", Timestamp(), nullable=True, index=True),  # when it is tried again
        Column("wanted_at", Timestamp(), nullable=True),  # since when it is to lead there
        Column("written_at", Timestamp(), nullable=True),  # when `value` was last read back
        Column("seen", String(200), nullable=True),  # what all servers of the zone said, and when
        Column("seen_at", Timestamp(), nullable=True),
        Column("unseen", Json(), nullable=True),  # why what was written is not everywhere
        Column("warnings", Json(), nullable=True),
    )
)
#: What an IPFS node keeps of each site: the newest content that was pinned.
pinned = folded(
    Table(
        "pinned",
        metadata,
        Column("site_id", String(36), primary_key=True),
        Column("cid", String(100), nullable=False),
    )
)

#: Seconds from each failure to the next try, for as long as it takes: the last of them again and again.
PAUSES = (300, 900, 1800, 3600, 3 * 3600, 6 * 3600)
#: Seconds after which what was asked for is asked for again, when nothing came of it.
PATIENCE = 3600


@dataclass(frozen=True, slots=True)
class DnsLink:
    """One row of `dnslinks`."""

    id: str
    stream: str
    site_id: str
    site: str
    hostname: str
    fqdn: str
    deploy_id: str
    cid: str
    state: str
    number: int
    value: str | None
    failure: dict[str, Any] | None
    failures: int
    deadline_at: datetime | None
    wanted_at: datetime | None
    written_at: datetime | None
    seen: str | None
    seen_at: datetime | None
    unseen: dict[str, Any] | None
    warnings: list[dict[str, Any]] | None

    @property
    def wanted(self) -> str:
        """What it is to say."""
        return f"dnslink=/ipfs/{self.cid}"

    @property
    def progress(self) -> str:
        """In a word: `wanted`, `failed`, `applied`, and `seen` when all servers of the zone say it."""
        return "seen" if self.state == "applied" and self.seen == self.wanted else self.state


def get(db: Connection, domain_id: str) -> DnsLink | None:
    """A DNSLink by the id of its domain."""
    row = db.execute(select(dnslinks).where(dnslinks.c.id == domain_id)).one_or_none()
    return None if row is None else DnsLink(*row)


def of_site(db: Connection, site_id: str) -> list[DnsLink]:
    """A site's DNSLinks, by host name."""
    query = select(dnslinks).where(dnslinks.c.site_id == site_id).order_by(dnslinks.c.hostname)
    return [DnsLink(*row) for row in db.execute(query)]


def is_pinned(db: Connection, site_id: str, cid: str | None) -> bool:
    """Whether an IPFS node keeps the content."""
    query = select(pinned.c.cid).where(pinned.c.site_id == site_id)
    return db.execute(query).scalar() == cid


def requests(db: Connection, deploy: Deploy, zone: str) -> list[DnsUpdateRequested]:
    """For each host name of the site that is delegated to the zone and served, unless its DNSLink leads to
    the deploy already.
    """
    known = {link.id: link for link in of_site(db, deploy.site_id)}
    there = {each for each, link in known.items() if (link.deploy_id, link.state) == (deploy.id, "applied")}
    delegated = [each for each in setups.of_site(db, deploy.site_id) if each.mode == "delegated"]
    return [
        DnsUpdateRequested.of(
            deploy,
            domain_id=each.id,
            hostname=each.hostname,
            cid=deploy.cid,
            fqdn=delegated_name(DNSLINK_LABEL, each.owner, zone),
        )
        for each in delegated
        if each.routing != "unset" and each.id not in there
    ]


def targets_of(db: Connection, deploy: Deploy, *, is_live: bool) -> list[Target]:
    """What a published deploy has reached of its DNSLinks and what not."""
    return [
        Target.model_validate(_target(link, is_live))
        for link in of_site(db, deploy.site_id)
        if link.deploy_id == deploy.id
    ]


def _target(link: DnsLink, is_live: bool) -> dict[str, Any]:
    statuses = {"wanted": "pending" if is_live else "replaced", "applied": "updated", "failed": "failed"}
    return {
        "kind": "dnslink", "id": link.hostname, "status": statuses[link.state], "failure": link.failure,
    }  # fmt: skip


@fold(DnsUpdateRequested)
def want(db: Connection, event: DnsUpdateRequested) -> None:
    """It is to lead to this deploy; failures count on while it is the same one."""
    names = ("site_id", "site", "hostname", "fqdn", "deploy_id", "number", "cid")
    wanted = {name: getattr(event, name) for name in names}
    wanted |= {"state": "wanted", "failure": None}
    before = get(db, event.domain_id)
    is_same = before is not None and before.deploy_id == event.deploy_id
    failures = before.failures if before and is_same else 0
    wanted["wanted_at"] = before.wanted_at if before and is_same else event.recorded.time
    seconds = max(pause_after(PAUSES, failures), PATIENCE)
    wanted |= {"failures": failures, "deadline_at": later(event, seconds)}
    if before is None:
        about = {"id": event.domain_id, "stream": event.recorded.stream}
        db.execute(insert(dnslinks).values(**about, **wanted))
    else:
        db.execute(_row(event).values(**wanted))


@fold(DnsUpdateApplied)
def apply(db: Connection, event: DnsUpdateApplied) -> None:
    """The zone holds it; whether that is what is wanted now is another question."""
    done = {"state": "applied", "failure": None, "failures": 0, "deadline_at": None}
    warnings = [each.model_dump(mode="json") for each in event.warnings]
    written = {"written_at": event.recorded.time, "warnings": warnings, "unseen": None}
    db.execute(_row(event).values(value=event.value, **written))
    db.execute(_row(event).where(dnslinks.c.deploy_id == event.deploy_id).values(**done))


@fold(DnsUpdateFailed)
def fail(db: Connection, event: DnsUpdateFailed) -> None:
    """It is tried again after a while, if nothing newer comes before."""
    link = get(db, event.domain_id)
    if link is None or link.deploy_id != event.deploy_id:
        return
    failed = {"state": "failed", "failure": event.failure.model_dump(mode="json")}
    again = later(event, pause_after(PAUSES, link.failures))
    db.execute(_row(event).values(**failed, failures=link.failures + 1, deadline_at=again))


@fold(DnsPropagated)
def see(db: Connection, event: DnsPropagated) -> None:
    """It is everywhere."""
    db.execute(_row(event).values(seen=event.text, seen_at=event.recorded.time, unseen=None))


@fold(PropagationFailed)
def miss(db: Connection, event: PropagationFailed) -> None:
    """It is not everywhere, unless something newer was written since."""
    failure = event.failure.model_dump(mode="json")
    db.execute(_row(event).where(dnslinks.c.value == event.value).values(unseen=failure))


@fold(ContentPinned)
def pin(db: Connection, event: ContentPinned) -> None:
    """A node keeps the content: what leads there may be set."""
    db.execute(delete(pinned).where(pinned.c.site_id == event.site_id))
    db.execute(insert(pinned).values(site_id=event.site_id, cid=event.cid))


@fold(DomainRemoved)
def end(db: Connection, event: DomainRemoved) -> None:
    """A name that is removed has no DNSLink that we write."""
    db.execute(delete(dnslinks).where(dnslinks.c.id == event.domain_id))


@fold(SiteDeleted)
def end_all(db: Connection, event: SiteDeleted) -> None:
    """Neither has a deleted site."""
    db.execute(delete(dnslinks).where(dnslinks.c.site_id == event.site_id))
    db.execute(delete(pinned).where(pinned.c.site_id == event.site_id))


@deadline(dnslinks)
def try_again(_db: Connection, row: Row[Any], _now: datetime) -> DnsUpdateRequested:
    """What could not be written is asked for once more: its server may have been away for long."""
    link = DnsLink(**row._mapping)
    names = ("site_id", "site", "deploy_id", "number", "hostname", "cid", "fqdn")
    about = {name: getattr(link, name) for name in names}
    return DnsUpdateRequested(domain_id=link.id, **about, again=True)


def _row(event: DnsLinkSignal) -> Any:
    return update(dnslinks).where(dnslinks.c.id == event.domain_id)
