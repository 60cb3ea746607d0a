"""Every published CID that the importer has to reproduce, on both profiles."""

import hashlib
import io
import json
from dataclasses import replace
from pathlib import Path

import pytest

from app.content.folders import name_hash
from app.content.importer import import_file, import_tree
from app.content.profile import UNIXFS_V0_2015 as V0
from app.content.profile import UNIXFS_V1_2025 as V1
from app.content.profile import Profile
from tests.unit.content.chacha import keystream

PROFILES = {profile.name: profile for profile in (V1, V0)}
VECTORS = json.loads((Path(__file__).parents[2] / "vectors/cid-vectors.json").read_text())["vectors"]
CONTENTS = {
    "empty.bin": b"",
    "hello-nl.txt": b"hello world\n",
    "hello.txt": b"hello world",
    "zeros-1MiB+1.bin": bytes((1 << 20) + 1),
    "zeros-1MiB.bin": bytes(1 << 20),
    "zeros-5MiB+7.bin": bytes((5 << 20) + 7),
}
SITE_A = {"index.html": "<h1>hello</h1>\n", "assets/app.js": "console.log(1)\n"}
CAR_SUBDIR = {"subdir/ascii.txt": "hello application/vnd.ipld.car\n", "subdir/hello.txt": "hello world\n"}


def file_cid(content: bytes, profile: Profile = V1) -> str:
    return str(import_file(io.BytesIO(content), None, profile).cid)


def folder_cid(files: dict[str, str], profile: Profile = V1) -> str:
    entries = [(path, lambda text=text: io.BytesIO(text.encode())) for path, text in files.items()]
    return str(import_tree(entries, None, profile).root)


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("name", VECTORS)
def test_the_importer_computes_the_same_cid_as_two_other_implementations(name: str, profile: str) -> None:
    vector = VECTORS[name]
    if vector["input"]["type"] == "file":
        found = file_cid(CONTENTS[name], PROFILES[profile])
    elif name == "dir2000":
        found = folder_cid({f"file-{i:04d}.txt": f"file {i}\n" for i in range(2000)}, PROFILES[profile])
    else:
        found = folder_cid(vector["input"]["files"], PROFILES[profile])
    assert found == vector[profile]


@pytest.mark.parametrize(
    ("files", "profile", "cid"),
    [
        ({}, V1, "bafybeiczsscdsbs7ffqz55asqdf3smv6klcw3gofszvwlyarci47bgf354"),
        (
            {"hello.txt": "hello world\n"},
            V1,
            "bafybeidhkumeonuwkebh2i4fc7o7lguehauradvlk57gzake6ggjsy372a",
        ),
        (SITE_A, V1, "bafybeigmoamqjt7twezzhwnwsrnjo2daymysdy4m7msl7ig74czoh6wamm"),
        (SITE_A, V0, "QmeHNNjXAmpRi5vM68wdXeaDCk1DHJ2WPVUhKNZUdFGz8A"),
        (CAR_SUBDIR, V1, "bafybeietjm63oynimmv5yyqay33nui4y4wx6u3peezwetxgiwvfmelutzu"),
    ],
)
def test_small_sites_have_their_published_cids(files: dict[str, str], profile: Profile, cid: str) -> None:
    assert folder_cid(files, profile) == cid


@pytest.mark.parametrize(("profile", "tsize"), [(V1, 192), (V0, 202)])
def test_the_total_size_of_a_site_counts_every_block(profile: Profile, tsize: int) -> None:
    entries = [(path, lambda text=text: io.BytesIO(text.encode())) for path, text in SITE_A.items()]
    assert import_tree(entries, None, profile).dag_bytes == tsize


@pytest.mark.parametrize(
    ("profile", "cid"),
    [
        (V1, "bafkreidydd2vikqeaqkxk456nt74bygi42gohqhv2f6qptg5smj7w4alv4"),
        (V0, "QmYdLaXf83ZpQmf4c7UTwUh3Fmz8JPWozW3hcq9a2hruhE"),
    ],
)
def test_a_file_between_the_two_chunk_sizes_tells_the_profiles_apart(profile: Profile, cid: str) -> None:
    assert file_cid(bytes(300 * 1024), profile) == cid


@pytest.mark.parametrize(
    ("seed", "size", "profile", "cid"),
    [
        ("chunk-v1-seed", 1 << 20, V1, "bafkreiacndfy443ter6qr2tmbbdhadvxxheowwf75s6zehscklu6ezxmta"),
        ("chunk-v1-seed", (1 << 20) + 1, V1, "bafybeigmix7t42i6jacydtquhet7srwvgpizfg7gjbq7627d35mjomtu64"),
        ("chunk-v0-seed", 1 << 18, V0, "QmWmRj3dFDZdb6ABvbmKhEL6TmPbAfBZ1t5BxsEyJrcZhE"),
        ("chunk-v0-seed", (1 << 18) + 1, V0, "QmYyLxtzZyW22zpoVAtKANLRHpDjZtNeDjQdJrcQNWoRkJ"),
    ],
)
def test_ipip_499_chunk_thresholds_hold(seed: str, size: int, profile: Profile, cid: str) -> None:
    assert file_cid(keystream(hashlib.sha256(seed.encode()).digest(), size), profile) == cid


def names_of(seed: str, count: int, length: int, last: int) -> list[str]:
    """File names as Kubo's profile tests make them: a keystream, letter by letter."""
    letters = "abcdefghijklmnopqrstuvwxyz01234567890-_"
    stream = keystream(hashlib.sha256(seed.encode()).digest(), count * length + last)
    text = "".join(letters[byte % len(letters)] for byte in stream)
    return [text[i * length : i * length + (last if i == count - 1 else length)] for i in range(count)]


@pytest.mark.parametrize(
    ("seed", "names", "profile", "cid"),
    [
        ("hamt-unixfs-v0-2015", (4096, 30, 30), V0, "QmX5GtRk3TSSEHtdrykgqm4eqMEn3n2XhfkFAis5fjyZmN"),
        ("hamt-unixfs-v0-2015", (4033, 31, 31), V0, "QmeMiJzmhpJAUgynAcxTQYek5PPKgdv3qEvFsdV3XpVnvP"),
        (
            "hamt-unixfs-v1-2025",
            (4766, 11, 21),
            V1,
            "bafybeic3h7rwruealwxkacabdy45jivq2crwz6bufb5ljwupn36gicplx4",
        ),
        (
            "hamt-unixfs-v1-2025",
            (4766, 11, 22),
            V1,
            "bafybeiegvuterwurhdtkikfhbxcldohmxp566vpjdofhzmnhv6o4freidu",
        ),
    ],
)
def test_kubos_folders_at_and_one_byte_above_the_hamt_threshold(
    seed: str, names: tuple[int, int, int], profile: Profile, cid: str
) -> None:
    assert folder_cid(dict.fromkeys(names_of(seed, *names), "x"), profile) == cid


def test_a_hamt_with_sparse_parts_has_the_cid_that_kubos_tests_expect() -> None:
    files = {f"file{i}": f"{i}\n" for i in range(1, 2001)}
    assert folder_cid(files, V0) == "QmavrTrQG4VhoJmantURAYuw3bowq3E2WcvP36NRQDAC1N"
    sharded = folder_cid(files, replace(V0, threshold=0))
    assert sharded == "QmSCJD1KYLhVVHqBK3YyXuoEqHt7vggyJhzoFYbT8v1XYL"


def test_a_hamt_places_names_by_the_published_hash() -> None:
    assert name_hash(b"470.txt").hex() == "006e88df5847e67c"
