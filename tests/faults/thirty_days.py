"""A domain that is set up over thirty days: checks that back off, reminders, a person who comes back late, a
certificate. A small model of what the platform will do, out of what the engine has.
"""

from collections import Counter
from datetime import timedelta

from sqlalchemy import Column, Connection, Integer, String, Table, insert, select, update

from app.engine import (
    Signal,
    Timestamp,
    action,
    awaited,
    current,
    deadline,
    fold,
    folded,
    follow,
    metadata,
    on,
    reading,
)
from app.errors import RetryableError

#: The outside: who has set their record, what the mailer sent by idempotency key, how often the authority is
#: closed.
records: set[str] = set()
mails: Counter[str] = Counter()
closed: list[str] = []

MINUTE, HOUR, DAY = 60, 3600, 86400
REMINDERS = (15 * MINUTE, 4 * HOUR, 24 * HOUR, 72 * HOUR)
PATIENCE = 45 * DAY

domains = folded(
    Table(
        "toy_domains",
        metadata,
        Column("id", String(100), primary_key=True),
        Column("stream", String(200), nullable=False),
        Column("flow", String(36), nullable=False),
        Column("cause", String(36), nullable=False),
        Column("state", String(20), nullable=False),
        Column("checks", Integer, nullable=False),
        Column("deadline_at", Timestamp(), nullable=True),
    )
)


class Domain(Signal):
    host: str

    @property
    def stream(self) -> str:
        return f"/domains/{self.host}"


class Added(Domain, type="toy.domain.added", starts="domain"):
    """An owner has added it."""


class CheckFell(Domain, type="toy.domain.check.fell_due"):
    """It is time to look again."""


class Missing(Domain, type="toy.domain.record.missing"):
    """Its record is not there yet."""


class Found(Domain, type="toy.domain.record.found"):
    """Its record is there."""


class Reminded(Domain, type="toy.domain.owner.reminded"):
    """The owner was reminded of it."""


class Invited(Domain, type="toy.domain.owner.invited"):
    """The owner was asked to confirm it."""


class Confirmed(Domain, type="toy.domain.owner.confirmed"):
    """The owner has come back."""


class Certified(Domain, type="toy.domain.certificate.issued"):
    """It has a certificate."""


class Live(Domain, type="toy.domain.made_live", ends="succeeded"):
    """It is served."""


class GivenUp(Domain, type="toy.domain.given_up", ends="failed"):
    """Nobody came."""


def check_pause(checks: int) -> timedelta:
    """How long to wait after so many checks: twice as long each time, at most three days."""
    return timedelta(seconds=min(MINUTE * 2**checks, 3 * DAY))


@fold(Added)
def add(db: Connection, event: Added) -> None:
    at = event.recorded
    row = {"id": event.host, "stream": at.stream, "flow": at.flow, "cause": at.id, "state": "added"}
    db.execute(insert(domains).values(checks=0, deadline_at=at.time + check_pause(0), **row))


@fold(CheckFell, Missing, Found, Certified, Live, GivenUp)
def follow_events(db: Connection, event: Domain) -> None:
    this_one = domains.c.id == event.host
    values = {"state": event.type.rpartition(".")[2], "deadline_at": None}
    if isinstance(event, Missing):
        checks = db.execute(select(domains.c.checks).where(this_one)).scalar_one() + 1
        values |= {"checks": checks, "deadline_at": event.recorded.time + check_pause(checks)}
    db.execute(update(domains).where(this_one).values(**values))


@deadline(domains)
def check_again(_db: Connection, row: object, _now: object) -> Signal:
    return CheckFell(host=row.id).within(row.flow, row.cause)


@action(service="dns")
def look_up(event: CheckFell) -> Found | Missing:
    """Look whether its record is there."""
    return Found(host=event.host) if event.host in records else Missing(host=event.host)


def _mail() -> None:
    mails[current().idempotency_key] += 1


@action(service="mail")
def remind(event: Added) -> Reminded | None:
    """Remind the owner, unless the record is there."""
    with reading() as db:
        state = db.execute(select(domains.c.state).where(domains.c.id == event.host)).scalar_one()
    if state not in ("added", "fell_due", "missing"):
        return None
    _mail()
    return Reminded(host=event.host)


@action(service="mail")
def invite(event: Added) -> Invited:
    """Ask the owner to confirm."""
    assert isinstance(current().awaited, Found)
    _mail()
    return Invited(host=event.host)


@action(service="authority", attempts=10)
def certify(event: Invited) -> Certified:
    """Get a certificate, from an authority that is closed now and then."""
    if closed:
        raise RetryableError("closed", f"the authority is closed for {closed.pop()}", "Wait.")
    return Certified(host=event.host)


@action()
def make_live(event: Certified) -> Live:
    """Serve it."""
    return Live(host=event.host)


def declare() -> None:
    """What leads to what."""
    on(CheckFell, do=look_up)
    for seconds in REMINDERS:
        follow(Added, do=remind, after=seconds, name=f"thirty_days:remind after {seconds}")
    on(awaited(Added, until=Found, by="host", within=PATIENCE, otherwise=GivenUp), do=invite)
    on(awaited(Invited, until=Confirmed, by="host", within=PATIENCE, otherwise=GivenUp), do=certify)
    on(Certified, do=make_live)
