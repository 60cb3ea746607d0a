"""What has become of a transaction, judged from a look at the chain: pure, so that each case can be tried."""

from dataclasses import dataclass
from typing import Literal

from app.services.ens.port import Draft, Receipt, Seen

#: Blocks on top of, and with, the one that has it, after which a transaction counts as there to stay.
CONFIRMATIONS = 2

Outcome = Literal["pending", "included", "confirmed", "failed", "replaced", "dropped", "reorged"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """`pending`: it waits. `included`: in a block, but not deep enough. `confirmed`: to stay. `failed`: in a
    block, and the contract refused it. `replaced`: another transaction has its nonce, for good. `dropped`:
    the node has forgotten it, and its nonce is free: it may be sent again as it is. `reorged`: the block that
    had it is no part of the chain any more. `outbid`: while it waits, a block costs more than it offers.
    """

    outcome: Outcome
    confirmations: int = 0
    receipt: Receipt | None = None
    outbid: bool = False


def judged(
    seen: Seen, draft: Draft, *, before: Receipt | None = None, enough: int = CONFIRMATIONS
) -> Verdict:
    """What a look says of a draft that was signed and sent; `before` is the block in which it was seen last.

    A failure and a replacement count when they are as deep as a confirmation has to be: until then a
    reorganisation may undo them, so the one is `included` and the other `pending`.
    """
    receipt = seen.receipt
    if receipt is not None and seen.canonical == receipt.block_hash:
        if before is not None and before.block_hash != receipt.block_hash:
            return Verdict("reorged", receipt=receipt)
        deep = max(seen.head - receipt.block_number + 1, 0)
        if deep < enough:
            return Verdict("included", deep, receipt)
        return Verdict("confirmed" if receipt.succeeded else "failed", deep, receipt)
    if before is not None:
        return Verdict("reorged")  # a look without `before` says whether it waits again, or is gone
    if seen.nonces_settled > draft.nonce:
        return Verdict("replaced")
    if not seen.known and seen.nonces_used <= draft.nonce:
        return Verdict("dropped")
    return Verdict("pending", outbid=seen.base_fee > draft.max_fee)


def raised(fee: int) -> int:
    """What a node takes in place of `fee` for the same nonce: a tenth more, and a little to spare."""
    return fee + fee // 8 + 1
