"""What ENS does for a deploy: let the linked names follow what is live, by a wallet or by our own signer."""

from collections.abc import Callable
from typing import Any

from app.engine import action, current, reading
from app.errors import PermanentError, RetryableError
from app.models import ens, sites
from app.models.ens import EnsName
from app.services.ens import confirmations, open_ens, open_signer
from app.services.ens.port import Draft, Ens, Record, Signer, drafted
from app.services.ipfs import open_ipfs
from app.signals.deploys import Finding
from app.signals.ens import (
    EnsUpdateConfirmed,
    EnsUpdateDrafted,
    EnsUpdateFailed,
    EnsUpdatePrepared,
    EnsUpdateQueued,
    EnsUpdateReplaced,
    EnsUpdateRequested,
    EnsUpdateSubmitted,
    update_fields,
)

#: Seconds between the attempts to open an update: a deploy that is live already waits for them.
OPENED = (2, 10, 30)
#: What is said where no IPFS node is configured.
NOT_PROVIDED = Finding(
    code="not_provided",
    message="No IPFS node keeps this content, so that IPFS cannot find what the name leads to.",
    hint="Set KUBO_API, or pin the content elsewhere before you pay for the transaction.",
)

Opened = EnsUpdateConfirmed | EnsUpdateQueued | EnsUpdatePrepared | EnsUpdateDrafted


@action(service="ens", fails_with=EnsUpdateFailed, stage="ens", pauses=OPENED, time_limit=120)
def open_update(event: EnsUpdateRequested) -> Callable[[], Opened | None] | None:
    """Prepare or draft what makes a name lead to what is live, in place of what was open before.

    One name at a time comes here, so that no two drafts of a signer have the same nonce.
    """
    with reading() as db:
        link, site = ens.get(db, event.ens_id), sites.get(db, event.site_id)
        behind = ens.ahead_of(db, link) if link else None
    if link is None or site is None or site.live_deploy_id != event.deploy_id:
        return None
    chain = open_ens()
    if chain is None:
        raise PermanentError("ens_not_configured", "No Ethereum node is configured.", "Set ENS_RPC.")
    record = chain.record(link.name, enough=confirmations())
    if link.chain_id not in (None, record.chain_id):
        what = f"ENS_RPC is on chain {record.chain_id} now, and {link.name} was linked on {link.chain_id}."
        raise PermanentError("wrong_chain", what, "Set ENS_RPC to a node of that chain, or link it anew.")
    update = _Update(event, link, chain, record)
    found = update.prepared() if link.mode == "prepared_tx" else update.drafted(behind)
    return lambda: found if ens.is_unchanged(current().db, link) else None


@action(service="ens", fails_with=EnsUpdateFailed, stage="ens", pauses=OPENED, time_limit=120)
def submit(event: EnsUpdateDrafted) -> list[EnsUpdateSubmitted | EnsUpdateReplaced] | None:
    """Sign a draft and hand it to the chain's node. Twice is harmless: it is the same transaction."""
    with reading() as db:
        link = ens.get(db, event.ens_id)
    said = ("nonce", "max_fee", "contenthash")
    if link is None or not link.draft or any(link.draft[each] != getattr(event, each) for each in said):
        return None
    chain, signer = open_ens(), open_signer()
    if chain is None or signer is None or signer.address != event.sender:
        what = f"The key of {event.sender}, for which this was drafted, is not here any more."
        raise PermanentError("signer_missing", what, "Set ENS_SIGNER_KEY and ENS_RPC.")
    signed = signer.sign(drafted(event.name, event.model_dump()))
    chain.send(signed)
    sent = {each: getattr(event, each) for each in ("sender", "nonce", "max_fee", "priority_fee")}
    about = update_fields(event)
    facts: list[Any] = [EnsUpdateSubmitted(**about, **sent, tx_hash=signed.tx_hash)]
    if event.replaces:
        told: dict[str, Any] = {"old_tx": event.replaces, "new_tx": signed.tx_hash, "reason": event.because}
        facts.append(EnsUpdateReplaced(**about, **told))
    return facts


