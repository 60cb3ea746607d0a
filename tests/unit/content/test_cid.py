"""CIDs as text and bytes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.content.cid import DAG_PB, RAW, Cid
from app.errors import InvalidInput

V0 = "QmbWqxBEKC3P8tqsKc98xmWNzrzDtRLMiMPL8wBuTGsMnR"
V1 = "bafybeigdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi"
HELLO = "bafkreifjjcie6lypi6ny7amxnfftagclbuxndqonfipmb64f2km2devei4"


def test_a_cid_goes_from_version_0_to_1_and_back() -> None:
    assert str(Cid.parse(V0).to_v1()) == V1
    assert str(Cid.parse(V1).to_v0()) == V0
    assert Cid.parse(V0).key == Cid.parse(V1).key


def test_a_raw_block_has_no_version_0() -> None:
    with pytest.raises(ValueError, match="version 0"):
        Cid.parse(HELLO).to_v0()
    assert Cid.of(b"hello world\n", RAW, 0) == Cid.parse(HELLO)


def test_the_key_of_a_raw_block_is_the_sha256_of_the_file() -> None:
    assert Cid.parse(HELLO).key == "a948904f2f0f479b8f8197694b30184b0d2ed1c1cd2a1ec0fb85d299a192a447"


@given(st.sampled_from([(0, DAG_PB), (1, DAG_PB), (1, RAW)]), st.binary(min_size=32, max_size=32))
def test_text_and_bytes_give_the_cid_back(form: tuple[int, int], digest: bytes) -> None:
    cid = Cid(*form, digest)
    assert Cid.parse(str(cid)) == cid == Cid.from_bytes(cid.bytes)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "b",
        "Qm",
        V1[:-1],
        V1 + "a",
        V1[:-1] + "j",  # the same bytes, with stray bits at the end
        V1.upper(),
        V0[:-1] + "0",
        V0 + V0,
        "../../etc/passwd",
        "bafkrei\0",
        "baejbeihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku",  # another codec
        "k51qzi5uqu5dihst24f3rp2ej4co9berxohfkxaenbq1wjty7nrd5e9xp4afx1",
        "b" * 10_000,
        "bæfy",
    ],
)
def test_anything_else_is_not_a_cid(text: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        Cid.parse(text)
    assert caught.value.code == "cid_invalid"
    assert len(caught.value.message) < 200


def test_base58_with_its_prefix_is_read() -> None:
    assert Cid.parse("z" + V0) == Cid.parse(V0)
