"""How facts move linked ENS names from state to state, and how long each may stay there."""

from typing import Any

from sqlalchemy import Connection, delete, insert, update

from app.engine import Signal, fold
from app.models.ens import ens_names, get
from app.models.rows import later, pause_after
from app.signals.ens import (
    EnsCheckRequested,
    EnsRecordDrifted,
    EnsRecordLinked,
    EnsRecordUnlinked,
    EnsRecordVerified,
    EnsUpdateConfirmed,
    EnsUpdateDrafted,
    EnsUpdateFailed,
    EnsUpdateIncluded,
    EnsUpdatePrepared,
    EnsUpdateQueued,
    EnsUpdateReorged,
    EnsUpdateReplaced,
    EnsUpdateRequested,
    EnsUpdateStalled,
    EnsUpdateSubmitted,
    EnsVerificationFailed,
)
from app.signals.sites import SiteDeleted

#: Seconds from each look to the next, by state, while nothing changes: then the last of them again and again.
LOOKS = {
    "linked": (15, 60, 300, 900, 3600),
    "awaiting_signature": (15, 15, 30, 30, 60, 60, 120, 300, 600, 1800),
    "pending": (12, 12, 12, 12, 12, 30, 60),
    "stuck": (60, 120, 300),
    "in_sync": (6 * 3600,),
    "drifted": (6 * 3600,),
}
#: Seconds from each failed update to the next try, and from each try behind another name's to the next.
PAUSES = (300, 900, 1800, 3600, 3 * 3600, 6 * 3600)
QUEUED = (15, 30, 60, 120, 300)
#: Seconds after which what was asked for is asked for again, when nothing came of it; and at once.
PATIENCE, SOON = 3600, 5


@fold(EnsRecordLinked)
def link(db: Connection, event: EnsRecordLinked) -> None:
    """A name leads nowhere yet as far as we know; the first look follows the event itself."""
    recorded = event.recorded
    same = {name: getattr(event, name) for name in ("site_id", "site", "name", "mode")}
    where = {"id": event.ens_id, "stream": recorded.stream, "flow": recorded.flow}
    times = {"linked_at": recorded.time, "deadline_at": later(event, pause_after(LOOKS["linked"], 0))}
    counts = {"state": "linked", "failures": 0, "checks": 0}
    db.execute(insert(ens_names).values(**same, **where, **times, **counts))


@fold(EnsRecordUnlinked)
def unlink(db: Connection, event: EnsRecordUnlinked) -> None:
    """It is nothing to us any more."""
    db.execute(delete(ens_names).where(ens_names.c.id == event.ens_id))


@fold(SiteDeleted)
def unlink_all(db: Connection, event: SiteDeleted) -> None:
    """A deleted site has no names."""
    db.execute(delete(ens_names).where(ens_names.c.site_id == event.site_id))


@fold(EnsCheckRequested)
def look_later(db: Connection, event: EnsCheckRequested) -> None:
    """The next look by schedule comes the later, the more of them have shown nothing new."""
    known = get(db, event.ens_id)
    if known is None:
        return
    asked = {"asked_at": event.recorded.time} if event.by == "user" else {}
    checks = known.checks + 1 if event.by == "schedule" else 0
    pauses = LOOKS.get(known.state, PAUSES)
    _change(db, event, **asked, checks=checks, deadline_at=later(event, pause_after(pauses, checks)))


@fold(EnsRecordVerified)
def verify(db: Connection, event: EnsRecordVerified) -> None:
    """What the chain says. A name that is watched is as it should be when that is what is wanted."""
    known = get(db, event.ens_id)
    if known is None:
        return
    seen = {name: getattr(event, name) for name in ("node", "chain_id", "resolver", "owner")}
    seen |= {"onchain": event.onchain_contenthash, "uri": event.decoded}
    if known.state != "update_needed":
        seen |= {"failure": None}
    if known.state == "linked" or (
        known.state == "drifted" and event.onchain_contenthash == known.contenthash
    ):
        seen |= _in("in_sync", event)
    _change(db, event, **seen)


@fold(EnsVerificationFailed)
def note(db: Connection, event: EnsVerificationFailed) -> None:
    """Why the chain cannot be asked, or the name not be changed."""
    _change(db, event, failure=event.failure.model_dump(mode="json"))


@fold(EnsRecordDrifted)
def drift(db: Connection, event: EnsRecordDrifted) -> None:
    """Somebody else has changed it."""
    _change(db, event, onchain=event.onchain, uri=event.decoded, **_in("drifted", event))


@fold(EnsUpdateRequested)
def want(db: Connection, event: EnsUpdateRequested) -> None:
    """It is to lead to this deploy. A transaction that waits is watched until another takes its place."""
    known = get(db, event.ens_id)
    if known is None:
        return
    names = ("deploy_id", "number", "cid", "contenthash")
    wanted = {name: getattr(event, name) for name in names}
    if known.deploy_id != event.deploy_id:
        wanted |= {"failures": 0, "failure": None, "checks": 0}
    if known.state not in ("pending", "stuck"):
        wanted |= {"state": "update_needed", "deadline_at": later(event, PATIENCE)}
    _change(db, event, **wanted)


