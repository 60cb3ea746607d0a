"""Signing with a key of our own: nonce and fees first, the signature then, so that it can be repeated.

A draft is to be recorded before it is signed and sent. Signatures are deterministic (RFC 6979): whoever
repeats the draft after a crash makes the same transaction, and no second one can come of it.
"""

import re
import sys

from eth_account import Account

from app.errors import InvalidInput
from app.services.ens.port import Draft, Prepared, Signed
from app.services.ens.rpc import Rpc, number_in
from app.services.ens.watching import raised

# What comes along with eth-account lifts it to 100,000, where deeply nested JSON ends the whole process.
sys.setrecursionlimit(min(sys.getrecursionlimit(), 1000))

_KEY = re.compile(r"(0x)?[0-9a-fA-F]{64}")
_TIP = 1_000_000_000  # 1 gwei, where the node has no opinion
_SPARE = 6, 5  # of the estimated gas: a resolver that writes a longer value than before needs more


class KeySigner:
    """A `Signer` with the private key in hex. InvalidInput `key_invalid`; the message never shows it."""

    def __init__(self, key: str, rpc: Rpc) -> None:
        if not _KEY.fullmatch(key):
            raise InvalidInput("key_invalid", "The signer's key is not 32 bytes in hex.", "")
        try:
            self._account = Account.from_key(key)
        except ValueError:  # zero, or beyond the curve's order
            raise InvalidInput("key_invalid", "The signer's key is outside of the curve.", "") from None
        self._rpc = rpc

    @property
    def address(self) -> str:
        """The address that it signs for."""
        return str(self._account.address)

    def draft(self, prepared: Prepared, *, instead_of: Draft | None = None) -> Draft:
        """See the port. The fee bears five full blocks in a row: each raises the price by an eighth."""
        block = self._rpc.ask("eth_getBlockByNumber", "latest", False)
        tip = self._tip()
        fee = 2 * number_in(block.get("baseFeePerGas") or "0x0") + tip
        nonce = instead_of.nonce if instead_of else self._next_nonce()
        if instead_of:
            tip, fee = max(tip, raised(instead_of.priority_fee)), max(fee, raised(instead_of.max_fee))
        asked = {"from": self.address, "to": prepared.to, "data": prepared.calldata}
        gas = prepared.gas or self._rpc.number("eth_estimateGas", asked)
        return Draft(
            prepared=prepared,
            sender=self.address,
            nonce=nonce,
            gas=gas * _SPARE[0] // _SPARE[1],
            max_fee=fee,
            priority_fee=tip,
        )

    def sign(self, draft: Draft) -> Signed:
        """See the port."""
        signed = self._account.sign_transaction(
            {
                "type": 2,
                "chainId": draft.prepared.chain_id,
                "nonce": draft.nonce,
                "to": draft.prepared.to,
                "value": 0,
                "data": draft.prepared.calldata,
                "gas": draft.gas,
                "maxFeePerGas": draft.max_fee,
                "maxPriorityFeePerGas": draft.priority_fee,
            }
        )
        return Signed(raw="0x" + signed.raw_transaction.hex(), tx_hash="0x" + signed.hash.hex())

    def _next_nonce(self) -> int:
        """Behind what is in blocks, not behind what waits: never are two of ours open at once."""
        return self._rpc.number("eth_getTransactionCount", self.address, "latest")

    def _tip(self) -> int:
        return self._rpc.number("eth_maxPriorityFeePerGas") or _TIP
