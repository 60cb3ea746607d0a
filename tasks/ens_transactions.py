"""What ENS does for the transactions of our own signer: watch them until they are in the chain to stay."""

from collections.abc import Callable
from typing import Any

from app.engine import Failure, action, current, now, reading
from app.errors import PlatformError, RetryableError
from app.models import ens
from app.models.ens import EnsName
from app.services.ens import confirmations, open_ens, open_signer
from app.services.ens.port import Draft, Ens, Receipt, Seen, drafted
from app.services.ens.watching import Verdict, judged
from app.signals.ens import (
    EnsCheckRequested,
    EnsUpdateConfirmed,
    EnsUpdateFailed,
    EnsUpdateIncluded,
    EnsUpdateReorged,
    EnsUpdateReplaced,
    EnsUpdateStalled,
    EnsUpdateSubmitted,
    EnsVerificationFailed,
)

#: Seconds between the attempts to ask the chain.
ASKED = (2, 10)
#: Seconds after which a transaction that is in no block has stalled.
STALLED = 600

News = (
    EnsVerificationFailed
    | EnsUpdateSubmitted
    | EnsUpdateReplaced
    | EnsUpdateIncluded
    | EnsUpdateConfirmed
    | EnsUpdateFailed
    | EnsUpdateStalled
    | EnsUpdateReorged
)
Facts = list[Any]


@action(service="ens", pauses=ASKED, time_limit=120)
def watch(event: EnsCheckRequested) -> Callable[[], list[News] | None] | None:
    """Look at what has become of a transaction, and say what is new; send it again if the node forgot it."""
    with reading() as db:
        link = ens.get(db, event.ens_id)
    chain = open_ens()
    if link is None or chain is None or not link.draft or link.watched != "transaction":
        return None
    try:
        facts = _watched(chain, link, link.draft) if link.draft.get("tx_hash") else []
    except PlatformError as error:
        if isinstance(error, RetryableError) and current().attempt <= len(ASKED):
            raise
        facts = ens.unseen(link, error, current().attempt)
    return lambda: facts if ens.is_unchanged(current().db, link) else None


def _watched(chain: Ens, link: EnsName, said: dict[str, Any]) -> Facts:
    """What has become of the transaction that our signer sent."""
    draft, tx_hash = drafted(link.name, said), said["tx_hash"]
    seen = chain.look(tx_hash, draft.sender, enough=confirmations())
    known = said.get("block_hash")
    before = Receipt(said["block_number"], known, True, 0, 0) if known else None
    verdict = judged(seen, draft, before=before, enough=confirmations())
    about: dict[str, Any] = {**link.about_update(), "tx_hash": tx_hash}
    receipt = verdict.receipt
    if verdict.outcome == "reorged" and before:
        return [EnsUpdateReorged(**about, old_block=before.block_number)]
    if verdict.outcome == "replaced":
        told: dict[str, Any] = {"old_tx": tx_hash, "new_tx": None, "reason": "nonce_used"}
        return [EnsUpdateReplaced(**link.about_update(), **told)]
    if verdict.outcome == "dropped":
        return _sent_again(chain, about, draft) or _stalled(link, about, draft, seen, verdict)
    if receipt is None:
        return _stalled(link, about, draft, seen, verdict)
    if verdict.outcome == "failed":
        failure = Failure(
            code="reverted",
            stage="ens",
            message=f"The resolver refused the transaction {tx_hash}, which cost {receipt.cost} wei.",
            hint="Look whether the signer may still change this name's records.",
        )
        return [EnsUpdateFailed(**about, failure=failure)]
    where: dict[str, Any] = {"block_number": receipt.block_number, "block_hash": receipt.block_hash}
    if verdict.outcome == "included":
        return [] if before else [EnsUpdateIncluded(**about, **where)]
    cost: Any = {"gas_used": receipt.gas_used, "cost_wei": str(receipt.cost)}
    return [EnsUpdateConfirmed(**about, **where, **cost, changed=True, confirmations=verdict.confirmations)]


def _sent_again(chain: Ens, about: dict[str, Any], draft: Draft) -> Facts:
    """Send what the node has forgotten; nothing, where the key is not here any more."""
    signer = open_signer()
    if signer is None or signer.address != draft.sender:
        return []
    try:
        chain.send(signer.sign(draft))
    except PlatformError as error:
        if error.code in ("underpriced", "nonce_used"):
            return []  # its fees are too low by now, or its block comes: another look tells
        raise
    same = {each: getattr(draft, each) for each in ("sender", "nonce", "max_fee", "priority_fee")}
    return [EnsUpdateSubmitted(**about, **same, resent=True)]


def _stalled(link: EnsName, about: dict[str, Any], draft: Draft, seen: Seen, verdict: Verdict) -> Facts:
    """That it has waited for too long, and what helps: told once."""
    waited = round((now() - (link.waits_since or now())).total_seconds())
    if waited < STALLED or link.state == "stuck":
        return []
    code, why = "pending_timeout", "no block has taken it yet"
    if seen.nonces_used < draft.nonce:
        code, why = "nonce_gap", f"an earlier transaction of {draft.sender} is missing"
    elif verdict.outbid:
        code, why = "underpriced", "a block costs more than it offers"
    failure = Failure(
        code=code,
        stage="ens",
        message=f"The update of {link.name} has waited for {waited} seconds: {why}.",
        hint=f"Wait until fees fall, or offer more: flask ens check {link.name} --raise-fees.",
        evidence={"base_fee": seen.base_fee, "max_fee": draft.max_fee, "nonce": draft.nonce},
    )
    fees: Any = {"base_fee_now": seen.base_fee, "max_fee": draft.max_fee}
    return [EnsUpdateStalled(**about, **fees, pending_s=waited, failure=failure)]
