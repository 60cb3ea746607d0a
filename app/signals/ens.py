"""ENS names: which site each leads to, what the chain says of it, and how it follows what is live."""

from typing import Any, Literal

from app.engine import FailureSignal
from app.signals.deploys import DeploySignal, Finding
from app.signals.sites import SiteSignal

#: Who signs what changes a name: its owner's wallet, or a key of this installation.
Mode = Literal["prepared_tx", "signer"]


class EnsSignal(SiteSignal):
    """Base of what happens to one linked name."""

    ens_id: str
    name: str

    @property
    def subject(self) -> str:
        """The link."""
        return self.ens_id

    @property
    def label(self) -> str:
        """The name."""
        return self.name


class EnsRecordLinked(EnsSignal, type="ens.record.linked", starts="ens"):
    """A name is to lead to the site. It is looked at now, and follows what is live from then on."""

    mode: Mode


class EnsRecordUnlinked(EnsSignal, type="ens.record.unlinked"):
    """The name follows the site no more. What the chain says of it stays as it is."""


class EnsCheckRequested(EnsSignal, type="ens.check.requested", starts="ens_check"):
    """What the chain says of a name, or of the transaction that our signer sent for it, is to be looked at:
    `by` a person, or it is time.
    """

    by: Literal["user", "schedule"]
    of: Literal["name", "transaction"]


class EnsRecordVerified(EnsSignal, type="ens.record.verified"):
    """The name can be changed by its resolver. Recorded when something of this is new, or well again.

    `onchain_contenthash` is what it leads to at that block, in hex (`0x`: nothing), `decoded` its URI, where
    that is known.
    """

    node: str
    chain_id: int
    resolver: str
    owner: str | None
    onchain_contenthash: str
    decoded: str | None
    block: int


class EnsVerificationFailed(EnsSignal, FailureSignal, type="ens.record.verification.failed"):
    """A look found why the name cannot be changed, or the chain cannot be asked. It is looked at again."""


class EnsRecordDrifted(EnsSignal, type="ens.record.drifted"):
    """Somebody else has changed what the name leads to. Told once a value; the next deploy mends it."""

    expected: str
    onchain: str
    decoded: str | None
    block: int


class EnsUpdateSignal(DeploySignal):
    """Base of what happens to one update: `contenthash` is what the name is to have, for content `cid`.

    `again` says that it was asked for before, for the same deploy.
    """

    ens_id: str
    name: str
    mode: Mode
    cid: str
    contenthash: str
    again: bool = False


class EnsUpdateRequested(EnsUpdateSignal, type="ens.update.requested", starts="ens_update"):
    """A name is to follow what is live: something new is, or it is time to try again.

    `raises` offers higher fees for an update that waits, though it says the same.
    """

    raises: bool = False


class EnsUpdateQueued(EnsUpdateSignal, type="ens.update.queued"):
    """It waits until the update of another name, `behind`, is done: a signer's are made one by one."""

    behind: str


class EnsUpdatePrepared(EnsUpdateSignal, type="ens.update.prepared"):
    """The owner's wallet has to send `calldata` to the contract `to`; `deeplink` opens a wallet with it.

    It takes the place of any that was prepared before; `again` says that this led there too. `gas_estimate`
    is None where the chain would not say, as for names that a wrapper owns. `warnings`: `not_provided` where
    no IPFS node keeps the content.
    """

    chain_id: int
    to: str
    calldata: str
    gas_estimate: int | None
    deeplink: str
    owner: str | None
    warnings: tuple[Finding, ...] = ()


class EnsUpdateDrafted(EnsUpdateSignal, type="ens.update.drafted"):
    """A transaction of our own signer is settled but for its signature, so that signing twice makes the same.

    Fees are in wei for one unit of gas. `replaces` is the hash of an older one with the same nonce, and
    `because` says why.
    """

    chain_id: int
    to: str
    calldata: str
    deeplink: str
    sender: str
    nonce: int
    gas: int
    max_fee: int
    priority_fee: int
    replaces: str | None = None
    because: Literal["newer_deploy", "fees_raised"] = "newer_deploy"
    warnings: tuple[Finding, ...] = ()


class EnsUpdateSubmitted(EnsUpdateSignal, type="ens.update.submitted"):
    """The chain's node has the transaction. `resent` says that it had forgotten it."""

    tx_hash: str
    sender: str
    nonce: int
    max_fee: int
    priority_fee: int
    via: Literal["signer"] = "signer"
    resent: bool = False


class EnsUpdateReplaced(EnsUpdateSignal, type="ens.update.replaced"):
    """Another transaction has the nonce of `old_tx`: one of ours that is newer or dearer, or (without
    `new_tx`) one that the key was used for elsewhere.
    """

    old_tx: str
    new_tx: str | None
    reason: Literal["newer_deploy", "fees_raised", "nonce_used"]


class EnsUpdateIncluded(EnsUpdateSignal, type="ens.update.included"):
    """The transaction is in a block, which is not deep enough yet."""

    tx_hash: str
    block_number: int
    block_hash: str


class EnsUpdateConfirmed(EnsUpdateSignal, type="ens.update.confirmed"):
    """The name leads to the content, and so many blocks say so. Not `changed`: it did already.

    What a wallet has sent is known by its effect alone, so that all about the transaction is None. `cost_wei`
    is written as a string: it is beyond what JSON's readers can count.
    """

    changed: bool
    confirmations: int
    block_number: int
    tx_hash: str | None = None
    block_hash: str | None = None
    gas_used: int | None = None
    cost_wei: str | None = None
    warnings: tuple[Finding, ...] = ()


class EnsUpdateFailed(EnsUpdateSignal, FailureSignal, type="ens.update.failed"):
    """The name leads where it led before. The site is live all the same; it is tried again."""

    tx_hash: str | None = None


class EnsUpdateStalled(EnsUpdateSignal, FailureSignal, type="ens.update.stalled"):
    """The transaction has waited for so many seconds; fees are in wei for one unit of gas."""

    tx_hash: str
    pending_s: int
    base_fee_now: int
    max_fee: int


class EnsUpdateReorged(EnsUpdateSignal, type="ens.update.reorged"):
    """The block that had the transaction is no part of the chain any more: it waits again."""

    tx_hash: str
    old_block: int


#: What the operator is told.
EnsNews = (
    EnsUpdateFailed
    | EnsUpdatePrepared
    | EnsVerificationFailed
    | EnsRecordDrifted
    | EnsUpdateStalled
    | EnsUpdateConfirmed
)


def update_fields(update: Any) -> dict[str, Any]:
    """What every fact about an update says, taken from another one or from a link's row."""
    return {name: getattr(update, name) for name in EnsUpdateSignal.model_fields}
