"""The client of an IPFS node: against a real one what it keeps, against a forged one what goes wrong."""

import base64
import io
import json
import socket
from collections.abc import Callable, Iterator, Mapping
from urllib.parse import urlsplit

import httpx2
import pytest

from app.content.car import cids, header, section
from app.content.cid import Cid
from app.content.importer import import_tree
from app.content.profile import UNIXFS_V0_2015, UNIXFS_V1_2025, Profile
from app.errors import PermanentError, PlatformError, RetryableError
from app.services.ipfs.kubo import KuboNode
from tests.fixtures.receivers import Receiver, Visit

Start = Callable[..., Receiver]
NOT_PINNED = (500, {"Message": "path 'x' is not pinned", "Code": 0, "Type": "error"})


class Site:
    """Content and its blocks: `get` is what storage would do."""

    def __init__(self, files: Mapping[str, bytes], profile: Profile = UNIXFS_V1_2025) -> None:
        self.blocks: dict[Cid, bytes] = {}
        entries = [(path, lambda data=data: io.BytesIO(data)) for path, data in files.items()]
        self.root = import_tree(entries, self.blocks.__setitem__, profile).root

    def get(self, cid: Cid) -> bytes:
        if cid not in self.blocks:
            raise PermanentError("blob_missing", f"Blob {cid.key} is not in storage.")
        return self.blocks[cid]


def large(name: str) -> Site:
    return Site({"index.html": name.encode(), "big": name.encode() * 300_000, "of/many": b"", "empty/": b""})


def read_back(api: str, path: str) -> bytes:
    """What the node itself gives for a path, asked by nothing of ours."""
    return httpx2.post(f"{api}/api/v0/cat", params={"arg": path, "offline": "true"}, timeout=20).content


@pytest.mark.parametrize("profile", [UNIXFS_V1_2025, UNIXFS_V0_2015], ids=["v1", "v0"])
def test_a_node_keeps_a_site_and_reads_it_back(kubo_api: str, profile: Profile) -> None:
    site = Site({"index.html": b"<h1>%s</h1>" % profile.name.encode(), "a/b.js": b"x" * 600_000}, profile)
    node = KuboNode(kubo_api)
    assert not node.holds(site.root, site.get)
    pinned = node.pin(site.root, site.get)
    assert (pinned.cid, pinned.blocks) == (site.root, len(site.blocks))
    assert pinned.sent_bytes > sum(map(len, site.blocks.values()))
    assert node.holds(site.root, site.get)
    assert read_back(kubo_api, f"{site.root}/index.html") == b"<h1>%s</h1>" % profile.name.encode()
    assert read_back(kubo_api, f"{site.root}/a/b.js") == b"x" * 600_000


def test_what_is_there_is_not_sent_again_and_what_was_let_go_is(kubo_api: str) -> None:
    site, node = large("again"), KuboNode(kubo_api)
    assert node.pin(site.root, site.get).sent_bytes
    assert node.pin(site.root, site.get).sent_bytes == 0
    assert (node.unpin(site.root), node.unpin(site.root)) == (True, False)
    assert not node.holds(site.root, site.get)
    leaf = next(cid for cid in cids(site.root, site.get) if cid.codec == 0x55)
    httpx2.post(f"{kubo_api}/api/v0/block/rm", params={"arg": str(leaf)}).raise_for_status()
    assert node.pin(site.root, site.get).sent_bytes
    assert node.holds(site.root, site.get)


def test_a_block_that_storage_lacks_ends_the_import_and_nothing_is_pinned(kubo_api: str) -> None:
    site, node = large("lost"), KuboNode(kubo_api)
    lost = [cid for cid in site.blocks if cid.codec == 0x55][-1]
    kept = site.blocks.pop(lost)
    with pytest.raises(PermanentError) as caught:
        node.pin(site.root, site.get)
    assert caught.value.code == "blob_missing"
    assert not node.holds(site.root, site.get)
    site.blocks[lost] = kept
    assert node.pin(site.root, site.get).sent_bytes


def test_a_car_without_all_blocks_is_taken_but_not_pinned(kubo_api: str, monkeypatch) -> None:
    site = large("part")
    lost = next(cid for cid in site.blocks if cid.codec == 0x55)
    whole = list(site.blocks)
    monkeypatch.setattr(
        "app.services.ipfs.kubo.car",
        lambda root, get: _car_of(root, {cid: get(cid) for cid in whole if cid != lost}),
    )
    with pytest.raises(RetryableError) as caught:
        KuboNode(kubo_api, answer_within=2).pin(site.root, site.get)
    assert caught.value.code in ("ipfs_incomplete", "ipfs_failed", "ipfs_unavailable")


def _car_of(root: Cid, blocks: Mapping[Cid, bytes]) -> Iterator[bytes]:
    yield header(root)
    for cid, block in blocks.items():
        yield section(cid, block)


SITE = Site({"index.html": b"hello world\n"})
ROOT = {"Root": {"Cid": {"/": str(SITE.root)}, "PinErrorMsg": ""}}
PINNED = (200, {"Keys": {str(SITE.root): {"Type": "recursive"}}})
REFS = (200, {"Ref": str(next(cid for cid in SITE.blocks if cid != SITE.root)), "Err": ""})


def answers(given: Mapping[str, list[object]]) -> Callable[[Visit], None]:
    """A forged node: what it answers to each call in turn; bytes are sent as they are, None hangs up."""
    left = {call: list(turns) for call, turns in given.items()}

    def behave(visit: Visit) -> None:
        head = visit.read()
        while b"chunked" in head and not visit.request.endswith(b"0\r\n\r\n"):
            visit.request += visit.connection.recv(65536)
        call = head.split(b" ")[1].decode().removeprefix("/api/v0/").partition("?")[0]
        turn = left[call].pop(0)
        if isinstance(turn, tuple):
            status, said = turn
            body = said if isinstance(said, bytes) else json.dumps(said).encode() + b"\n"
            turn = b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n%s" % (status, len(body), body)
        if turn is not None:
            visit.send(turn)

    return behave


