"""What ENS does between deploys: look at what the chain says of the linked names."""

from collections.abc import Callable
from typing import Any

from app.engine import action, current, reading
from app.errors import PermanentError, PlatformError, RetryableError
from app.models import deploys, dnslinks, ens, sites
from app.models.ens import EnsName
from app.services.ens import confirmations, open_ens, open_signer
from app.services.ens.port import Ens, Record
from app.services.ipfs import open_ipfs
from app.signals.ens import (
    EnsCheckRequested,
    EnsRecordDrifted,
    EnsRecordLinked,
    EnsRecordVerified,
    EnsUpdateConfirmed,
    EnsUpdateRequested,
    EnsVerificationFailed,
    update_fields,
)

#: Seconds between the attempts to ask the chain.
ASKED = (2, 10)
#: The folder without files, for which a signer's permission is asked where nothing is live yet.
EMPTY = "bafybeiczsscdsbs7ffqz55asqdf3smv6klcw3gofszvwlyarci47bgf354"

News = EnsRecordVerified | EnsVerificationFailed | EnsRecordDrifted | EnsUpdateRequested | EnsUpdateConfirmed
Facts = list[Any]
Said = dict[str, Any]


@action(service="ens", pauses=ASKED, time_limit=120)
def look(event: EnsRecordLinked | EnsCheckRequested) -> Callable[[], list[News] | None] | None:
    """Look at what the chain says of a name, and say what is new."""
    with reading() as db:
        link = ens.get(db, event.ens_id)
    chain = open_ens()
    if link is None or chain is None:
        return None
    try:
        facts, well = _seen(chain, link), True
    except PlatformError as error:
        if isinstance(error, RetryableError) and current().attempt <= len(ASKED):
            raise
        facts, well = ens.unseen(link, error, current().attempt), False
    return lambda: [*facts, *(_first(link) if well else ())] if ens.is_unchanged(current().db, link) else None


def _seen(chain: Ens, link: EnsName) -> Facts:
    """What is new of a name, and of what its owner was to sign."""
    record = chain.record(link.name, enough=confirmations())
    if link.chain_id not in (None, record.chain_id):
        what = f"ENS_RPC is on chain {record.chain_id} now, and {link.name} was linked on {link.chain_id}."
        raise PermanentError("wrong_chain", what, "Set ENS_RPC to a node of that chain, or link it anew.")
    if link.state in ("linked", "in_sync", "drifted"):
        _check_change(chain, link, record)
    facts = _news(link, record)
    if link.state == "awaiting_signature":
        return facts + _signed(link, record)
    return facts


def _check_change(chain: Ens, link: EnsName, record: Record) -> None:
    """Raise PermanentError when nobody could change the name: it ran out, or our signer may not."""
    if record.expired_at:
        what = f"The registration of {link.name} has run out."
        raise PermanentError("name_expired", what, "Renew it at app.ens.domains before somebody else has it.")
    if link.mode == "signer" and (signer := open_signer()):
        chain.prepare(link.name, f"ipfs://{link.cid or EMPTY}", sender=signer.address)


def _first(link: EnsName) -> Facts:
    """What is live is asked for as soon as a look at a name has found it well for the first time."""
    db = current().db
    site = sites.get(db, link.site_id)
    live = site and site.live_deploy_id
    deploy = deploys.get(db, live) if live and link.state == "linked" else None
    may = deploy and (open_ipfs() is None or dnslinks.is_pinned(db, link.site_id, deploy.cid))
    return list(ens.requests(db, deploy, only=link.id)) if deploy and may else []


def _news(link: EnsName, record: Record) -> Facts:
    """What the chain says of the name itself, if we did not know: drift is told once for each value."""
    watched = link.contenthash is not None and link.state in ("in_sync", "drifted")
    about: Said = {"decoded": record.uri, "block": record.head}
    if watched and record.contenthash not in (link.contenthash, link.onchain):
        told: Said = {"expected": link.contenthash, "onchain": record.contenthash}
        return [EnsRecordDrifted(**link.about(), **told, **about)]
    seen = (record.chain_id, record.resolver, record.owner, record.contenthash)
    known = (link.chain_id, link.resolver, link.owner, link.onchain)
    unwell = link.failure is not None and link.state != "stuck"
    if seen == known and not unwell:
        return []
    same: Said = {each: getattr(record, each) for each in ("node", "chain_id", "resolver", "owner")}
    return [EnsRecordVerified(**link.about(), **same, **about, onchain_contenthash=record.contenthash)]


def _signed(link: EnsName, record: Record) -> Facts:
    """Whether the owner's wallet has sent what was prepared, known by what the chain says."""
    wanted = link.contenthash
    if record.contenthash == record.settled == wanted:
        deep: Said = {"confirmations": confirmations(), "block_number": record.head}
        return [EnsUpdateConfirmed(**link.about_update(), changed=True, **deep)]
    moved = link.update is not None and link.update["to"] != record.resolver
    if moved and record.contenthash != wanted:
        return [EnsUpdateRequested(**update_fields(link))]
    return []
