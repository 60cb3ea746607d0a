"""ENS on a real chain with the real contracts: read, prepared, signed, watched, and read back by web3."""

import json
import subprocess
import sys
from collections.abc import Callable

import pytest

from app.errors import InvalidInput, PermanentError, PlatformError, RetryableError
from app.services.ens.onchain import OnChain
from app.services.ens.port import Draft, Prepared, Signed
from app.services.ens.rpc import Rpc
from app.services.ens.signer import KeySigner
from app.services.ens.watching import judged
from tests.fixtures.ens_chains import KEY, Chain
from tests.fixtures.receivers import Receiver

SITE_A = "ipfs://bafybeigmoamqjt7twezzhwnwsrnjo2daymysdy4m7msl7ig74czoh6wamm"
HASH_A = "e30101701220cc701904cff3b13393d9b6945a976860c33121e38cfb24bfa0dfe0b2e3fac063"
OTHER = "ipfs://bafkreifjjcie6lypi6ny7amxnfftagclbuxndqonfipmb64f2km2devei4"


def ens_of(chain: Chain) -> OnChain:
    return OnChain(Rpc(chain.url), chain.registry.address)


def signer_of(chain: Chain) -> KeySigner:
    return KeySigner(KEY, Rpc(chain.url))


def sent(chain: Chain, uri: str = SITE_A, instead_of: Draft | None = None) -> tuple[Draft, Signed]:
    """Prepare, draft, sign and send."""
    ens, signer = ens_of(chain), signer_of(chain)
    draft = signer.draft(ens.prepare("site.eth", uri), instead_of=instead_of)
    signed = signer.sign(draft)
    ens.send(signed)
    return draft, signed


def refused(call: Callable[[], object], code: str) -> PlatformError:
    with pytest.raises(PlatformError) as caught:
        call()
    assert caught.value.code == code
    assert caught.value.message
    return caught.value


def test_a_name_is_read_as_the_chain_has_it(chain: Chain) -> None:
    record = ens_of(chain).record("Site.ETH")
    assert (record.name, record.resolver, record.owner) == ("site.eth", chain.resolver.address, chain.signer)
    assert (record.contenthash, record.uri, record.chain_id) == ("0x", None, chain.w3.eth.chain_id)
    assert bytes.fromhex(record.node[2:]) == chain.node("site.eth")
    chain.give("swarm.eth", chain.owner, resolver=chain.resolver.address)
    swarm = bytes.fromhex("e40101fa011b20" + "11" * 32)
    chain.resolver.functions.setContenthash(chain.node("swarm.eth"), swarm).transact({"from": chain.owner})
    record = ens_of(chain).record("swarm.eth")
    assert (record.contenthash, record.uri) == ("0x" + swarm.hex(), None)


def test_what_the_owners_wallet_signs_is_what_web3_reads_back(chain: Chain) -> None:
    chain.give("mine.eth", chain.owner, resolver=chain.resolver.address)
    prepared = ens_of(chain).prepare("mine.eth", SITE_A, sender=chain.owner)
    assert prepared.link == (
        f"ethereum:{chain.resolver.address}@{chain.w3.eth.chain_id}/setContenthash"
        f"?bytes32=0x{chain.node('mine.eth').hex()}&bytes=0x{HASH_A}"
    )
    built = chain.resolver.encode_abi("setContenthash", [chain.node("mine.eth"), bytes.fromhex(HASH_A)])
    assert prepared.calldata == built
    wallet = {"from": chain.owner, "to": prepared.to, "data": prepared.calldata, "gas": prepared.gas}
    assert chain.w3.eth.get_transaction_receipt(chain.w3.eth.send_transaction(wallet))["status"] == 1
    assert chain.contenthash("mine.eth").hex() == HASH_A
    assert ens_of(chain).record("mine.eth").uri == SITE_A


