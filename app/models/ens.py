"""Linked ENS names: what each is to lead to, what the chain says, its open update, and when it is looked at
next. There is never more than one open update of a name.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import BigInteger, Column, Connection, Integer, Row, String, Table, select

from app.content.cid import Cid
from app.engine import Failure, Json, Timestamp, deadline, folded, metadata
from app.errors import NotFound, PlatformError, RetryableError
from app.models.deploys import Deploy
from app.signals.deploys import Target
from app.signals.ens import (
    EnsCheckRequested,
    EnsUpdateRequested,
    EnsVerificationFailed,
    Mode,
    update_fields,
)

ens_names = folded(
    Table(
        "ens_names",
        metadata,
        Column("id", String(36), primary_key=True),
        Column("stream", String(200), nullable=False),
        Column("site_id", String(36), nullable=False, index=True),
        Column("site", String(63), nullable=False),
        Column("name", String(255), nullable=False, unique=True),
        Column("mode", String(20), nullable=False),
        Column("state", String(20), nullable=False),
        Column("node", String(66), nullable=True),
        Column("chain_id", BigInteger, nullable=True),
        Column("resolver", String(42), nullable=True),
        Column("owner", String(42), nullable=True),
        Column("deploy_id", String(36), nullable=True),  # the deploy that it is to lead to
        Column("number", Integer, nullable=True),
        Column("cid", String(100), nullable=True),
        Column("contenthash", String(300), nullable=True),  # in hex
        Column("onchain", String(300), nullable=True),  # what the chain said at the newest look that was news
        Column("uri", String(300), nullable=True),  # of that
        Column("update", Json(), nullable=True),  # the open one: what is to be signed, or was
        Column("behind", String(255), nullable=True),  # the name whose update goes first
        Column("failure", Json(), nullable=True),
        Column("failures", Integer, nullable=False),  # of updates for the deploy, one after the other
        Column("checks", Integer, nullable=False),  # looks by schedule since something changed
        Column("flow", String(36), nullable=False),
        Column("linked_at", Timestamp(), nullable=False),
        Column("waits_since", Timestamp(), nullable=True),  # since when the open update does
        Column("asked_at", Timestamp(), nullable=True),  # when a person last wanted a look
        Column("deadline_at", Timestamp(), nullable=True, index=True),  # when it is looked at, or tried again
    )
)

State = Literal[
    "linked", "in_sync", "update_needed", "awaiting_signature", "pending", "stuck", "drifted"
]  # fmt: skip
#: States in which an update is on its way, and what is left of it is up to others.
OPEN = ("awaiting_signature", "pending", "stuck")


@dataclass(frozen=True, slots=True)
class EnsName:
    """One row of `ens_names`."""

    id: str
    stream: str
    site_id: str
    site: str
    name: str
    mode: Mode
    state: State
    node: str | None
    chain_id: int | None
    resolver: str | None
    owner: str | None
    deploy_id: str | None
    number: int | None
    cid: str | None
    contenthash: str | None
    onchain: str | None
    uri: str | None
    update: dict[str, Any] | None
    behind: str | None
    failure: dict[str, Any] | None
    failures: int
    checks: int
    flow: str
    linked_at: datetime
    waits_since: datetime | None
    asked_at: datetime | None
    deadline_at: datetime | None

    @property
    def ens_id(self) -> str:
        """Its id, under the name that signals give it."""
        return self.id

    @property
    def again(self) -> bool:
        """What is asked for of a row was asked for before."""
        return True

    @property
    def watched(self) -> Literal["name", "transaction"]:
        """What is looked at while it is in this state."""
        return "transaction" if self.state in ("pending", "stuck") else "name"

    @property
    def draft(self) -> dict[str, Any] | None:
        """The newest transaction of our own signer that may still come into a block."""
        return self.update if self.update and "nonce" in self.update else None

    def about(self) -> dict[str, Any]:
        """What every fact about the link says."""
        return {"site_id": self.site_id, "site": self.site, "ens_id": self.id, "name": self.name}

    def about_update(self) -> dict[str, Any]:
        """What every fact about the open update says, which may be for an older deploy than is wanted."""
        update = self.update or {}
        own = {each: update[each] for each in ("deploy_id", "number", "cid", "contenthash")}
        return {**self.about(), "mode": self.mode, **own}


def get(db: Connection, ens_id: str) -> EnsName | None:
    """A link by its id."""
    row = db.execute(select(ens_names).where(ens_names.c.id == ens_id)).one_or_none()
    return None if row is None else EnsName(*row)


def by_name(db: Connection, name: str) -> EnsName | None:
    """A link by the normalised name."""
    row = db.execute(select(ens_names).where(ens_names.c.name == name)).one_or_none()
    return None if row is None else EnsName(*row)


def require(db: Connection, name: str) -> EnsName:
    """A link by the normalised name. NotFound `ens_not_found`."""
    found = by_name(db, name)
    if found is None:
        hint = "See the names of the site, or link it: flask ens link SITE NAME."
        raise NotFound("ens_not_found", f"{name[:255]} is linked to no site.", hint)
    return found


def of_site(db: Connection, site_id: str) -> list[EnsName]:
    """A site's links, by name."""
    query = select(ens_names).where(ens_names.c.site_id == site_id).order_by(ens_names.c.name)
    return [EnsName(*row) for row in db.execute(query)]