@fold(EnsUpdateQueued)
def queue(db: Connection, event: EnsUpdateQueued) -> None:
    """Another name goes first."""
    known = get(db, event.ens_id)
    checks = known.checks if known else 0
    _change(
        db,
        event,
        behind=event.behind,
        failure=None,
        checks=checks + 1,
        deadline_at=later(event, pause_after(QUEUED, checks)),
    )


@fold(EnsUpdatePrepared, EnsUpdateDrafted)
def open_update(db: Connection, event: EnsUpdatePrepared | EnsUpdateDrafted) -> None:
    """The one open update is this: whatever was before it counts no more."""
    said = {"deploy_id", "number", "cid", "contenthash", "chain_id", "to", "calldata", "deeplink"}
    said |= {"gas_estimate"} if isinstance(event, EnsUpdatePrepared) else set()
    if isinstance(event, EnsUpdateDrafted):
        said |= {"sender", "nonce", "gas", "max_fee", "priority_fee"}
    state = "awaiting_signature" if isinstance(event, EnsUpdatePrepared) else "pending"
    done = {"failure": None, "behind": None, "waits_since": event.recorded.time}
    _change(db, event, update=event.model_dump(mode="json", include=said), **done, **_in(state, event))


@fold(EnsUpdateSubmitted)
def submit(db: Connection, event: EnsUpdateSubmitted) -> None:
    """The node has it, or has it again."""
    known = get(db, event.ens_id)
    said = ("nonce", "max_fee", "contenthash")
    if known and known.draft and all(known.draft[each] == getattr(event, each) for each in said):
        sent = {**known.draft, "tx_hash": event.tx_hash}
        first = {} if event.resent else {"failures": 0, **_in("pending", event)}
        _change(db, event, update=sent, **first)


@fold(EnsUpdateIncluded, EnsUpdateReorged)
def find(db: Connection, event: EnsUpdateIncluded | EnsUpdateReorged) -> None:
    """A block has it, or that block is gone."""
    known = get(db, event.ens_id)
    if known is None or known.draft is None:
        return
    update_ = {name: value for name, value in known.draft.items() if not name.startswith("block_")}
    if isinstance(event, EnsUpdateIncluded):
        update_ |= {"block_number": event.block_number, "block_hash": event.block_hash}
    _change(db, event, update=update_, failure=None, **_in("pending", event))


@fold(EnsUpdateStalled)
def stall(db: Connection, event: EnsUpdateStalled) -> None:
    """It has waited for long."""
    _change(db, event, failure=event.failure.model_dump(mode="json"), **_in("stuck", event))


@fold(EnsUpdateReplaced)
def replace(db: Connection, event: EnsUpdateReplaced) -> None:
    """Something else has its nonce: it is made anew. What is ours was opened already."""
    if event.new_tx is None:
        _change(db, event, update=None, **_soon(event))


@fold(EnsUpdateConfirmed)
def confirm(db: Connection, event: EnsUpdateConfirmed) -> None:
    """It leads there. If something newer is wanted by now, that is next."""
    known = get(db, event.ens_id)
    if known is None:
        return
    says = {"onchain": event.contenthash, "uri": f"ipfs://{event.cid}", "update": None, "behind": None}
    if event.contenthash == known.contenthash:
        done = {"failure": None, "failures": 0, "waits_since": None}
        _change(db, event, **says, **done, **_in("in_sync", event))
    else:
        _change(db, event, **says, **_soon(event))


@fold(EnsUpdateFailed)
def fail(db: Connection, event: EnsUpdateFailed) -> None:
    """It is tried again after a while, if nothing newer comes before. What is in a block is open no more."""
    known = get(db, event.ens_id)
    if known is None:
        return
    over = {"update": None} if event.tx_hash else {}
    if known.deploy_id == event.deploy_id:
        again = later(event, pause_after(PAUSES, known.failures))
        failure = {"failure": event.failure.model_dump(mode="json"), "behind": None}
        _change(
            db,
            event,
            state="update_needed",
            **over,
            **failure,
            failures=known.failures + 1,
            deadline_at=again,
        )
    elif over:
        _change(db, event, **over, **_soon(event))


def _in(state: str, event: Signal) -> dict[str, Any]:
    """A state, and its first look."""
    return {"state": state, "checks": 0, "deadline_at": later(event, pause_after(LOOKS[state], 0))}


def _soon(event: Signal) -> dict[str, Any]:
    return {"state": "update_needed", "checks": 0, "deadline_at": later(event, SOON)}


def _change(db: Connection, event: Any, **values: Any) -> None:
    db.execute(update(ens_names).where(ens_names.c.id == event.ens_id).values(**values))