def test_a_signed_update_is_confirmed_once_it_is_deep_enough(chain: Chain) -> None:
    ens = ens_of(chain)
    draft, signed = sent(chain)
    seen = ens.look(signed.tx_hash, draft.sender, enough=2)
    assert (judged(seen, draft).outcome, judged(seen, draft).confirmations) == ("included", 1)
    chain.mine()
    verdict = judged(ens.look(signed.tx_hash, draft.sender, enough=2), draft)
    assert (verdict.outcome, verdict.confirmations) == ("confirmed", 2)
    mined = chain.w3.eth.get_transaction_receipt(signed.tx_hash)
    assert verdict.receipt is not None
    assert verdict.receipt.block_hash == chain.w3.to_hex(mined["blockHash"])
    assert verdict.receipt.cost == mined["gasUsed"] * mined["effectiveGasPrice"] > 0
    assert chain.contenthash("site.eth").hex() == HASH_A


def test_a_draft_is_signed_and_sent_any_number_of_times_as_one_transaction(chain: Chain) -> None:
    chain.tester.disable_auto_mine_transactions()
    draft, signed = sent(chain)
    assert signer_of(chain).sign(draft) == signed
    ens_of(chain).send(signed)
    seen = ens_of(chain).look(signed.tx_hash, draft.sender, enough=2)
    assert (seen.known, judged(seen, draft).outcome) == (True, "pending")
    chain.mine()
    ens_of(chain).send(signed)
    assert chain.w3.eth.get_transaction_count(chain.signer) == draft.nonce + 1


def test_a_newer_update_takes_the_place_of_one_that_waits(chain: Chain) -> None:
    older = signer_of(chain).draft(ens_of(chain).prepare("site.eth", OTHER))
    lost = signer_of(chain).sign(older)
    newer, signed = sent(chain, SITE_A, instead_of=older)
    assert newer.nonce == older.nonce
    assert newer.max_fee >= older.max_fee * 1.1
    assert newer.priority_fee >= older.priority_fee * 1.1
    chain.mine()
    ens = ens_of(chain)
    assert judged(ens.look(lost.tx_hash, older.sender, enough=2), older).outcome == "replaced"
    assert judged(ens.look(signed.tx_hash, newer.sender, enough=2), newer).outcome == "confirmed"
    refused(lambda: ens.send(lost), "nonce_used")
    assert chain.contenthash("site.eth").hex() == HASH_A


def test_a_chain_that_goes_back_has_reorged_then_dropped_and_takes_it_again(chain: Chain) -> None:
    ens, before = ens_of(chain), chain.tester.take_snapshot()
    draft, signed = sent(chain)
    receipt = judged(ens.look(signed.tx_hash, draft.sender, enough=2), draft).receipt
    chain.tester.revert_to_snapshot(before)
    chain.mine(2)
    seen = ens.look(signed.tx_hash, draft.sender, enough=2)
    assert judged(seen, draft, before=receipt).outcome == "reorged"
    assert judged(seen, draft).outcome == "dropped"
    ens.send(signed)
    chain.mine()
    seen = ens.look(signed.tx_hash, draft.sender, enough=2)
    assert judged(seen, draft, before=receipt).outcome == "reorged"  # it is in another block now
    assert judged(seen, draft).outcome == "confirmed"


def test_an_update_that_the_contract_refuses_has_failed(chain: Chain) -> None:
    chain.give("theirs.eth", chain.owner, resolver=chain.resolver.address)
    ens, signer = ens_of(chain), signer_of(chain)
    error = refused(lambda: ens.prepare("theirs.eth", SITE_A, sender=chain.signer), "not_authorised")
    assert chain.signer in error.message
    prepared = ens.prepare("theirs.eth", SITE_A)
    refused(lambda: signer.draft(prepared), "reverted")
    forced = Draft(
        prepared, signer.address, chain.w3.eth.get_transaction_count(chain.signer), 10**5, 10**11, 1
    )
    signed = signer.sign(forced)
    ens.send(signed)
    chain.mine()
    verdict = judged(ens.look(signed.tx_hash, signer.address, enough=2), forced)
    assert (verdict.outcome, chain.contenthash("theirs.eth")) == ("failed", b"")