def is_unchanged(db: Connection, link: EnsName) -> bool:
    """Whether what was decided of a link still holds: nothing else has become of its update meanwhile."""
    found = get(db, link.id)
    same = ("state", "deploy_id", "update", "failure")
    return found is not None and all(getattr(found, each) == getattr(link, each) for each in same)


def ahead_of(db: Connection, link: EnsName) -> str | None:
    """The name whose transaction by a signer goes before that of `link`: nonces are used one by one."""
    waiting = (ens_names.c.state.in_(("pending", "stuck"))) & (ens_names.c.mode == "signer")
    query = select(ens_names.c.name).where(waiting, ens_names.c.id != link.id)
    return db.execute(query.order_by(ens_names.c.waits_since, ens_names.c.id)).scalars().first()


def unseen(link: EnsName, error: PlatformError, attempt: int) -> list[EnsVerificationFailed]:
    """Why a look has shown nothing, unless that was told already."""
    if link.failure and link.failure["code"] == error.code:
        return []
    failure = Failure(
        code=error.code,
        stage="ens",
        message=error.message,
        hint=error.hint,
        retryable=isinstance(error, RetryableError),
        attempt=attempt,
        evidence=dict(error.evidence),
    )
    return [EnsVerificationFailed(**link.about(), failure=failure)]


def contenthash_of(cid: str) -> str:
    """The content hash of IPFS content, in hex (EIP-1577)."""
    return "0x" + (b"\xe3\x01" + Cid.parse(cid).to_v1().bytes).hex()


def requests(db: Connection, deploy: Deploy, only: str | None = None) -> list[EnsUpdateRequested]:
    """For each name of the site, or the one with the id `only`, unless it is on its way there already."""
    cid = deploy.cid or ""
    return [
        EnsUpdateRequested.of(
            deploy, ens_id=each.id, name=each.name, mode=each.mode, cid=cid, contenthash=contenthash_of(cid)
        )
        for each in of_site(db, deploy.site_id)
        if only in (None, each.id) and not (each.deploy_id == deploy.id and each.state in ("in_sync", *OPEN))
    ]


def targets_of(db: Connection, deploy: Deploy, *, is_live: bool) -> list[Target]:
    """What a published deploy has reached of its names and what not."""
    return [
        Target.model_validate(
            {"kind": "ens", "id": link.name, "status": _status(link, is_live), "failure": link.failure}
        )
        for link in of_site(db, deploy.site_id)
        if link.deploy_id == deploy.id
    ]


def _status(link: EnsName, is_live: bool) -> str:
    if link.state in OPEN or link.behind:
        return "awaiting"
    if link.state != "update_needed":
        return "updated"
    return "failed" if link.failure else "pending" if is_live else "replaced"


@deadline(ens_names)
def go_on(_db: Connection, row: Row[Any], _now: datetime) -> EnsCheckRequested | EnsUpdateRequested:
    """It is time to look at a name, or to try its update again."""
    link = EnsName(**row._mapping)
    if link.state == "update_needed":
        return EnsUpdateRequested(**update_fields(link))
    return EnsCheckRequested(**link.about(), by="schedule", of=link.watched)
