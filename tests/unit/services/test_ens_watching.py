"""What a look at the chain means for a transaction: each case by itself, without a chain."""

from dataclasses import replace

import pytest

from app.services.ens.port import Draft, Prepared, Receipt, Seen
from app.services.ens.watching import judged, raised

DRAFT = Draft(
    Prepared("foo.eth", 1, "0xresolver", "0x", "0x", "ethereum:"),
    sender="0xsigner",
    nonce=7,
    gas=50_000,
    max_fee=100,
    priority_fee=1,
)
IN_BLOCK = Receipt(block_number=10, block_hash="0xaa", succeeded=True, gas_used=40_000, gas_price=50)
WAITS = Seen(receipt=None, known=True, nonces_used=7, nonces_settled=7, head=10, base_fee=50, canonical=None)
MINED = replace(WAITS, receipt=IN_BLOCK, nonces_used=8, canonical="0xaa")
FAILED = replace(MINED, receipt=replace(IN_BLOCK, succeeded=False))
GONE = replace(WAITS, known=False)


@pytest.mark.parametrize(
    ("seen", "before", "outcome"),
    [
        (WAITS, None, "pending"),
        (MINED, None, "included"),
        (MINED, IN_BLOCK, "included"),
        (replace(MINED, head=11, nonces_settled=8), IN_BLOCK, "confirmed"),
        (replace(MINED, head=9), None, "included"),  # the node fell behind between two questions
        (FAILED, None, "included"),
        (replace(FAILED, head=11, nonces_settled=8), None, "failed"),
        (GONE, None, "dropped"),
        (replace(GONE, nonces_used=8), None, "pending"),  # another one has the nonce, but not for good
        (replace(GONE, nonces_used=8, nonces_settled=8), None, "replaced"),
        (replace(WAITS, nonces_used=8, nonces_settled=8), None, "replaced"),
        (WAITS, IN_BLOCK, "reorged"),
        (GONE, IN_BLOCK, "reorged"),
        (replace(MINED, canonical="0xbb"), IN_BLOCK, "reorged"),
        (replace(MINED, canonical="0xbb"), None, "pending"),
        (replace(MINED, canonical=None), None, "pending"),
        (replace(MINED, receipt=replace(IN_BLOCK, block_hash="0xbb"), canonical="0xbb"), IN_BLOCK, "reorged"),
    ],
)
def test_one_look_says_what_has_become_of_it(seen: Seen, before: Receipt | None, outcome: str) -> None:
    assert judged(seen, DRAFT, before=before).outcome == outcome


def test_confirmations_are_counted_from_the_block_that_has_it() -> None:
    for head, outcome, deep in ((10, "included", 1), (13, "included", 4), (14, "confirmed", 5)):
        verdict = judged(replace(MINED, head=head), DRAFT, enough=5)
        assert (verdict.outcome, verdict.confirmations) == (outcome, deep)
        assert verdict.receipt == IN_BLOCK
        assert verdict.receipt.cost == 2_000_000


def test_what_waits_below_the_price_of_a_block_is_outbid() -> None:
    assert not judged(WAITS, DRAFT).outbid
    assert judged(replace(WAITS, base_fee=101), DRAFT).outbid


@pytest.mark.parametrize("fee", [0, 1, 9, 10, 1_000_000_000])
def test_a_raised_fee_is_a_tenth_higher_at_least(fee: int) -> None:
    assert raised(fee) >= fee * 1.1
    assert raised(fee) > fee
