"""Linking ENS names to sites, looking at them now, and letting them go."""

from dataclasses import dataclass

from app.commands.sites import locked_site
from app.dns.ens_names import normalised
from app.engine import Recording, new_id
from app.errors import Conflict
from app.models import ens, sites
from app.models.ens import EnsName
from app.signals.ens import (
    EnsCheckRequested,
    EnsRecordLinked,
    EnsRecordUnlinked,
    EnsUpdateRequested,
    Mode,
    update_fields,
)

#: A person who cannot wait makes one look in so many seconds at most.
SECONDS = 10


@dataclass(frozen=True, slots=True)
class Configured:
    """Whether a chain can be asked here, and whether there is a key that signs."""

    chain: bool
    signer: bool


def link_name(log: Recording, slug: str, typed: str, mode: Mode, have: Configured) -> EnsName:
    """Let a name follow what is live on a site; linked again to the same site it goes on as it was.

    NotFound `site_not_found`; InvalidInput `invalid_name`; Conflict `ens_name_taken`, `ens_not_configured`,
    `signer_missing`, `ens_mode_differs`.
    """
    name = normalised(typed.strip().removesuffix("."))
    _check(mode, have)
    log.lock(f"/ens/{name}", sites.require(log.db, slug).stream)
    site = sites.require(log.db, slug)
    held = ens.by_name(log.db, name)
    if held is not None and held.site_id != site.id:
        hint = f"Let it go there first (flask ens unlink {name}), or choose another name."
        raise Conflict("ens_name_taken", f"{name} follows another site.", hint)
    if held is not None and held.mode != mode:
        hint = f"Let it go first (flask ens unlink {name}), then link it anew."
        raise Conflict("ens_mode_differs", f"{name} is linked already, with update mode {held.mode}.", hint)
    if held is None:
        log.record(EnsRecordLinked(site_id=site.id, site=site.slug, ens_id=new_id(), name=name, mode=mode))
    return ens.require(log.db, name)


def check_name(log: Recording, link: EnsName, *, raise_fees: bool = False) -> EnsName:
    """Let a name be looked at now, or its update be tried again; within seconds asked again it changes
    nothing. With `raise_fees` a transaction that waits is offered anew for more.

    Conflict `nothing_waits` when there is none.
    """
    log.lock(link.stream)
    found = ens.require(log.db, link.name)
    if raise_fees and found.watched != "transaction":
        what = f"No transaction of {found.name} waits for a block."
        raise Conflict("nothing_waits", what, f"See what it is at: flask ens show {found.name}.")
    if found.asked_at is not None and (log.now - found.asked_at).total_seconds() < SECONDS:
        return found
    asked = EnsCheckRequested(**found.about(), by="user", of=found.watched)
    if found.deploy_id and (raise_fees or found.state == "update_needed"):
        log.record(EnsUpdateRequested(**update_fields(found), raises=raise_fees))
    elif found.state != "update_needed":
        log.record(asked)
    return ens.require(log.db, link.name)


def unlink_name(log: Recording, link: EnsName) -> None:
    """Let a name follow its site no more; what the chain says stays as it is."""
    locked_site(log, link.site)
    found = ens.require(log.db, link.name)
    log.record(EnsRecordUnlinked(**found.about()))


def _check(mode: Mode, have: Configured) -> None:
    if not have.chain:
        hint = "Set ENS_RPC to the JSON-RPC address of an Ethereum node, then start again."
        raise Conflict("ens_not_configured", "This installation knows no Ethereum node.", hint)
    if mode == "signer" and not have.signer:
        hint = "Set ENS_SIGNER_KEY, or link the name with update mode prepared_tx and sign by yourself."
        raise Conflict("signer_missing", "This installation has no key to sign with.", hint)