def test_names_without_a_resolver_that_keeps_content_are_refused(chain: Chain) -> None:
    chain.give("bare.eth", chain.owner)
    chain.give("odd.eth", chain.owner, resolver=chain.registry.address)
    chain.give("empty.eth", chain.owner, resolver="0x000000000000000000000000000000000000dEaD")
    ens = ens_of(chain)
    refused(lambda: ens.record("bare.eth"), "no_resolver")
    refused(lambda: ens.record("never-registered.eth"), "no_resolver")
    refused(lambda: ens.prepare("empty.eth", SITE_A), "resolver_no_contenthash")
    refused(lambda: ens.record("odd.eth"), "resolver_no_contenthash")
    nowhere = OnChain(Rpc(chain.url), "0x000000000000000000000000000000000000dEaD")
    refused(lambda: nowhere.record("site.eth"), "no_resolver")
    assert isinstance(refused(lambda: ens.record("sité.eth"), "invalid_name"), InvalidInput)


def test_a_signer_without_ether_is_told_so(chain: Chain) -> None:
    poor = KeySigner("22" * 32, Rpc(chain.url))
    prepared = Prepared("site.eth", chain.w3.eth.chain_id, chain.resolver.address, "0x", "0x", "", gas=21_000)
    signed = poor.sign(poor.draft(prepared))
    assert refused(lambda: ens_of(chain).send(signed), "insufficient_funds").hint


@pytest.mark.parametrize("key", ["", "0x12", "zz" * 32, "00" * 32, "ff" * 32])
def test_a_key_that_is_none_is_refused_without_being_shown(key: str) -> None:
    error = refused(lambda: KeySigner(key, Rpc("http://127.0.0.1:1")), "key_invalid")
    assert not key or key not in str(error)


ANSWERS: dict[str, tuple[str, type[PlatformError], int, object]] = {
    "busy": ("rpc_unavailable", RetryableError, 429, "slow down"),
    "broken": ("rpc_unavailable", RetryableError, 502, "<h1>Bad gateway</h1>"),
    "no node": ("rpc_refused", PermanentError, 200, "<h1>Hello</h1>"),
    "another JSON": ("rpc_refused", PermanentError, 200, [1]),
    "no key": ("rpc_refused", PermanentError, 401, "key?"),
    "limited": ("rpc_unavailable", RetryableError, 200, {"error": {"code": -32005, "message": "rate limit"}}),
    "unknown call": ("rpc_refused", PermanentError, 200, {"error": {"code": -32601, "message": "not found"}}),
    "no ether": (
        "insufficient_funds", PermanentError, 200, {"error": {"message": "insufficient funds for gas"}},
    ),
    "too cheap": (
        "underpriced", RetryableError, 200, {"error": {"message": "replacement transaction underpriced"}},
    ),
    "reverted": ("reverted", PermanentError, 200, {"error": {"code": 3, "message": "execution reverted"}}),
    "odd address": ("wrong_chain", PermanentError, 200, {"result": "0x" + "ff" * 32}),
}  # fmt: skip


@pytest.mark.parametrize("case", ANSWERS)
def test_what_a_node_refuses_has_a_code(receiver: Callable[..., Receiver], case: str) -> None:
    code, kind, status, said = ANSWERS[case]
    body = said.encode() if isinstance(said, str) else json.dumps(said).encode()
    head = b"HTTP/1.1 %d X\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % (status, len(body))
    node = receiver(lambda visit: (visit.read(), visit.send(head + body)))
    rpc = Rpc(f"http://127.0.0.1:{node.port}/v3/our-own-key", seconds=2)
    error = refused(lambda: OnChain(rpc, "0x" + "00" * 20).record("site.eth"), code)
    assert type(error) is kind
    assert error.hint
    assert "our-own-key" not in str(error) + str(dict(error.evidence))


def test_a_node_that_is_down_or_mute_is_unavailable(receiver: Callable[..., Receiver]) -> None:
    mute = receiver(lambda visit: (visit.read(), visit.stop.wait(5)))
    for url in (f"http://127.0.0.1:{mute.port}", "http://127.0.0.1:1/our-own-key"):
        error = refused(lambda url=url: Rpc(url, seconds=0.2).ask("eth_chainId"), "rpc_unavailable")
        assert isinstance(error, RetryableError)
        assert "our-own-key" not in str(error)


def test_who_signs_leaves_the_interpreter_as_it_was() -> None:
    run = "import sys, app.services.ens.signer; sys.exit(sys.getrecursionlimit() > 1000)"
    assert subprocess.run([sys.executable, "-c", run]).returncode == 0
