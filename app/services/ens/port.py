"""The port: what the platform asks of ENS, and what comes back. Amounts are in wei, addresses in EIP-55."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Record:
    """What the chain says of a name: `contenthash` in hex (`0x` when unset), the `uri` of that, if known.

    `settled` is the content hash that it had in a block that is deep enough, `head` the newest block.
    `expired_at` is when it ran out, in seconds of the epoch; None for what is paid for or never runs out.
    """

    name: str
    node: str
    chain_id: int
    resolver: str
    owner: str | None
    contenthash: str
    uri: str | None
    settled: str
    head: int
    expired_at: int | None


@dataclass(frozen=True, slots=True)
class Prepared:
    """A transaction that somebody has to sign: `link` opens a wallet with it (EIP-681).

    `gas` is None where it was not asked for, or where the chain would not say.
    """

    name: str
    chain_id: int
    to: str
    calldata: str
    contenthash: str
    link: str
    gas: int | None = None


@dataclass(frozen=True, slots=True)
class Draft:
    """Everything that a signature covers besides what was prepared: with it, signing twice is the same."""

    prepared: Prepared
    sender: str
    nonce: int
    gas: int
    max_fee: int
    priority_fee: int


def drafted(name: str, said: Mapping[str, Any]) -> Draft:
    """A draft again, from the plain values in which it was recorded."""
    prepared = Prepared(
        name=name,
        chain_id=said["chain_id"],
        to=said["to"],
        calldata=said["calldata"],
        contenthash=said["contenthash"],
        link=said["deeplink"],
    )
    own = {each: said[each] for each in ("sender", "nonce", "gas", "max_fee", "priority_fee")}
    return Draft(prepared=prepared, **own)


@dataclass(frozen=True, slots=True)
class Signed:
    """A signed transaction: the bytes that are sent, in hex, and the hash that it has from then on."""

    raw: str
    tx_hash: str


@dataclass(frozen=True, slots=True)
class Receipt:
    """A transaction in a block."""

    block_number: int
    block_hash: str
    succeeded: bool
    gas_used: int
    gas_price: int

    @property
    def cost(self) -> int:
        """What it cost its sender."""
        return self.gas_used * self.gas_price


@dataclass(frozen=True, slots=True)
class Seen:
    """One look at a transaction: all that `watching.judged` needs.

    `known` says that the node has it, in a block or waiting. `nonces_used` is how many transactions of the
    sender are in blocks, `nonces_settled` in blocks that are deep enough. `canonical` is the hash of the
    block that the chain has at the receipt's height.
    """

    receipt: Receipt | None
    known: bool
    nonces_used: int
    nonces_settled: int
    head: int
    base_fee: int
    canonical: str | None


class Ens(Protocol):
    """A chain's ENS. Nothing here keeps a key; every call may be repeated.

    RetryableError `rpc_unavailable`; PermanentError `rpc_refused` (the node does not take the call) and
    `wrong_chain` (its answers are none of these contracts).
    """

    def record(self, name: str, *, enough: int = 1) -> Record:
        """What a name leads to now; `enough` blocks, the newest with them, are deep enough.

        InvalidInput `invalid_name`; PermanentError `no_resolver`, also for what is not registered, and
        `resolver_no_contenthash`.
        """

    def prepare(self, name: str, uri: str, *, sender: str | None = None) -> Prepared:
        """The transaction that makes a name lead to `ipfs://<cid>` or `ipns://<key>`.

        With a sender the chain is asked whether it would take it: PermanentError `not_authorised`.
        """

    def look(self, tx_hash: str, sender: str, *, enough: int) -> Seen:
        """What has become of a transaction; `enough` blocks, the newest with them, are deep enough."""

    def send(self, signed: Signed) -> None:
        """Hand a signed transaction over; one that is known already is taken as sent.

        PermanentError `insufficient_funds`, `nonce_used`, `reverted`; RetryableError `underpriced`.
        """


class Signer(Protocol):
    """Who holds the key of one address."""

    @property
    def address(self) -> str:
        """The address that it signs for."""

    def draft(self, prepared: Prepared, *, instead_of: Draft | None = None) -> Draft:
        """Settle nonce and fees; `instead_of` keeps the nonce and raises the fees enough to replace it."""

    def sign(self, draft: Draft) -> Signed:
        """Sign. The same draft is the same transaction, whoever repeats it."""
