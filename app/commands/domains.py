"""Giving a site host names of somebody's own, and taking them away."""

import secrets
from typing import Any, Literal

from app.commands.leftovers import removed
from app.commands.sites import locked_site
from app.dns.names import HostName, host_name
from app.dns.records import OWNERSHIP_LABEL, Ours
from app.engine import Recording, new_id
from app.errors import Conflict
from app.models import setups, sites
from app.models.setup_facts import resumed
from app.models.setups import Setup
from app.models.sites import Site
from app.signals.domains import (
    STEPS,
    DomainAdded,
    DomainRemoved,
    DomainSetupAdvanced,
    DomainVerificationRequested,
)

#: Bytes from which the proof of a name is made.
PROOF = 18
#: A person who cannot wait makes one look in so many seconds at most.
SECONDS = 10


def add_domain(log: Recording, slug: str, typed: str, ours: Ours) -> Setup:
    """Begin to set up a host name for a site; added twice to the same site it goes on where it was.

    A name that another site has, and that nobody proves, is taken from it.

    NotFound `site_not_found`; InvalidInput `hostname_...`; Conflict `hostname_taken`, `gateway_is_local`.
    """
    name = host_name(typed, ours.gateway)
    _check_reachable(name, ours)
    before = setups.by_name(log.db, name.ascii)
    streams = {sites.require(log.db, slug).stream, before.stream if before else ""} - {""}
    log.lock(f"/hostnames/{name.ascii}", *streams)
    site = sites.require(log.db, slug)
    held = setups.by_name(log.db, name.ascii)
    if held is not None and held.site_id == site.id:
        return held
    if held is not None and (held.stream not in streams or not held.is_free(log.now)):
        raise Conflict("hostname_taken", f"{name.shown} belongs to another site.", _how_freed(held))
    if held is not None:
        log.record(removed(log, held, ours, "taken"))
    _begin(log, site, name, "delegated" if ours.zone else "manual")
    return setups.require(log.db, name.ascii)


def _begin(log: Recording, site: Site, name: HostName, mode: Literal["delegated", "manual"]) -> None:
    token = secrets.token_urlsafe(PROOF)
    about: dict[str, Any] = {"site_id": site.id, "site": site.slug, "domain_id": new_id()}
    about["hostname"] = name.ascii
    claim = f"{site.slug[:40]}-{secrets.token_hex(6)}"
    added = DomainAdded(**about, kind="custom", mode=mode, unicode=name.unicode, token=token, claim=claim)
    log.record(added)
    log.record(DomainSetupAdvanced(**about, step="claim", index=0, remaining=STEPS[1:]))


def _how_freed(held: Setup) -> str:
    hours = round(setups.HELD.total_seconds() / 3600)
    proof = f"{OWNERSHIP_LABEL}.{held.hostname}"
    free = f"it becomes free {hours} hours after its TXT record {proof} was deleted, which its owner can do"
    if held.ownership == "unproven":
        free = f"if nobody proves it, it becomes free {hours} hours after it was added"
    return f"Remove it from that site first, or choose another name. If it is yours: {free}."


def _check_reachable(name: HostName, ours: Ours) -> None:
    """Nobody waits for a name that can never lead here."""
    if ours.gateway.endswith("localhost") and not ours.addresses:
        hint = "Set GATEWAY_URL to the address at which others reach the gateway, then add the name."
        what = f"{name.shown} cannot lead here: the gateway is known as {ours.gateway} only."
        raise Conflict("gateway_is_local", what, hint)


def verify_domain(log: Recording, setup: Setup) -> Setup:
    """Let a name's records be looked at now; asked for again within seconds it changes nothing."""
    log.lock(setup.stream)
    found = setups.require(log.db, setup.hostname)
    if found.asked_at is not None and (log.now - found.asked_at).total_seconds() < SECONDS:
        return found
    if found.stalled_at is not None and not found.is_done:
        log.record(resumed(found, "user", log.now).within(found.flow, found.last_event))
    asked = DomainVerificationRequested(**found.about(), by="user")
    log.record(asked if found.is_done else asked.within(found.flow, found.last_event))
    return setups.require(log.db, setup.hostname)


def remove_domain(log: Recording, setup: Setup, ours: Ours) -> DomainRemoved:
    """Let a name lead to its site no more; the fact says which records can be removed from DNS."""
    locked_site(log, setup.site)
    found = setups.require(log.db, setup.hostname)
    told = removed(log, found, ours)
    log.record(told)
    return told
