"""Host names of sites, and which deploy each of them leads to."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Column, Connection, String, Table, delete, insert, select, update

from app.engine import Event, Failure, Json, Timestamp, fold, folded, metadata
from app.engine.log import failures_since
from app.models import dnslinks, ens, sites
from app.models.deploys import Deploy
from app.signals.deploys import Target
from app.signals.dnslinks import DnsUpdateFailed
from app.signals.domains import (
    DomainAdded,
    DomainDnsConfigured,
    DomainRemoved,
    DomainSignal,
    DomainSyncFailed,
    DomainTargetUpdated,
)
from app.signals.ens import EnsUpdateFailed
from app.signals.sites import SiteDeleted

domains = folded(
    Table(
        "domains",
        metadata,
        Column("id", String(36), primary_key=True),
        Column("stream", String(200), nullable=False),
        Column("site_id", String(36), nullable=False, index=True),
        Column("site", String(63), nullable=False),
        Column("hostname", String(253), nullable=False, index=True),
        Column("kind", String(20), nullable=False),
        Column("mode", String(20), nullable=False),
        Column("deploy_id", String(36), nullable=True),  # the deploy that it leads to
        Column("cid", String(100), nullable=True),
        Column("failure", Json(), nullable=True),  # why the last change did not reach it
        Column("created_at", Timestamp(), nullable=False),
    )
)


#: Failures that are told name by name.
TOLD_BY_NAME = (DomainSyncFailed.type, DnsUpdateFailed.type, EnsUpdateFailed.type)


@dataclass(frozen=True, slots=True)
class Domain:
    """One row of `domains`."""

    id: str
    stream: str
    site_id: str
    site: str
    hostname: str
    kind: str
    mode: str
    deploy_id: str | None
    cid: str | None
    failure: dict[str, Any] | None
    created_at: datetime


def of_site(db: Connection, site_id: str) -> list[Domain]:
    """A site's host names, in alphabetical order."""
    query = select(domains).where(domains.c.site_id == site_id).order_by(domains.c.hostname)
    return [Domain(*row) for row in db.execute(query)]


def live_at(db: Connection, hostname: str) -> str | None:
    """The slug of the site that is served under a name of somebody's own."""
    query = select(domains.c.site).where(domains.c.hostname == hostname, domains.c.kind == "custom")
    return db.execute(query).scalar()


def targets_of(db: Connection, deploy: Deploy) -> list[Target]:
    """What a published deploy has reached and what not; what a newer one took over counts as replaced."""
    live = sites.get(db, deploy.site_id)
    is_live = live is not None and live.live_deploy_id == deploy.id
    hosts = [_target(domain, deploy.id, is_live=is_live) for domain in of_site(db, deploy.site_id)]
    links = dnslinks.targets_of(db, deploy, is_live=is_live)
    names = ens.targets_of(db, deploy, is_live=is_live)
    missed = [
        _missed(event) for event in failures_since(db, deploy.last_event) if event.type not in TOLD_BY_NAME
    ]
    return [*(Target.model_validate(missing) for missing in deploy.targets), *missed, *hosts, *links, *names]


def _missed(event: Event) -> Target:
    failure = Failure.model_validate(event.data["failure"])
    return Target(kind="action", id=event.type, status="failed", failure=failure)


def _target(domain: Domain, deploy_id: str, *, is_live: bool) -> Target:
    if domain.deploy_id == deploy_id:
        return Target(kind="host", id=domain.hostname, status="updated")
    if not is_live:
        return Target(kind="host", id=domain.hostname, status="replaced")
    if domain.failure is None:
        return Target(kind="host", id=domain.hostname, status="pending")
    failure = Failure.model_validate(domain.failure)
    return Target(kind="host", id=domain.hostname, status="failed", failure=failure)


@fold(DomainAdded)
def add(db: Connection, event: DomainAdded) -> None:
    """A new host name leads nowhere yet; one of somebody's own has to be set up first."""
    if event.mode == "default":
        _insert(db, event, kind=event.kind, mode=event.mode)


@fold(DomainDnsConfigured)
def take_up(db: Connection, event: DomainDnsConfigured) -> None:
    """A name of somebody's own is theirs and leads to us: from now on it is served."""
    if db.execute(select(domains.c.id).where(domains.c.id == event.domain_id)).scalar() is None:
        _insert(db, event, kind="custom", mode="own")


@fold(DomainRemoved)
def remove(db: Connection, event: DomainRemoved) -> None:
    """It is served no more."""
    db.execute(delete(domains).where(domains.c.id == event.domain_id))


def _insert(db: Connection, event: DomainSignal, **how: str) -> None:
    same = {name: getattr(event, name) for name in ("site_id", "site", "hostname")}
    recorded = {"stream": event.recorded.stream, "created_at": event.recorded.time}
    db.execute(insert(domains).values(id=event.domain_id, **same, **recorded, **how))


@fold(DomainTargetUpdated)
def retarget(db: Connection, event: DomainTargetUpdated) -> None:
    """It leads to this deploy, and whatever failed before is over."""
    found = {"deploy_id": event.deploy_id, "cid": event.cid, "failure": None}
    db.execute(update(domains).where(domains.c.id == event.domain_id).values(found))


@fold(DomainSyncFailed)
def note_failure(db: Connection, event: DomainSyncFailed) -> None:
    """None of the site's host names was changed."""
    failure = event.failure.model_dump(mode="json")
    db.execute(update(domains).where(domains.c.site_id == event.site_id).values(failure=failure))


@fold(SiteDeleted)
def remove_all(db: Connection, event: SiteDeleted) -> None:
    """A deleted site has no host names."""
    db.execute(delete(domains).where(domains.c.site_id == event.site_id))
