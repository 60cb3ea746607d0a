"""ENS without a chain: names, content hashes and calldata against the published vectors, and bad ones."""

import hashlib
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.content.cid import DAG_PB, Cid
from app.content.contenthash import decode, encode
from app.dns.ens_names import checksummed, keccak256, namehash, normalised
from app.errors import InvalidInput, PermanentError
from app.services.ens import abi, open_ens, open_signer
from app.services.ens.onchain import OnChain, wallet_link

EXAMPLE = "bafybeibj6lixxzqtsb45ysdjnupvqkufgdvzqbnvmhw2kf7cfkesy7r7d4"
EXAMPLE_HASH = "e3010170122029f2d17be6139079dc48696d1f582a8530eb9805b561eda517e22a892c7e3f1f"
KEY = "k51qzi5uqu5dihst24f3rp2ej4co9berxohfkxaenbq1wjty7nrd5e9xp4afx1"
KEY_HASH = "e50101720024080112205cbd1cc86ac20d6640795809c2a185bb2504538a2de8076da5a6971b8acb4715"
PEER = "12D3KooWG4NvqQVczTrWY1H2tvsJmbQf5bbA3xGYXC4FM3wWCfE4"


@pytest.mark.parametrize(
    ("name", "node"),
    [
        ("", "00" * 32),
        ("eth", "93cdeb708b7545dc668eb9280176169d1c33cfd8ed6f04690a0bcc88a93fc4ae"),
        ("foo.eth", "de9b09fd7c5f901e23a3f19fecc54828e9c848539801e86591bd9801b019f84f"),
        ("ens.eth", "4e34d3a81dc3a20f71bbdf2160492ddaa17ee7e5523757d47153379c13cb46df"),
        (
            "481f50a5bdccc0bc4322c4dca04301433ded50f0.addr.reverse",
            "58354ffdde6ac279f3a058aafbeeb14059bcb323a248fb338ee41f95fa544c86",
        ),
    ],
)
def test_names_have_the_hashes_that_are_published(name: str, node: str) -> None:
    assert namehash(name).hex() == node


def test_the_hash_is_ethereums_and_not_the_standards() -> None:
    assert keccak256(b"").hex() == "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"
    assert keccak256(b"") != hashlib.sha3_256(b"").digest()


@pytest.mark.parametrize(
    "name", ["foo.eth", "_dnslink.my-site.eth", "a.b.c.eth", "0x1.eth", "-a-.eth", "___.eth"]
)
def test_a_name_that_is_normal_stays_and_capitals_become_small(name: str) -> None:
    assert normalised(name) == normalised(name.upper()) == name


BAD_NAMES = [
    "", "eth", ".eth", "foo.", "foo..eth", "foo.eth.", "foo bar.eth", "foo/bar.eth", "foo_bar.eth",
    "xn--bcher.eth", "ab--c.eth", "b\u00fcro.eth", "\u0430\u0440\u0440.eth", "fo\u200bo.eth", "\u212a.eth",
    "\u00df.eth", "foo\u3002eth", "\U0001f44d.eth", "foo\0.eth", "a" * 252 + ".eth", "foo\n.eth", "$.eth",
]  # fmt: skip


