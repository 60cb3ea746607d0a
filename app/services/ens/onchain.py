"""ENS as a chain has it: the resolver of a name from the registry, then its record, then what changes it.

The resolver is asked for every time: names move between resolvers, and ENS itself to new ones.
"""

from typing import Any

from app.content.contenthash import decode, encode
from app.dns.ens_names import checksummed, keccak256, namehash, normalised
from app.errors import InvalidInput, PermanentError
from app.services.ens import abi
from app.services.ens.port import Prepared, Receipt, Record, Seen, Signed
from app.services.ens.rpc import Rpc, number_in


class OnChain:
    """An `Ens` on the chain of a node, by the registry's address."""

    def __init__(self, rpc: Rpc, registry: str) -> None:
        self._rpc = rpc
        self._registry = registry

    def record(self, name: str, *, enough: int = 1) -> Record:
        """See the port."""
        name = normalised(name)
        node = namehash(name)
        resolver = self._resolver(name, node)
        owner = abi.address_in(self._rpc.call(self._registry, abi.asks_node(abi.OWNER, node)))
        block = self._rpc.ask("eth_getBlockByNumber", "latest", False)
        head = number_in(block["number"])
        asked = abi.asks_node(abi.CONTENTHASH, node)
        value, settled = (
            abi.bytes_in(self._rpc.call(resolver, asked, block=max(head - depth, 0)))
            for depth in (0, enough - 1)
        )
        expires = self._expires(name)
        return Record(
            name=name,
            node="0x" + node.hex(),
            chain_id=self._rpc.number("eth_chainId"),
            resolver=resolver,
            owner=owner and checksummed(owner),
            contenthash="0x" + value.hex(),
            uri=_uri(value),
            settled="0x" + settled.hex(),
            head=head,
            expired_at=expires if expires and expires < number_in(block["timestamp"]) else None,
        )

    def prepare(self, name: str, uri: str, *, sender: str | None = None) -> Prepared:
        """See the port."""
        name = normalised(name)
        node, value = namehash(name), encode(uri)
        resolver = self._resolver(name, node)
        data = abi.sets_contenthash(node, value)
        chain_id = self._rpc.number("eth_chainId")
        return Prepared(
            name=name,
            chain_id=chain_id,
            to=resolver,
            calldata="0x" + data.hex(),
            contenthash="0x" + value.hex(),
            link=wallet_link(resolver, chain_id, node, value),
            gas=self._gas(name, resolver, data, sender) if sender else None,
        )

    def look(self, tx_hash: str, sender: str, *, enough: int) -> Seen:
        """See the port."""
        block = self._rpc.ask("eth_getBlockByNumber", "latest", False)
        head = number_in(block["number"])
        settled = hex(max(head - enough + 1, 0))
        mined = self._rpc.ask("eth_getTransactionReceipt", tx_hash)
        receipt = _receipt(mined) if mined and mined.get("blockHash") else None
        canonical = receipt and self._rpc.ask("eth_getBlockByNumber", hex(receipt.block_number), False)
        return Seen(
            receipt=receipt,
            known=receipt is not None or self._rpc.ask("eth_getTransactionByHash", tx_hash) is not None,
            nonces_used=self._rpc.number("eth_getTransactionCount", sender, "latest"),
            nonces_settled=self._rpc.number("eth_getTransactionCount", sender, settled),
            head=head,
            base_fee=number_in(block.get("baseFeePerGas") or "0x0"),
            canonical=canonical["hash"] if canonical else None,
        )

    def send(self, signed: Signed) -> None:
        """See the port."""
        try:
            self._rpc.ask("eth_sendRawTransaction", signed.raw)
        except PermanentError as error:
            # another attempt of ours, or this one's first half, has brought it there
            if self._rpc.ask("eth_getTransactionByHash", signed.tx_hash) is None:
                raise error from error.__cause__

    def _resolver(self, name: str, node: bytes) -> str:
        found = abi.address_in(self._rpc.call(self._registry, abi.asks_node(abi.RESOLVER, node)))
        if found is None:
            what = f"{name} has no resolver on this chain, or is not registered."
            hint = "Set one at app.ens.domains, and look whether ENS_RPC and ENS_REGISTRY are of its chain."
            raise PermanentError("no_resolver", what, hint, evidence={"registry": self._registry})
        resolver = checksummed(found)
        if not self._keeps_contenthash(resolver):
            what = f"The resolver of {name}, {resolver}, keeps no content hash."
            hint = "Set the public resolver of ENS at app.ens.domains."
            raise PermanentError("resolver_no_contenthash", what, hint, evidence={"resolver": resolver})
        return resolver

    def _expires(self, name: str) -> int | None:
        """When a name under .eth runs out, as the registrar says that owns .eth; None where none does."""
        *_, label, ending = name.split(".")
        if ending != "eth":
            return None
        asked = abi.asks_node(abi.OWNER, namehash("eth"))
        registrar = abi.address_in(self._rpc.call(self._registry, asked))
        try:
            found = registrar and self._rpc.call(registrar, abi.EXPIRES + keccak256(label.encode()))
        except PermanentError as error:
            if error.code != "reverted":
                raise
            return None
        return abi.number_in(found) if found else None

    def _keeps_contenthash(self, resolver: str) -> bool:
        """What fails at the question does not (EIP-165)."""
        try:
            return abi.truth_in(self._rpc.call(resolver, abi.asks_interface(abi.CONTENTHASH)))
        except PermanentError as error:
            if error.code != "reverted":
                raise
            return False

    def _gas(self, name: str, resolver: str, data: bytes, sender: str) -> int:
        asked = {"from": sender, "to": resolver, "data": "0x" + data.hex()}
        try:
            return self._rpc.number("eth_estimateGas", asked)
        except PermanentError as error:
            if error.code != "reverted":
                raise
            what = f"{checksummed(sender)} may not change the records of {name}."
            hint = "Let its owner approve that address at app.ens.domains, or sign with the owner's."
            raise PermanentError("not_authorised", what, hint, evidence=error.evidence) from error


def wallet_link(resolver: str, chain_id: int, node: bytes, value: bytes) -> str:
    """A link that opens a wallet with the transaction (EIP-681)."""
    arguments = f"bytes32=0x{node.hex()}&bytes=0x{value.hex()}"
    return f"ethereum:{resolver}@{chain_id}/setContenthash?{arguments}"


def _uri(value: bytes) -> str | None:
    try:
        return decode(value)
    except InvalidInput:
        return None  # something else than IPFS and IPNS, which the record still shows


def _receipt(mined: dict[str, Any]) -> Receipt:
    return Receipt(
        block_number=number_in(mined["blockNumber"]),
        block_hash=mined["blockHash"],
        succeeded=number_in(mined["status"]) == 1,
        gas_used=number_in(mined["gasUsed"]),
        gas_price=number_in(mined.get("effectiveGasPrice") or "0x0"),
    )
