"""Giving a site host names of somebody's own, and taking them away."""

import secrets
from typing import Any, Literal

from app.commands.leftovers import removed
from app.commands.sites import locked_site
from app.dns.names import HostName, host_name
from app.dns.records import Ours
from app.engine import Recording, new_id
from app.errors import Conflict
from app.models import setups, sites
from app.models.setups import Setup
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

    NotFound `site_not_found`; InvalidInput `hostname_...`; Conflict `hostname_taken`, `gateway_is_local`.
    """
    name = host_name(typed, ours.gateway)
    _check_reachable(name, ours)
    log.lock(f"/hostnames/{name.ascii}", sites.require(log.db, slug).stream)
    site = sites.require(log.db, slug)
    held = setups.by_name(log.db, name.ascii)
    if held is not None and held.site_id == site.id:
        return held
    if held is not None:
        hint = "Remove it from that site first, or choose another name."
        raise Conflict("hostname_taken", f"{name.shown} belongs to another site.", hint)
    token = secrets.token_urlsafe(PROOF)
    about: dict[str, Any] = {"site_id": site.id, "site": site.slug, "domain_id": new_id()}
    about["hostname"] = name.ascii
    mode: Literal["delegated", "manual"] = "delegated" if ours.zone else "manual"
    claim = f"{site.slug[:40]}-{secrets.token_hex(6)}"
    added = DomainAdded(**about, kind="custom", mode=mode, unicode=name.unicode, token=token, claim=claim)
    log.record(added)
    log.record(DomainSetupAdvanced(**about, step="claim", index=0, remaining=STEPS[1:]))
    return setups.require(log.db, name.ascii)


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