def forged(receiver: Start, given: Mapping[str, list[object]], user: str = "") -> tuple[KuboNode, Receiver]:
    started = receiver(answers(given))
    return KuboNode(f"http://{user}127.0.0.1:{started.port}", answer_within=2), started


def test_a_forged_node_that_behaves_is_believed(receiver: Start) -> None:
    node, _ = forged(receiver, {"pin/ls": [NOT_PINNED, PINNED], "dag/import": [(200, ROOT)], "refs": [REFS]})
    assert node.pin(SITE.root, SITE.get).blocks == 2


WRONG = {"Root": {"Cid": {"/": "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku"}}}
CASES = {
    "no credentials": ("ipfs_denied", PermanentError, {"dag/import": [(403, b"Kubo RPC Access Denied")]}),
    "not Kubo": ("ipfs_refused", PermanentError, {"dag/import": [(404, b"<h1>Not Found</h1>")]}),
    "a page": ("ipfs_refused", PermanentError, {"dag/import": [(200, b"<h1>Hello</h1>")]}),
    "an odd line": ("ipfs_refused", PermanentError, {"dag/import": [(200, b"[1]\n")]}),
    "redirected": ("ipfs_refused", PermanentError, {"dag/import": [(302, b"")]}),
    "disk full": (
        "ipfs_full",
        RetryableError,
        {"dag/import": [(500, {"Message": "write: no space left on device"})]},
    ),
    "its own failure": ("ipfs_failed", RetryableError, {"dag/import": [(500, {"Message": "boom"})]}),
    "behind a proxy": ("ipfs_failed", RetryableError, {"dag/import": [(502, b"Bad Gateway")]}),
    "another CID": ("ipfs_wrong_cid", PermanentError, {"dag/import": [(200, WRONG)]}),
    "no CID": ("ipfs_wrong_cid", PermanentError, {"dag/import": [(200, {"Root": {"Cid": {"/": "what"}}})]}),
    "not pinned": (
        "ipfs_incomplete",
        RetryableError,
        {"dag/import": [(200, {"Root": ROOT["Root"] | {"PinErrorMsg": "block not found"}})]},
    ),
    "no last word": ("ipfs_incomplete", RetryableError, {"dag/import": [(200, b"")]}),
    "blocks lost": ("ipfs_incomplete", RetryableError, {"dag/import": [(200, ROOT)], "refs": [(200, b"")]}),
    "walk failed": (
        "ipfs_incomplete",
        RetryableError,
        {"dag/import": [(200, ROOT)], "refs": [(200, {"Ref": "", "Err": "not found"})]},
    ),
    "hung up": ("ipfs_cut", RetryableError, {"dag/import": [None]}),
    "hung up while answering": (
        "ipfs_cut",
        RetryableError,
        {"dag/import": [b'HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n{"Ro']},
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_what_goes_wrong_at_the_node_has_a_code(receiver: Start, case: str) -> None:
    code, kind, given = CASES[case]
    node, started = forged(receiver, {"pin/ls": [NOT_PINNED, PINNED], **given})
    with pytest.raises(PlatformError) as caught:
        node.pin(SITE.root, SITE.get)
    assert caught.value.code == code
    assert type(caught.value) is kind
    assert caught.value.hint
    assert f"127.0.0.1:{started.port}" in caught.value.message or code in (
        "ipfs_wrong_cid",
        "ipfs_incomplete",
    )


def test_a_node_that_is_down_or_mute_is_unavailable(receiver: Start) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    mute = receiver(lambda visit: (visit.read(), visit.stop.wait(5)))
    for address in (f"http://127.0.0.1:{port}", f"http://127.0.0.1:{mute.port}"):
        with pytest.raises(RetryableError) as caught:
            KuboNode(address, answer_within=0.2).unpin(SITE.root)
        assert caught.value.code == "ipfs_unavailable"


def test_an_import_that_is_cut_in_the_middle_may_be_tried_again(receiver: Start) -> None:
    site = Site({f"{n}": bytes([n]) * 1_000_000 for n in range(16)})

    def behave(visit: Visit) -> None:
        if b"dag/import" not in visit.read():
            visit.send(b"HTTP/1.1 500 X\r\nContent-Length: 25\r\n\r\n" + b'{"Message": "not pinned"}')

    started = receiver(behave)  # it hangs up as soon as it has seen the head of the import
    with pytest.raises(RetryableError) as caught:
        KuboNode(f"http://127.0.0.1:{started.port}").pin(site.root, site.get)
    assert caught.value.code == "ipfs_cut"


def test_credentials_in_the_address_are_sent_and_never_shown(receiver: Start) -> None:
    basic = b"Basic " + base64.b64encode(b"me:pa:ss")
    for user, sent in (("me:pa%3Ass@", basic), ("tok%2Fen@", b"Bearer tok/en"), ("", b"")):
        node, started = forged(receiver, {"pin/rm": [(401, b"no")]}, user)
        with pytest.raises(PermanentError) as caught:
            node.unpin(SITE.root)
        head = started.requests[0].lower()
        assert (b"authorization: " + sent.lower() in head) if sent else b"authorization" not in head
        assert urlsplit(f"http://{user}x").netloc.rpartition("@")[0] not in str(caught.value) or not user