class _Update:
    """What one update of a name can be, seen from the chain."""

    def __init__(self, event: EnsUpdateRequested, link: EnsName, chain: Ens, record: Record) -> None:
        self.event, self.link, self.chain, self.record = event, link, chain, record
        self.about = update_fields(event)
        self.uri = f"ipfs://{event.cid}"
        self.warnings = () if open_ipfs() else (NOT_PROVIDED,)

    def prepared(self) -> Opened:
        """What the owner's wallet has to send, unless the chain says it already."""
        if self.record.contenthash == self.event.contenthash:
            return self._said()
        owner = self.record.owner
        try:
            made = self.chain.prepare(self.link.name, self.uri, sender=owner)
        except PermanentError as error:
            if error.code != "not_authorised":
                raise
            made = self.chain.prepare(self.link.name, self.uri)  # a wrapper owns it: the wallet knows better
        known = self.link.update or {}
        again = "nonce" not in known and known.get("contenthash") == self.event.contenthash
        return EnsUpdatePrepared(
            **self.about | {"again": again},
            chain_id=made.chain_id,
            to=made.to,
            calldata=made.calldata,
            gas_estimate=made.gas,
            deeplink=made.link,
            owner=owner,
            warnings=self.warnings,
        )

    def drafted(self, behind: str | None) -> Opened | None:
        """A transaction of our signer, in place of one that waits; None when that says the same."""
        signer = open_signer()
        if signer is None:
            what = f"{self.link.name} is to be signed for here, and there is no key."
            raise PermanentError("signer_missing", what, "Set ENS_SIGNER_KEY.")
        older, goes_on = self._waiting(signer)
        if goes_on:
            return None
        if older is None and self.record.contenthash == self.event.contenthash:
            return self._said()
        if behind:
            return EnsUpdateQueued(**self.about, behind=behind)
        made = self.chain.prepare(self.link.name, self.uri, sender=signer.address)
        draft = signer.draft(made, instead_of=older)
        newer = (self.link.update or {}).get("deploy_id") != self.event.deploy_id
        return EnsUpdateDrafted(
            **self.about,
            **{each: getattr(draft, each) for each in ("sender", "nonce", "gas", "max_fee", "priority_fee")},
            chain_id=made.chain_id,
            to=made.to,
            calldata=made.calldata,
            deeplink=made.link,
            replaces=(self.link.update or {}).get("tx_hash") if older else None,
            because="newer_deploy" if newer else "fees_raised",
            warnings=self.warnings,
        )

    def _waiting(self, signer: Signer) -> tuple[Draft | None, bool]:
        """The older draft that a new one has to outbid, and whether it can go on, as it says the same.

        What is in a block cannot be outbid; what was given up and no node knows need not be.
        """
        said = self.link.draft
        if said is None or said["sender"] != signer.address:
            return None, False
        older, watched = drafted(self.link.name, said), self.link.state in ("pending", "stuck")
        seen = self.chain.look(signer.sign(older).tx_hash, older.sender, enough=confirmations())
        free = seen.receipt is None and seen.nonces_used <= older.nonce
        alive = watched and (free or seen.receipt is not None)
        same = said["contenthash"] == self.event.contenthash
        goes_on = alive and same and not (free and self.event.raises)
        return (older if free and (watched or seen.known) else None), goes_on

    def _said(self) -> EnsUpdateConfirmed:
        """That the chain says it already, and deep enough."""
        if self.record.settled != self.event.contenthash:
            what = f"{self.link.name} leads there, but not for {confirmations()} blocks yet."
            raise RetryableError("not_settled", what, "It is looked at again by itself.")
        return EnsUpdateConfirmed(
            **self.about,
            changed=False,
            confirmations=confirmations(),
            block_number=self.record.head,
            warnings=self.warnings,
        )
