"""How host names of people's own are set up: three states, the step that a set-up waits at, and when its
records are looked at next. `setup_progress` has how facts move them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import Boolean, Column, Connection, Integer, String, Table, select, update

from app.dns.records import Claim
from app.engine import Json, Timestamp, folded, metadata
from app.errors import NotFound
from app.models.rows import one

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
        Column("stalled_at", Timestamp(), nullable=True),  # of the last reminder, while nobody has come back
        Column("resumed_at", Timestamp(), nullable=True),  # when somebody came back to its step
        Column("unproven_at", Timestamp(), nullable=True),  # since when the token of a proven name is gone
    )
)

Ownership = Literal["unproven", "proven", "lapsed"]
Routing = Literal["unset", "configured", "broken"]
Tls = Literal["none", "handed_over", "ordering", "validating", "issued", "active", "failed", "expired"]
#: A certificate is in use: the next one is on its way beside it.
SERVED = ("active", "expired")

#: How long a name is held for a site that does not prove, or no longer proves, that it is theirs.
HELD = timedelta(hours=72)


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
    stalled_at: datetime | None
    resumed_at: datetime | None
    unproven_at: datetime | None

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
        if self.ownership == "lapsed":
            return "lapsed"
        if self.routing == "broken":
            return "broken"
        if self.tls == "expired":
            return "certificate_expired"
        steps = {"prove": "unproven", "point": "unset", "certify": "no_certificate"}
        return steps.get(self.step, "live" if self.is_done else self.step)

    def is_free(self, now: datetime) -> bool:
        """Whether another site may take the name: nobody has proven it in time, or for long."""
        return self.ownership == "lapsed" or (self.ownership == "unproven" and now - self.added_at >= HELD)

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
    return one(db, Setup, select(setups).where(setups.c.id == domain_id))


def by_name(db: Connection, hostname: str) -> Setup | None:
    """A set-up by the host name, in ASCII."""
    return one(db, Setup, select(setups).where(setups.c.hostname == hostname))


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


def note_tls(db: Connection, domain_id: str, tls: Tls) -> None:
    """A name's certificate has got so far; one that is in use stays so until it has ended."""
    query = update(setups).where(setups.c.id == domain_id)
    stays = tls not in SERVED
    db.execute((query.where(setups.c.tls.not_in(SERVED)) if stays else query).values(tls=tls))


def is_needed(setup: Setup, found: Mapping[str, Any]) -> bool:
    """Whether a name cannot be used without the record: DNSLink of a zone of somebody's own is advice, and so
    is the delegation of an authority's challenge.
    """
    subjects = ("ownership", "routing", *(("dnslink",) if setup.mode == "delegated" else ()))
    return found["subject"] in subjects


def needed(setup: Setup, findings: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The findings that a set-up's step depends on."""
    subjects = {"prove": ("ownership",), "point": ("routing",)}.get(setup.step, ("ownership", "routing"))
    subjects = subjects if setup.ownership == "proven" else ("ownership", *subjects)
    delegated = ("dnslink",) if setup.mode == "delegated" and setup.step == "point" else ()
    return [found for found in findings if found["subject"] in (*subjects, *delegated)]


def missing(setup: Setup, findings: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
    """The one finding that a set-up's step waits for."""
    return next((each for each in needed(setup, findings) if each["verdict"] != "ok"), None)