@pytest.mark.parametrize("name", BAD_NAMES)
def test_a_name_that_is_not_normal_is_refused(name: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        normalised(name)
    assert caught.value.code == "invalid_name"
    assert caught.value.hint


def test_addresses_are_written_with_their_checksum() -> None:
    for address in (
        "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
        "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
    ):
        assert checksummed(address.lower()) == checksummed(address) == address


@pytest.mark.parametrize(
    ("uri", "value", "back"),
    [
        ("ipfs://QmRAQB6YaCyidP37UdDnjFY5vQuiBrcqdyoW1CuDgwxkD4", EXAMPLE_HASH, f"ipfs://{EXAMPLE}"),
        (f"ipfs://{EXAMPLE}", EXAMPLE_HASH, f"ipfs://{EXAMPLE}"),
        (
            "ipfs://bafybeigmoamqjt7twezzhwnwsrnjo2daymysdy4m7msl7ig74czoh6wamm",
            "e30101701220cc701904cff3b13393d9b6945a976860c33121e38cfb24bfa0dfe0b2e3fac063",
            "ipfs://bafybeigmoamqjt7twezzhwnwsrnjo2daymysdy4m7msl7ig74czoh6wamm",
        ),
        (f"ipns://{KEY}", KEY_HASH, f"ipns://{KEY}"),
        (f"ipns://{PEER}", KEY_HASH, f"ipns://{KEY}"),
    ],
)
def test_content_hashes_are_those_that_are_published(uri: str, value: str, back: str) -> None:
    assert encode(uri).hex() == value
    assert decode(bytes.fromhex(value)) == back


@given(st.binary(min_size=32, max_size=32))
def test_every_content_and_every_key_comes_back(digest: bytes) -> None:
    content = f"ipfs://{Cid(1, DAG_PB, digest)}"
    assert decode(encode(content)) == content
    key = b"\xe5\x01\x01\x72\x00\x24\x08\x01\x12\x20" + digest
    uri = decode(key)
    assert uri is not None
    assert encode(uri) == key


def test_no_content_hash_leads_nowhere() -> None:
    assert decode(b"") is None


@pytest.mark.parametrize(
    "uri",
    [
        "", EXAMPLE, "https://example.org", "ipfs://", "ipfs://example.org", f"ipfs://{KEY}", "ipns://",
        "ipns://docs.ipfs.tech", f"ipns://{EXAMPLE}", f"ipns://{KEY[:-1]}", f"ipns://{PEER[:-2]}",
        "ipns://k" + "z" * 200, f"ipns://{KEY}/path", "bzz://" + "0" * 64,
    ],
)  # fmt: skip
def test_what_no_content_hash_stands_for_is_refused(uri: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        encode(uri)
    assert caught.value.code == "cid_invalid"


@pytest.mark.parametrize(
    "value",
    ["e3", "e301", "e30101", EXAMPLE_HASH[:-2], EXAMPLE_HASH + "00", KEY_HASH[:-2],
     "e40101fa011b20" + "11" * 32, "90b2ca05" + "22" * 32, "e5010170" + KEY_HASH[8:], "ff"],
)  # fmt: skip
def test_a_content_hash_of_something_else_is_told_as_unknown(value: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        decode(bytes.fromhex(value))
    assert caught.value.code == "contenthash_unknown"


def test_the_selectors_are_those_of_their_signatures() -> None:
    signatures = {
        abi.RESOLVER: b"resolver(bytes32)",
        abi.OWNER: b"owner(bytes32)",
        abi.CONTENTHASH: b"contenthash(bytes32)",
        abi.SET_CONTENTHASH: b"setContenthash(bytes32,bytes)",
        abi.SUPPORTS: b"supportsInterface(bytes4)",
        abi.EXPIRES: b"nameExpires(uint256)",
    }
    assert all(keccak256(text)[:4] == selector for selector, text in signatures.items())


def test_the_calldata_and_the_link_are_the_published_ones() -> None:
    node, value = namehash("foo.eth"), bytes.fromhex(EXAMPLE_HASH)
    assert abi.sets_contenthash(node, value).hex() == (
        "304e6adede9b09fd7c5f901e23a3f19fecc54828e9c848539801e86591bd9801b019f84f"
        + "40".rjust(64, "0") + "26".rjust(64, "0") + EXAMPLE_HASH.ljust(128, "0")
    )  # fmt: skip
    resolver = "0x231b0Ee14048e9dCcD1d247744d114a4EB5E8E63"
    assert wallet_link(resolver, 1, node, value) == (
        f"ethereum:{resolver}@1/setContenthash?bytes32=0x{node.hex()}&bytes=0x{EXAMPLE_HASH}"
    )


@given(st.binary(max_size=100))
def test_answers_are_read_or_refused_and_never_misread(answer: bytes) -> None:
    for read in (abi.address_in, abi.bytes_in, abi.truth_in):
        with suppress(PermanentError):
            read(answer)
    wrapped = (32).to_bytes(32, "big") + len(answer).to_bytes(32, "big") + answer + bytes(-len(answer) % 32)
    assert abi.bytes_in(wrapped) == answer
    assert abi.bytes_in(b"") == b""


def test_addresses_in_answers_are_whole_or_none() -> None:
    assert abi.address_in(bytes(12) + b"\x11" * 20) == "0x" + "11" * 20
    assert abi.address_in(bytes(32)) is abi.address_in(b"") is None


def test_the_settings_say_which_chain_and_who_signs(configure) -> None:
    configure(ENS_RPC="", ENS_SIGNER_KEY="")
    assert (open_ens(), open_signer()) == (None, None)
    configure(ENS_RPC="http://127.0.0.1:1/key")
    assert isinstance(open_ens(), OnChain)
    assert open_signer() is None
    configure(ENS_SIGNER_KEY="0x" + "11" * 32)
    signer = open_signer()
    assert signer is not None
    assert signer.address == "0x19E7E376E7C213B7E7e7e46cc70A5dD086DAff2A"
